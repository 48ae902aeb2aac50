"""``segue train`` as it writes versions."""

import json
import math

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
