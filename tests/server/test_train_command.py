"""``segue train`` as it writes versions."""

import errno
import json
import math

import pytest
from safetensors import SafetensorError
from segue.plugin_api.training import DataSource, Report, Trainer, TrainingSettings
from segue.server.commands import train
from typer.testing import CliRunner


class ToyTrainer(Trainer):
    """Learns nothing, and can't measure half of it."""

    Settings = TrainingSettings
    example = "segue train popularity --data toys"

    def train(self, run, settings):
        run.sources.append(DataSource("Toys", "CC0-1.0", run.data))
        (run.artifacts / "weights.txt").write_text("1")
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data, artifacts, console):
        console.print("measuring")
        return [Report("Of nothing.", {"toy": {"accuracy": 0.5, "rho": math.nan, "odds": math.inf}})]


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


def test_a_card_leaves_out_what_could_not_be_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "_trainer", lambda algorithm: ToyTrainer())
    (tmp_path / "toys").mkdir()
    arguments = ["popularity", "--data", str(tmp_path / "toys"), "--out", str(tmp_path / "store"), "--json"]
    result = CliRunner().invoke(train.app, arguments)
    assert result.exit_code == 0, result.output
    (written,) = (tmp_path / "store").glob("*/*/card.json")
    card = json.loads(written.read_text(), parse_constant=no_constant)
    assert card["reports"] == [{"protocol": "Of nothing.", "rows": {"toy": {"accuracy": 0.5}}}]
    assert json.loads(result.stdout, parse_constant=no_constant) == card["reports"]


HIDDEN = RuntimeError("unexpected pos 704 vs 598")  # what torch makes of it
HIDDEN.__context__ = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "error",
    [
        HIDDEN,
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path, monkeypatch, error):
    def train_until_it_is_full(self, run, settings):
        (run.artifacts / "weights.txt").write_text("1")
        (run.work / "checkpoint.pt").write_text("1")
        raise error

    monkeypatch.setattr(ToyTrainer, "train", train_until_it_is_full)
    monkeypatch.setattr(train, "_trainer", lambda algorithm: ToyTrainer())
    (tmp_path / "toys").mkdir()
    arguments = ["popularity", "--data", str(tmp_path / "toys"), "--out", str(tmp_path / "store")]
    result = CliRunner().invoke(train.app, arguments)
    assert result.exit_code == 1
    assert " ".join(result.stderr.split()).startswith(f"error: no space is left for {tmp_path / 'store'}: no version")
    assert [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()] == ["checkpoint.pt"]
