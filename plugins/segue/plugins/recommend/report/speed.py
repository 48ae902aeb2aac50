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
from segue.plugins.recommend.model import RecommendModel
from segue.plugins.recommend.reading import read_dataset
from segue.v1 import recommend_pb2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

REPEATS = 5
CALLS = 200


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
    return Report(
        f"model half of {version.parent.name}, history of {history}, {len(model.data.catalogue):,} tracks, ten wanted, "
        "one core; milliseconds an answer",
        {f"batch of {size}": _answer_times(model, history, size, rng) for size in (1, 16)},
    )


def _answer_times(model: RecommendModel, history: int, size: int, rng: np.random.Generator) -> dict[str, float]:
    ids = model.data.catalogue.ids
    weights = model.data.audience / model.data.audience.sum()
    chosen = [rng.choice(len(ids), history, replace=False, p=weights) for _ in range(size)]
    items = [
        Item(
            recommend_pb2.RecommendRequest(
                history=[recommend_pb2.HistoryItem(track_id=ids[row], plays=3) for row in rows], count=10
            ),
            {"causes": 5},
            0,
        )
        for rows in chosen
    ]
    ours = _milliseconds(lambda: model.answer(items), CALLS // size) / size
    with threadpool_limits(1):
        bare = _milliseconds(lambda: _bare(model.scorer, chosen), CALLS // size) / size
    return {
        "p50": float(np.median(ours)),
        "p95": float(np.percentile(ours, 95)),
        "answers/s": float(1e3 / np.median(ours)),
        "bare numpy p50": float(np.median(bare)),
        "ratio": float(np.median(ours) / np.median(bare)),
    }


def _bare(scorer: Any, chosen: Sequence[NDArray[np.int64]]) -> None:
    played = scorer.tracks[np.stack(chosen)]
    systems = played.transpose(0, 2, 1) @ played + scorer.gram + np.eye(played.shape[2], dtype=np.float32)
    found = np.linalg.solve(systems, played.sum(axis=1)[:, :, None])[:, :, 0] @ scorer.tracks.T
    np.argpartition(-found, 10, axis=1)


def large_catalogue(folder: Path, tracks: int = 1_000_000, factors: int = 64) -> Report:
    """Time exact answers on a synthetic catalogue: the version is made in ``folder`` and served like any other."""
    from segue.plugins.recommend.model import save_scorer

    rng = np.random.default_rng(0)
    ids = [f"t{row}" for row in range(tracks)]
    nothing = sp.csr_matrix((tracks, 0), dtype=np.float32)
    catalogue = Catalogue(ids, ids, ids, [], nothing, np.zeros((tracks, 0), np.float32))
    columns = rng.integers(0, tracks, 2 * tracks).astype(np.int32)
    plays = sp.csr_matrix(
        (np.ones(2 * tracks, np.float32), columns, np.arange(0, 2 * tracks + 1, 50)), (tracks // 25, tracks)
    )
    data = Dataset(catalogue, [], plays, np.zeros(2 * tracks), np.zeros((0, 3), np.int32))
    scorer = Ials(IalsSettings(factors=factors))
    scorer.tracks = rng.normal(0, 0.1, (tracks, factors)).astype(np.float32)
    save_scorer(scorer, data, folder)
    model = RecommendModel()
    start = time.perf_counter()
    model.load(folder, "cpu")
    seconds = time.perf_counter() - start
    found = {f"batch of {size}": _answer_times(model, 50, size, rng) for size in (1, 16)}
    return Report(f"synthetic catalogue of {tracks:,} x {factors}, exact; loaded in {seconds:.0f} s", found)
