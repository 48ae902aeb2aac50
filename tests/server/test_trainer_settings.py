"""The settings of a trainer, as they are told and as they are given."""

import importlib
import json
import shlex
from io import StringIO
from pathlib import Path
from typing import Literal

import pytest
import typer
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from segue.plugin_api.errors import InvalidOption
from segue.plugin_api.training import Trainer, TrainingSettings
from segue.server.commands.trainer_settings import Row, given_settings, list_settings, read_settings, show_settings
from segue.server.plugins import load_plugins


class Sizes(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = Field(8, ge=1, le=64, description="Of the layers.")
    drop: float = Field(0.1, ge=0, lt=1, description="Part dropped.")


class ToyTrainer(Trainer):
    example = "segue train toy --data toys"

    class Settings(TrainingSettings):
        steps: int = Field(5, gt=0, description="Steps [of it].")
        kind: Literal["warm", "cold"] = Field("warm", description="Which.")
        start: Path | None = Field(None, description="Where from.")
        layers: tuple[int, ...] = Field((2, 3), description="Widths.")
        network: Sizes = Field(Sizes(width=16), description="Sizes.")
        tune: bool = Field(True, description="Whether.")

    def train(self, run, settings):
        raise AssertionError

    def evaluate(self, data, artifacts, console):
        raise AssertionError


def test_every_setting_is_listed_with_the_fields_of_those_that_have_some():
    assert list_settings(ToyTrainer.Settings) == [
        Row("steps", "integer", "5", "> 0", "Steps [of it]."),
        Row("kind", "warm | cold", "warm", "", "Which."),
        Row("start", "path", "", "", "Where from."),
        Row("layers", "JSON list", "[2, 3]", "", "Widths."),
        Row("network", "JSON", "", "", "Sizes."),
        Row("network.width", "integer", "16", ">= 1, <= 64", "Of the layers."),
        Row("network.drop", "number", "0.1", ">= 0, < 1", "Part dropped."),
        Row("tune", "boolean", "true", "", "Whether."),
    ]


def told(trainer):
    console = Console(file=StringIO(), width=200)
    show_settings("toy", trainer, console, as_json=False)
    return console.file.getvalue()


def test_what_is_told_can_be_given():
    text = told(ToyTrainer())
    assert "Steps [of it]." in text
    assert ToyTrainer.example in text
    (told_as,) = (word for word in shlex.split(text) if word.startswith("network={"))
    assert read_settings(ToyTrainer(), [told_as]).network.width == 16


def test_a_trainer_without_settings_says_so(monkeypatch):
    monkeypatch.setattr(ToyTrainer, "Settings", TrainingSettings)
    assert told(ToyTrainer()) == "toy has no settings.\n"


def test_what_was_given_is_written_as_it_can_be_given_again():
    given = ["steps=7", "layers=[4]", 'network={"drop": 0.5}', "start=a folder", "tune=false"]
    settings = read_settings(ToyTrainer(), given)
    assert (settings.layers, settings.network.drop, settings.tune) == ((4,), 0.5, False)
    words = shlex.split(given_settings(settings))
    assert words[::2] == ["--set"] * 5
    assert read_settings(ToyTrainer(), words[1::2]) == settings
    assert json.loads(words[words.index("--set") + 1].partition("=")[2]) == 7


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ("steps=0", "steps", "greater than 0"),
        ("step=1", "step", "settings are: steps, kind"),
        ("network={", "network", "'{', which is not JSON"),
        ('network={"width": 65}', "network.width", "64"),
        ('network={"size": 1}', "network.size", "not permitted"),
        ("layers=4", "layers", "tuple"),
    ],
)
def test_what_cannot_be_taken_is_named(given, field, text):
    with pytest.raises(InvalidOption) as caught:
        read_settings(ToyTrainer(), [given])
    assert caught.value.message.startswith(f"{field}: ")
    assert text in caught.value.message


def test_a_setting_without_a_value_is_refused():
    with pytest.raises(typer.BadParameter, match="must be NAME=VALUE"):
        read_settings(ToyTrainer(), ["steps"])


SHIPPED = {a.name: a.trainer for plugin in load_plugins() for a in plugin.algorithms if a.trainer}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_setting_of_what_ships_has_a_meaning(name):
    module, _, attribute = SHIPPED[name].partition(":")
    rows = list_settings(getattr(importlib.import_module(module), attribute).Settings)
    assert [row.name for row in rows if not row.meaning] == []
