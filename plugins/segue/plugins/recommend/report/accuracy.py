"""Accuracy of all methods on the two published protocols of HetRec Last.fm."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from segue.plugin_api.training import Report
from segue.plugins.recommend.algorithms import find_scorer
from segue.plugins.recommend.algorithms.base import Scorer
from segue.plugins.recommend.dataset import Dataset
from segue.plugins.recommend.evaluation import evaluate, split
from segue.plugins.recommend.model import RECIPE
from segue.plugins.recommend.reading import Cleaning, build_dataset, hetrec_tracks, read_dataset
from segue.plugins.recommend.tuning import Trials

METHODS = ("popularity", "svd", "user-knn", "content", "item-knn", "ease", "ials", "hybrid")
SHIPPED = Path(__file__).parent.parent / "weights"


def shipped_settings(name: str) -> Any:
    """Return the settings of the shipped version of a method."""
    recipe = SHIPPED / name / "1" / RECIPE
    settings = json.loads(recipe.read_text())["settings"] if recipe.is_file() else {}
    return find_scorer(name).Settings(**settings)


def fitted(name: str, settings: Any, data: Dataset, seed: int = 0) -> Scorer:
    """Return a method fitted on some plays."""
    scorer = find_scorer(name)(settings)
    scorer.fit(data, seed)
    return scorer


def random_split(folder: Path, splits: int, console: Console) -> Report:
    """Measure every method on random 80/20 splits per listener: mean over splits, and the deviation of NDCG@20."""
    data, _, _ = read_dataset(folder)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
    for seed in range(splits):
        rest, held_out = split(data, 0.2, "random", seed)
        for name in METHODS:
            found[name].append(evaluate(fitted(name, shipped_settings(name), rest), rest, held_out))
            console.print(f"split {seed} {name}: NDCG@20 {found[name][-1]['ndcg@20']:.4f}")
    rows = {name: _mean(several) for name, several in found.items()}
    return Report(
        f"HetRec Last.fm, random 80/20 per listener, all {len(data.catalogue):,} artists ranked, mean of {splits} "
        "splits; settings tuned on a carve-out of the training part of split 0",
        rows,
    )


def _mean(several: Sequence[dict[str, float]]) -> dict[str, float]:
    means = {metric: float(np.mean([one[metric] for one in several])) for metric in several[0]}
    return means | {"ndcg@20 sd": float(np.std([one["ndcg@20"] for one in several]))}


def lightgcn(folder: Path, work: Path, console: Console) -> list[Report]:
    """Measure every method on the split of LightGCN++: tuned on its validation part, with and without it in the fit.

    The split knows which artists a listener plays, not how often. Tags come by the recovered names; those that a
    listener gave to an artist of the validation or test part are left out with it.
    """
    everything, part_of = read_lightgcn(folder)
    train, wanted = _parts(everything, part_of, fitted_on=("train",), wanted="valid")
    both, test = _parts(everything, part_of, fitted_on=("train", "valid"), wanted="test")
    _, test_after_train = _parts(everything, part_of, fitted_on=("train",), wanted="test")
    trials = Trials(work / "lightgcn.json", console)
    best: dict[str, Any] = {}
    with_valid, without = {}, {}
    for name in METHODS:
        start = shipped_settings(name).model_dump()
        start |= {member: chosen for member, chosen in best.items() if member in start}  # those of hybrid
        best[name] = trials.best(find_scorer(name), start, set(), train, wanted, 0)
        with_valid[name] = evaluate(fitted(name, best[name], both), both, test)
        without[name] = evaluate(fitted(name, best[name], train), both, test_after_train)
        console.print(f"{name}: NDCG@20 {with_valid[name]['ndcg@20']:.4f}, {without[name]['ndcg@20']:.4f}")
    what = f"LightGCN++ split, all {len(everything.catalogue):,} artists ranked but those in train and valid, "
    return [
        Report(what + "fitted on train and valid", with_valid),
        Report(what + "fitted on train alone, asked with train and valid", without),
    ]


def read_lightgcn(folder: Path) -> tuple[Dataset, NDArray[np.str_]]:
    """Return the plays of the split, each 1, and the part ("train", "valid", "test") of every stored play.

    A few listeners and artists of the split could not be matched with HetRec's: they have no name and no tags.
    """
    maps = {}
    for kind in ("user", "item"):
        with (folder / "split_lightgcnpp" / f"{kind}_map.csv").open(encoding="utf-8") as file:
            reader = csv.reader(file)
            next(reader)
            maps[kind] = {row[0]: row[1] for row in reader}
    part: dict[tuple[str, str], str] = {}
    for name in ("train", "valid", "test"):
        for line in (folder / "split_lightgcnpp" / f"{name}.txt").read_text().splitlines():
            listener, *items = line.split()
            who = maps["user"].get(listener, f"unnamed {listener}")
            part |= {(who, maps["item"].get(item, f"unnamed {item}")): name for item in items}
    columns = {"listener": [listener for listener, _ in part], "track": [track for _, track in part]}
    data = build_dataset(columns, hetrec_tracks(folder), Cleaning())
    rows = np.repeat(np.arange(data.plays.shape[0]), np.diff(data.plays.indptr))
    ids = data.catalogue.ids
    named = [part[data.listeners[row], ids[column]] for row, column in zip(rows, data.plays.indices, strict=True)]
    return data, np.array(named)


def _parts(
    data: Dataset, part_of: NDArray[np.str_], fitted_on: Sequence[str], wanted: str
) -> tuple[Dataset, list[NDArray[np.int32]]]:
    indptr = data.plays.indptr
    chosen = part_of == wanted
    held_out = [data.plays.indices[start:end][chosen[start:end]] for start, end in pairwise(indptr)]
    return data.with_entries(np.isin(part_of, fitted_on)), held_out
