"""Training through the trainer: what is written, measured, resumed."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from segue.plugin_api import InvalidRequest
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Report, Run
from segue.plugins.recommend import train, tuning
from segue.plugins.recommend.model import RecommendModel
from segue.v1.recommend_pb2 import RecommendRequest

NETWORK = {"width": 8, "epochs": 3, "tune": False}


def run_in(folder: Path, data: Path) -> Run:
    artifacts, work = folder / "artifacts", folder / "work"
    artifacts.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    return Run(data=data, artifacts=artifacts, work=work, seed=0, console=Console(file=StringIO()))


def fit(trainer: train.RecommendTrainer, run: Run, **settings: Any) -> Report:
    return trainer.train(run, trainer.Settings(**settings))[0]


@pytest.mark.parametrize(
    ("trainer", "settings"),
    [
        (train.PopularityTrainer(), {}),
        (train.IalsTrainer(), {"factors": 8}),
        (train.HybridTrainer(), {"tune": False}),
        (train.CaserTrainer(), NETWORK),
    ],
    ids=lambda value: getattr(value, "algorithm", ""),
)
def test_a_version_is_written_measured_and_measured_again(
    trainer: train.RecommendTrainer, settings: dict[str, Any], data_folder: Path, tmp_path: Path
) -> None:
    run = run_in(tmp_path, data_folder)
    report = fit(trainer, run, **settings)
    assert {"popularity", "item-knn", trainer.algorithm} <= set(report.rows)
    assert run.sources[0].path == data_folder
    model = RecommendModel()
    model.load(run.artifacts, "cpu")
    answer = model.answer([Item(RecommendRequest(listener_id="listener-1"), {"causes": 3}, 0)])[0]
    assert len(answer.recommendations) == 10  # type: ignore[union-attr]
    again = trainer.evaluate(data_folder, run.artifacts, run.console)[0]
    assert again.protocol == report.protocol
    assert again.rows[trainer.algorithm] == pytest.approx(report.rows[trainer.algorithm], abs=1e-6)
    assert list(run.work.glob("events.out.tfevents.*"))
    assert not list(run.work.glob("checkpoint-*"))


def test_tuning_leaves_what_was_given_and_is_not_done_twice(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_in(tmp_path, data_folder)
    fit(train.IalsTrainer(), run, factors=8, regularisation=0.3)
    recipe = json.loads((run.artifacts / "recipe.json").read_text())
    assert recipe["settings"]["regularisation"] == 0.3
    assert len(json.loads((run.work / "trials.json").read_text())) == 3  # the values of "unobserved"

    def never(*_: Any) -> None:
        raise AssertionError("a trial was done twice")

    monkeypatch.setattr(tuning, "evaluate", never)
    fit(train.IalsTrainer(), run, factors=8, regularisation=0.3)


def test_an_interrupted_training_goes_on(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whole").mkdir()
    whole, broken = run_in(tmp_path / "whole", data_folder), run_in(tmp_path, data_folder)
    expected = fit(train.CaserTrainer(), whole, **NETWORK)
    log, epochs = train.RunWatch.log, []

    def interrupt(watch: train.RunWatch, name: str, value: float, step: int) -> None:
        if name.startswith("training"):
            epochs.append(step)
            if len(epochs) == 3:
                raise KeyboardInterrupt
        log(watch, name, value, step)

    monkeypatch.setattr(train.RunWatch, "log", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(train.CaserTrainer(), broken, **NETWORK)
    found = fit(train.CaserTrainer(), broken, **NETWORK)
    assert epochs == [0, 1, 2, 2, 0, 1, 2], "epochs 0 and 1 of the first fit were kept"
    assert found.rows["caser"] == pytest.approx(expected.rows["caser"])


def test_new_plays_and_tracks_join_without_training_anew(data_folder: Path, tmp_path: Path) -> None:
    first = run_in(tmp_path, data_folder)
    fit(train.IalsTrainer(), first, factors=8, regularisation=0.05)
    more = tmp_path / "more"
    more.mkdir()
    (more / "tracks.csv").write_text((data_folder / "tracks.csv").read_text())
    new = "".join(f"listener-{row},t60,9,1700000000\n" for row in range(0, 100, 2))  # rock, for those who like it
    (more / "plays.csv").write_text((data_folder / "plays.csv").read_text() + new)
    updated = run_in(more, more)
    fit(train.IalsTrainer(), updated, update=str(first.artifacts))
    recipe = json.loads((updated.artifacts / "recipe.json").read_text())
    assert recipe["settings"] == json.loads((first.artifacts / "recipe.json").read_text())["settings"]
    model = RecommendModel()
    model.load(updated.artifacts, "cpu")
    for listener, likes_rock in (("listener-102", True), ("listener-101", False)):
        request = RecommendRequest(listener_id=listener, count=8)
        answer = model.answer([Item(request, {"causes": 0}, 0)])[0]
        assert ("t60" in [track.track_id for track in answer.recommendations]) == likes_rock  # type: ignore[union-attr]


def test_update_from_nowhere_is_refused(data_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no version"):
        fit(train.IalsTrainer(), run_in(tmp_path, data_folder), update=str(tmp_path))


def test_data_without_the_named_column_is_refused(data_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no column nobody"):
        fit(train.IalsTrainer(), run_in(tmp_path, data_folder), listener_column="nobody")


def test_a_search_index_is_written_measured_and_used(data_folder: Path, tmp_path: Path) -> None:
    run = run_in(tmp_path, data_folder)
    trainer = train.IalsTrainer()
    report = trainer.train(run, trainer.Settings(factors=8, tune=False, index=True))[1]
    assert report.rows["ials"]["recall@50"] > 0.98
    model = RecommendModel()
    model.load(run.artifacts, "cpu")
    assert model.search is not None
    for request in (
        RecommendRequest(listener_id="listener-1", count=5),
        RecommendRequest(listener_id="listener-1", count=5, diversity=0.5),
        RecommendRequest(seed_tracks=["t3"], count=5),
        RecommendRequest(listener_id="listener-1", count=5, filter={"tags": ["jazz"]}),
    ):
        items = [Item(request, {"causes": 2, "search": how}, 0) for how in ("auto", "exact", "auto")]
        found, exact, again = model.answer(items)
        assert found == again
        assert found == exact  # so small a catalogue is searched whole


def test_a_method_without_factors_has_no_search_index(data_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="index"):
        fit(train.PopularityTrainer(), run_in(tmp_path, data_folder), index=True)
