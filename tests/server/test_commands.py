"""``segue train`` and ``segue models``: data in, the next version out, promoted, compared, exported."""

import json
from pathlib import Path

import pytest
from pydantic import Field
from segue.plugin_api import Recommender, message_model
from segue.plugin_api.store import ModelStore
from segue.plugin_api.training import DataSource, Report, Trainer, TrainingSettings
from segue.server.commands import models, serve, train
from segue.server.plugins import LoadedPlugin
from typer.testing import CliRunner

TOY = message_model("toy", "a:B")


class ToyTrainer(Trainer):
    class Settings(TrainingSettings):
        epochs: int = Field(3, ge=1)

    def train(self, run, settings):
        (run.artifacts / "weights").write_text(f"{settings.epochs} {run.seed}")
        run.sources.append(DataSource("toys", "CC0-1.0", run.data))
        return [Report("held-out toys", {"toy": {"fun": float(settings.epochs)}})]

    def evaluate(self, data, artifacts, console):
        return [Report("held-out toys", {"toy": {"fun": float((artifacts / "weights").read_text().split()[0])}})]


class Toy(Recommender):
    name, version, summary, models = "toy", "1.0", "A toy", (TOY,)
    trainer = f"{__name__}:ToyTrainer"

    async def recommend(self, request, call):
        raise AssertionError

    def probe(self):
        raise AssertionError

    def check_probe(self, response):
        raise AssertionError


class Untrained(Toy):
    name, trainer = "untrained", ""


@pytest.fixture
def run(monkeypatch, tmp_path):
    plugins = [LoadedPlugin("toys", "toys 1.0", algorithms=[Toy(), Untrained()])]
    monkeypatch.setattr(train, "load_plugins", lambda: plugins)
    monkeypatch.setattr(models, "load_plugins", lambda: plugins)
    monkeypatch.setattr(
        train.importlib, "import_module", lambda _: __import__("types").SimpleNamespace(ToyTrainer=ToyTrainer)
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "toys.csv").write_text("toy\n")

    def invoke(app, *arguments):
        result = CliRunner().invoke(app, [a.format(tmp=tmp_path) for a in arguments], terminal_width=200)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def make(run, *arguments):
    return run(train.app, "toy", "--data", "{tmp}/data", "--out", "{tmp}/store", *arguments)


def test_training_writes_a_version_with_its_card(run, tmp_path):
    output = make(run, "--seed", "7", "--set", "epochs=5").output
    assert f"Wrote toy version 1. Serve it: segue models promote toy 1 --store {tmp_path}/store\n" in output
    store = ModelStore(tmp_path / "store")
    card = store.card(TOY, 1)
    assert card["command"] == "segue train toy --data data --seed 7 --set epochs=5"
    assert card["settings"] == {"epochs": 5}
    assert card["reports"] == [{"protocol": "held-out toys", "rows": {"toy": {"fun": 5.0}}}]
    (source,) = card["data"]
    assert (source["name"], source["licence"], len(source["digest"])) == ("toys", "CC0-1.0", 64)
    assert (store.path(TOY, 1) / "weights").read_text() == "5 7"


def test_under_torchrun_only_the_first_process_writes_a_version(run, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    make(run)
    assert not ModelStore(tmp_path / "store").versions(TOY)


def test_evaluation_measures_the_version_that_serves(run, tmp_path):
    make(run)
    result = make(run, "--evaluate", "--json")
    assert json.loads(result.output) == [{"protocol": "held-out toys", "rows": {"toy": {"fun": 3.0}}}]
    assert list(ModelStore(tmp_path / "store").versions(TOY)) == [1]


def test_export_writes_the_version_that_serves_for_other_runtimes(run, tmp_path, monkeypatch):
    make(run)
    assert "can't be exported" in make(run, "--export", "{tmp}/onnx").stderr

    def export(self, data, artifacts, out, console):
        return [Report(f"{artifacts.name} to {out.name}", {"int8": {"MB": 1.0}})]

    monkeypatch.setattr(ToyTrainer, "export", export)
    result = make(run, "--export", "{tmp}/onnx", "--json")
    assert json.loads(result.output) == [{"protocol": "1 to onnx", "rows": {"int8": {"MB": 1.0}}}]
    assert list(ModelStore(tmp_path / "store").versions(TOY)) == [1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nobody",), "those that can be trained: toy"),
        (("untrained",), "nothing to train"),
        (("toy", "--set", "epochs=0"), "epochs"),
        (("toy", "--set", "epoch=1"), "settings are: epochs"),
    ],
)
def test_what_cannot_be_trained_is_named(run, arguments, text):
    name, *others = arguments
    result = run(train.app, name, "--data", "{tmp}/data", "--out", "{tmp}/store", *others)
    assert result.exit_code == 1
    assert text in result.stderr


def test_a_folder_that_can_not_be_made_and_a_wrong_setting_are_one_line(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    result = run(train.app, "toy", "--data", "{tmp}/data", "--out", "{tmp}/file/store")
    assert (result.exit_code, result.stderr.strip().endswith("Not a directory")) == (1, True)
    assert run(models.app, "export", "--out", "{tmp}/file", "--store", "{tmp}/store").exit_code == 2
    monkeypatch.setenv("SEGUE_WORKERS", "0")
    result = run(models.app, "list")
    assert result.exit_code == 1
    assert result.stderr == "error: workers (SEGUE_WORKERS): Input should be greater than or equal to 1\n"


@pytest.mark.parametrize("command", [(models.app, "list"), (serve.app,)])
def test_a_user_without_a_home_is_asked_for_a_folder(run, monkeypatch, command):
    def homeless(self):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    result = run(*command)
    assert result.exit_code == 1
    assert "name a folder in SEGUE_STORE" in result.stderr


def test_a_part_that_is_not_installed_is_named(run, monkeypatch):
    def load_nothing(_):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr(train.importlib, "import_module", load_nothing)
    result = make(run)
    assert result.exit_code == 1
    assert "No module named 'torch'" in result.stderr
    assert "pip install 'segue[all]'" in result.stderr


def test_training_without_data_asks_for_it(run):
    result = run(train.app, "toy")
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_the_settings_are_told_without_data_and_named_in_the_help(run):
    told = run(train.app, "toy", "--settings")
    assert told.exit_code == 0
    assert "epochs" in told.output
    assert ">= 1" in told.output
    schema = json.loads(run(train.app, "toy", "--settings", "--json").output)
    assert schema["properties"]["epochs"]["default"] == 3
    assert "segue train ials --settings" in run(train.app, "--help").output


def test_models_are_listed_shown_compared_promoted_and_exported(run, tmp_path):
    store = ("--store", "{tmp}/store")
    assert "not trained yet" in run(models.app, "list", *store).output
    make(run)
    make(run, "--set", "epochs=4")
    assert "CC0-1.0" in run(models.app, "list", *store).output
    assert json.loads(run(models.app, "show", "toy", "--version", "2", *store).output)["settings"] == {"epochs": 4}
    assert "+1.0000" in run(models.app, "compare", "toy", "1", "2", *store).output
    assert "now serves version 2" in run(models.app, "promote", "toy", "2", *store).output
    run(models.app, "export", "--out", "{tmp}/repository", *store)
    exported = tmp_path / "repository" / "toy"
    assert "versions: [2]" in (exported / "config.pbtxt").read_text()
    assert not (exported / "2" / "weights").is_symlink()
    assert "now serves version 1 again" in run(models.app, "roll-back", "toy", *store).output


def test_an_export_holds_files_where_a_shipped_version_has_links(run, tmp_path, monkeypatch):
    for name in ("first", "second"):
        (tmp_path / "shipped" / name / "1" / "inner").mkdir(parents=True)
    (tmp_path / "shipped" / "first" / "1" / "weights").write_text("the same")
    for place, way in (("weights", "../../first/1/weights"), ("inner/weights", "../../../first/1/weights")):
        (tmp_path / "shipped" / "second" / "1" / place).symlink_to(way)
    spec = message_model("second", "a:B", shipped=tmp_path / "shipped" / "second")
    monkeypatch.setattr(Toy, "models", (spec,))
    run(models.app, "export", "--out", "{tmp}/repository", "--store", "{tmp}/store")
    for place in ("weights", "inner/weights"):
        exported = tmp_path / "repository" / "second" / "1" / place
        assert exported.read_text() == "the same"
        assert not exported.is_symlink()


def test_an_export_does_not_overwrite_something_else(run, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    assert run(models.app, "export", "--out", "{tmp}/precious", "--store", "{tmp}/store").exit_code == 2
    assert (tmp_path / "precious" / "file").is_file()
