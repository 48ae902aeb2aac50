import json
import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.torch import load_file, save_file
from segue.plugin_api.errors import InvalidField
from segue.plugin_api.store import CARD
from segue.plugin_api.training import Run
from segue.plugins.chorale.plugin import Chorale
from segue.plugins.polish import data, dynamics, infill, likelihood, network, quality
from segue.plugins.polish.corrupt import corrupt_some
from segue.plugins.polish.measure import measure
from segue.plugins.polish.plugin import Polish
from segue.plugins.polish.train import PolishSettings, PolishTrainer

WEIGHTS = Path(Polish.models[0].shipped) / "1"
CADENCE = ((72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55), (72, 67, 64, 48))


@pytest.fixture
def packs(tmp_path):
    folder = tmp_path / "data" / "jsb_chorales"
    folder.mkdir(parents=True)
    pieces = [[[p + up for p in chord] for chord in CADENCE * 4 for _ in range(4)] for up in (0, 2, 5)]
    (folder / "Jsb16thSeparated.json").write_text(
        json.dumps({"train": pieces, "valid": pieces[:1], "test": pieces[1:]})
    )
    return tmp_path / "data"


def run(packs, tmp_path, name="a"):
    artifacts, work = tmp_path / name / "artifacts", tmp_path / "work"
    artifacts.mkdir(parents=True)
    work.mkdir(exist_ok=True)
    return Run(packs, artifacts, work, 0, Console(file=StringIO()))


def test_training_writes_weights_and_reports_and_resumes(packs, tmp_path):
    settings = PolishSettings(rounds=1, passes=1, batch=64, hidden=(8,))
    first = run(packs, tmp_path)
    reports = PolishTrainer().train(first, settings)
    assert [set(report.rows) for report in reports[:3]] == [
        {"identity", "nearest sixteenth and scale note", "polish"}
    ] * 3
    assert [set(report.rows) for report in reports[3:]] == [
        {"pitches of the piece", "likelihood"},
        {"fewer rules broken", "likelihood", "quality"},
        {"flat", "metre alone", "polish"},
    ]
    assert all(np.isfinite(value) for report in reports for row in report.rows.values() for value in row.values())
    assert [source.name for source in first.sources] == ["jsb_chorales", "JSB chorales, by chorale"]
    again = run(packs, tmp_path, "b")
    PolishTrainer().train(again, settings)  # nothing is left to do
    assert (again.artifacts / network.FILE).read_bytes() == (first.artifacts / network.FILE).read_bytes()
    for name in (likelihood.FILE, quality.FILE, dynamics.FILE):
        assert (again.artifacts / name).read_bytes() == (first.artifacts / name).read_bytes()
    assert PolishTrainer().evaluate(packs, first.artifacts, Console(file=StringIO())) == reports


def test_networks_can_be_kept_and_the_rest_fitted_anew(packs, tmp_path):
    first = run(packs, tmp_path)
    PolishTrainer().train(first, PolishSettings(networks=str(WEIGHTS)))
    assert (first.artifacts / network.FILE).read_bytes() == (WEIGHTS / network.FILE).read_bytes()
    assert (first.artifacts / likelihood.FILE).read_bytes() != (WEIGHTS / likelihood.FILE).read_bytes()
    with pytest.raises(InvalidField, match="nowhere"):
        PolishTrainer().train(run(packs, tmp_path, "b"), PolishSettings(networks="nowhere"))


def test_the_network_that_fills_in_is_one_of_chorale(packs, tmp_path):
    another = tmp_path / "chorale" / "2"
    shutil.copytree(Chorale.models[0].shipped / "1", another)
    card = json.loads((another / CARD).read_text())
    card["data"][0] |= {"name": "own hymns", "non_commercial": True}
    (another / CARD).write_text(json.dumps(card))
    weights = another / infill.WEIGHTS
    save_file({name: tensor * 0.5 for name, tensor in load_file(weights).items()}, weights)
    first = run(packs, tmp_path)
    PolishTrainer().train(first, PolishSettings(networks=str(WEIGHTS), infiller=str(another)))
    assert (first.artifacts / infill.FOLDER / infill.WEIGHTS).read_bytes() == weights.read_bytes()
    assert [(source.name, source.non_commercial) for source in first.sources] == [
        ("jsb_chorales", False),
        ("own hymns, by chorale", True),
    ]
    weights.unlink()
    with pytest.raises(InvalidField, match=r"infiller: is .*, a folder without weights\.safetensors"):
        PolishTrainer().train(run(packs, tmp_path, "b"), PolishSettings(infiller=str(another)))


def test_the_shipped_weights_beat_the_baselines(song, trained):
    reports = measure({"songs": [song, song.with_notes(pitch=song.pitch + 4)]}, trained, Console(file=StringIO()))
    jittered, spoiled, clean = (report.rows for report in reports)
    assert jittered["polish"]["onsets restored"] >= 0.95
    assert jittered["polish"]["wrong notes righted"] > jittered["polish"]["right notes wronged"]
    assert spoiled["polish"]["F1"] > max(0.65, spoiled["nearest sixteenth and scale note"]["F1"])
    assert spoiled["identity"]["F1"] == 0
    assert clean["polish"]["edits"] <= 1
    assert spoiled["polish"]["rules broken anew"] == 0
    assert spoiled["polish"]["change of the negative log-likelihood, nats per note"] < -0.1
    assert spoiled["polish"]["quality after"] > spoiled["polish"]["quality before"]
    assert spoiled["identity"]["issues of Analyze gone"] == 0


def test_parts_do_not_overlap(tmp_path):
    parts = [data.part_of(f"pop909/{number:03}") for number in range(909)]
    assert {part: parts.count(part) > 50 for part in data.PARTS} == dict.fromkeys(data.PARTS, True)
    with pytest.raises(InvalidField):
        data.read(tmp_path, "train")


def test_spoiling_keeps_the_truth(song):
    spoiled = corrupt_some(song, np.random.default_rng(0))
    kept = spoiled.origin >= 0
    changed = spoiled.piece.pitch[kept] != song.pitch[spoiled.origin[kept]]
    assert changed.sum() == round(0.1 * len(song) / 4)
    assert set(spoiled.origin[kept]) | set(spoiled.removed) == set(range(len(song)))
