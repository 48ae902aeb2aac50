"""Speed: iALS training beside the ``implicit`` library, and answers of the model half beside bare numpy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Report
from segue.plugins.recommend.algorithms.base import Scorer, Settings
from segue.plugins.recommend.algorithms.ials import Ials, IalsSettings
from segue.plugins.recommend.dataset import Catalogue, Dataset, History, histories_to_matrix
from segue.plugins.recommend.evaluation import evaluate, split
from segue.plugins.recommend.model import RecommendModel, save_scorer
from segue.plugins.recommend.reading import read_dataset
from segue.plugins.recommend.search import TrackSearch
from segue.v1 import recommend_pb2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

REPEATS = 5
CALLS = 200
HISTORY, ASKED = 40, 200
"""Plays of a history of the synthetic catalogue, and listeners whose answers are compared there."""


class _Implicit(Scorer):
    """``implicit``'s ALS in our evaluation."""

    name = "implicit"

    def __init__(self, factors: int, epochs: int, regularisation: float, alpha: float) -> None:
        super().__init__(Settings())
        from implicit.als import AlternatingLeastSquares

        self.model = AlternatingLeastSquares(factors, regularisation, alpha, iterations=epochs, random_state=0)

    def fit(self, data: Dataset, seed: int) -> None:
        self.model.fit(data.plays.sign().tocsr(), show_progress=False)

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        rows = histories_to_matrix(histories, len(self.model.item_factors)).sign().tocsr()
        found = self.model.recalculate_user(np.arange(len(histories)), rows) @ self.model.item_factors.T
        return np.asarray(found, dtype=np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.zeros((len(tracks), len(history)), dtype=np.float32)


def beside_implicit(folder: Path, factors: int = 64, epochs: int = 16) -> Report:
    """Train ours and ``implicit``'s in turns in this process; the best time of several each.

    ``implicit`` gets the best of nine settings *on the test part*, ours its defaults tuned elsewhere: the comparison
    favours the library.
    """
    rest, held_out = split(read_dataset(folder)[0], 0.2, "random", 0)
    ours = Ials(IalsSettings(factors=factors, epochs=epochs))
    theirs = [_Implicit(factors, epochs, r, alpha) for r in (0.01, 1.0, 10.0) for alpha in (1.0, 5.0, 20.0)]
    times: dict[str, list[float]] = {"ials": [], "implicit": []}
    with threadpool_limits(1):  # as implicit itself recommends: it brings threads of its own, as ours does
        for _ in range(REPEATS):
            for name, scorer in (("ials", ours), ("implicit", theirs[0])):
                start = time.perf_counter()
                scorer.fit(rest, 0)
                times[name].append(time.perf_counter() - start)
        for scorer in theirs:
            scorer.fit(rest, 0)
    best = max((evaluate(scorer, rest, held_out) for scorer in theirs), key=lambda row: row["ndcg@20"])
    rows = {"ials": evaluate(ours, rest, held_out), "implicit": best}
    for name, row in rows.items():
        row |= {"seconds": min(times[name]), "of implicit": min(times[name]) / min(times["implicit"])}
    return Report(f"{factors} factors, {epochs} epochs, HetRec Last.fm random 80/20, same process, same cores", rows)


def _milliseconds(call: Callable[[], Any], calls: int = CALLS) -> NDArray[np.float64]:
    call()
    found = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        found.append(1e3 * (time.perf_counter() - start))
    return np.array(found)


def answers(version: Path, history: int = 50) -> Report:
    """Time answers of a shipped version for histories never seen, alone and 16 at once, beside bare numpy.

    Bare numpy is one solve of the history's normal equations, one product with all tracks, one partial sort.
    """
    model = RecommendModel()
    model.load(version, "cpu")
    rng = np.random.default_rng(0)
    weights = model.data.audience / model.data.audience.sum()
    histories = [rng.choice(len(weights), history, replace=False, p=weights) for _ in range(16)]
    return Report(
        f"model half of {version.parent.name}, history of {history}, {len(model.data.catalogue):,} tracks, ten wanted, "
        "one core; milliseconds an answer",
        {f"batch of {size}": _answer_times(model, histories[:size], 10) for size in (1, 16)},
    )


def _answer_times(
    model: RecommendModel, histories: Sequence[NDArray[Any]], count: int, search: str = "exact"
) -> dict[str, float]:
    ids, size = model.data.catalogue.ids, len(histories)
    items = [
        Item(
            recommend_pb2.RecommendRequest(
                history=[recommend_pb2.HistoryItem(track_id=ids[row], plays=3) for row in rows], count=count
            ),
            {"causes": 5, "search": search},
            0,
        )
        for rows in histories
    ]
    ours = _milliseconds(lambda: model.answer(items), CALLS // size) / size
    with threadpool_limits(1):
        bare = _milliseconds(lambda: bare_answer(model.scorer, histories, count), CALLS // size) / size
    return {
        "p50": float(np.median(ours)),
        "p95": float(np.percentile(ours, 95)),
        "answers/s": float(1e3 / np.median(ours)),
        "bare numpy p50": float(np.median(bare)),
        "ratio": float(np.median(ours) / np.median(bare)),
    }


def bare_answer(scorer: Any, histories: Sequence[NDArray[Any]], count: int) -> None:
    """Do the arithmetic of some answers and nothing else."""
    played = scorer.tracks[np.stack(histories)]
    systems = played.transpose(0, 2, 1) @ played + scorer.gram + np.eye(played.shape[2], dtype=np.float32)
    found = np.linalg.solve(systems, played.sum(axis=1)[:, :, None])[:, :, 0] @ scorer.tracks.T
    np.argpartition(-found, count, axis=1)


def large_catalogue(
    data: Dataset, folder: Path, tracks: int = 1_000_000, factors: int = 64, threads: int = 0
) -> Report:
    """Time answers on a synthetic catalogue, exact and by the search index: a version made in ``folder``.

    Its tracks are variations of real ones: the factors of one, mixed with up to half of those of a popular one, and
    noise of .3 standard deviations. Its listeners are the real ones, with a variation of each track they play.
    """
    made, scorer = _synthetic(data, tracks, factors)
    save_scorer(scorer, made, folder)
    start = time.perf_counter()
    TrackSearch.build(scorer.tracks, threads).save(folder)
    built = time.perf_counter() - start
    model = RecommendModel()
    start = time.perf_counter()
    model.load(folder, "cpu")
    loaded = time.perf_counter() - start
    histories = [history for history in made.histories()[: 2 * ASKED] if len(history) >= HISTORY][:ASKED]
    played = [history.tracks[:HISTORY] for history in histories[:16]]  # of one length, as bare numpy wants them
    rows = {
        f"{search}, batch of {size}": _answer_times(model, played[:size], 50, search)
        for search in ("exact", "auto")
        for size in (1, 16)
    }
    if model.search is not None:
        rows["auto, batch of 1"]["recall@50"] = model.search.recall(scorer.fold_in(histories))
    what = f"synthetic catalogue of {tracks:,} x {factors}, fifty wanted; index built in {built:.0f} s, "
    return Report(f"{what}version loaded in {loaded:.0f} s", rows)


def _synthetic(data: Dataset, tracks: int, factors: int) -> tuple[Dataset, Ials]:
    scorer = Ials(IalsSettings(factors=factors))
    scorer.fit(data, 0)
    rng = np.random.default_rng(0)
    real = np.append(np.arange(len(scorer.tracks)), rng.choice(len(scorer.tracks), tracks - len(scorer.tracks)))
    popular = rng.choice(len(scorer.tracks), tracks, p=data.audience / data.audience.sum())
    share = rng.random((tracks, 1)) / 2
    noise = rng.normal(0, 0.3, (tracks, factors)) * scorer.tracks.std(axis=0)
    varied = (1 - share) * scorer.tracks[real] + share * scorer.tracks[popular] + noise
    order = np.argsort(real, kind="stable")
    first = np.searchsorted(real[order], np.arange(len(scorer.tracks) + 1))
    played = rng.integers(first[data.plays.indices], first[data.plays.indices + 1])
    plays = sp.csr_matrix((data.plays.data, order[played], data.plays.indptr), shape=(data.plays.shape[0], tracks))
    plays.sort_indices()
    scorer.tracks = varied.astype(np.float32)
    ids = [f"t{row}" for row in range(tracks)]
    nothing = sp.csr_matrix((tracks, 0), dtype=np.float32)
    catalogue = Catalogue(ids, ids, ids, [], nothing, np.zeros((tracks, 0), np.float32))
    return Dataset(catalogue, [], plays, np.zeros(plays.nnz), np.zeros((0, 3), np.int32)), scorer
