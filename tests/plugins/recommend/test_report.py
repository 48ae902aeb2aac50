"""The commands that remake the README's figures, on a tiny folder in HetRec's form."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from segue.plugins.recommend.reading import read_dataset
from segue.plugins.recommend.report import accuracy, cold_start, incremental, next_track, speed, trade_off

QUIET = Console(file=StringIO())


def write_table(path: Path, header: str, rows: list[tuple[object, ...]], delimiter: str = "\t") -> None:
    lines = [header.replace(" ", delimiter), *(delimiter.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def hetrec(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two tastes as a HetRec folder with a LightGCN++ split."""
    folder = tmp_path_factory.mktemp("hetrec")
    with (data_folder / "plays.csv").open() as file:
        plays = [(row["user"].split("-")[1], row["song"][1:], row["plays"]) for row in csv.DictReader(file)]
    write_table(folder / "user_artists.tsv", "userID artistID weight", list(plays))
    write_table(folder / "artists.tsv", "id name url", [(i, f"Artist {i}", "") for i in range(60)])
    write_table(folder / "tags.tsv", "tagID tagValue", [(1, "rock"), (2, "jazz")])
    taggings = [
        (listener, track, 1 if int(track) < 30 else 2, 1, 1 + place % 11, 2009)
        for place, (listener, track, _) in enumerate(plays)
    ]
    write_table(folder / "user_taggedartists.tsv", "userID artistID tagID day month year", list(taggings))
    parts = folder / "split_lightgcnpp"
    parts.mkdir()
    ids = sorted({listener for listener, _, _ in plays}, key=int)
    write_table(parts / "user_map.csv", "user id", [(row, user) for row, user in enumerate(ids)][:-2], ",")
    write_table(parts / "item_map.csv", "item id x name", [(i, i, 0, f"Artist {i}") for i in range(60)], ",")
    lines: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for row, user in enumerate(ids):
        own = [track for listener, track, _ in plays if listener == user]
        for name, some in (("train", own[:-3]), ("valid", own[-3:-2]), ("test", own[-2:])):
            lines[name].append(" ".join([str(row), *some]))
    for name, text in lines.items():
        (parts / f"{name}.txt").write_text("\n".join(text) + "\n")
    return folder


@pytest.fixture(autouse=True)
def few_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "METHODS", ("popularity", "item-knn", "ease"))
    monkeypatch.setattr(next_track, "METHODS", ("popularity", "markov", "item-knn"))
    monkeypatch.setattr(speed, "CALLS", 16)


def test_the_table_of_the_random_split(hetrec: Path) -> None:
    rows = accuracy.random_split(hetrec, 2, QUIET).rows
    assert rows["ease"]["ndcg@20"] > rows["popularity"]["ndcg@20"]


def test_the_parts_of_the_lightgcn_split_are_kept_apart(hetrec: Path, tmp_path: Path) -> None:
    _, part_of = accuracy.read_lightgcn(hetrec)
    assert dict(zip(*np.unique(part_of, return_counts=True), strict=True)) == {"train": 1600, "valid": 200, "test": 400}
    both, after = accuracy.lightgcn(hetrec, tmp_path, QUIET)
    assert set(both.rows) == set(after.rows) == {"popularity", "item-knn", "ease"}


def test_cold_tracks_are_found_above_chance(hetrec: Path) -> None:
    among, _ = cold_start.cold_start(hetrec)
    assert among.rows["hybrid"]["recall@20"] > 0


def test_next_track(hetrec: Path) -> None:
    assert set(next_track.next_track(hetrec, QUIET).rows) == {"popularity", "markov", "item-knn"}


def test_an_update_is_nearly_as_good_as_a_fit(hetrec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental, "METHODS", ("item-knn", "svd", "ease", "ials"))
    for name, row in incremental.incremental(hetrec)[0].rows.items():
        if name == "ials":
            assert row["updated"] - row["before"] > 0.5 * (row["fitted anew"] - row["before"])
        else:
            assert row["updated"] == pytest.approx(row["fitted anew"], abs=1e-6)


def test_trade_off(hetrec: Path) -> None:
    novelty, diversity = trade_off.trade_off(hetrec)
    assert novelty.rows["0.8"]["listeners of a track"] < novelty.rows["0.0"]["listeners of a track"]
    assert diversity.rows["0.8"]["similarity of pairs"] < diversity.rows["0.0"]["similarity of pairs"]


def test_speed(hetrec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert speed.beside_implicit(hetrec, factors=8, epochs=2).rows["ials"]["seconds"] > 0
    monkeypatch.setattr(speed, "HISTORY", 9)
    rows = speed.large_catalogue(read_dataset(hetrec)[0], tmp_path, tracks=6000, factors=8).rows
    assert rows["exact, batch of 1"]["p50"] > 0
    assert rows["auto, batch of 1"]["recall@50"] > 0.98
