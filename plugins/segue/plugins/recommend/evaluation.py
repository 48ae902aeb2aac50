"""Splits and the field's metrics, always with every track of the catalogue ranked.

Recall@20 and NDCG@20/@100 divide by the best that the list length allows; HR@10 is the share of listeners with a hit
among the first ten; coverage is the share of the catalogue that is in anybody's first twenty; novelty is the mean of
-log2 of the share of listeners that play a recommended track, in bits. Means are over listeners with held-out plays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from segue.plugins.recommend.algorithms.base import Scorer
from segue.plugins.recommend.dataset import Dataset, History

BATCH = 256


def split(
    data: Dataset, share: float, how: Literal["random", "temporal"], seed: int
) -> tuple[Dataset, list[NDArray[np.int32]]]:
    """Hold out part of every listener's plays.

    Parameters
    ----------
    data
        What to split.
    share
        Part to hold out, 0-1, rounded to whole tracks; nothing of a listener with fewer than two.
    how
        ``"random"``, or ``"temporal"``: the latest.
    seed
        Seed of the random split.

    Returns
    -------
    Dataset, list of ndarray
        What is left, and the held-out tracks of each listener, the latest last.
    """
    rng = np.random.default_rng(seed)
    keep = np.ones(data.plays.nnz, dtype=bool)
    held_out = []
    for start, end in zip(data.plays.indptr[:-1], data.plays.indptr[1:], strict=True):
        order = rng.permutation(end - start)
        if how == "temporal":
            order = order[np.argsort(data.times[start:end][order], kind="stable")]
        count = max(min(round((end - start) * share), end - start - 1), 0)
        out = start + order[len(order) - count :]
        keep[out] = False
        held_out.append(data.plays.indices[out])
    return data.with_entries(keep), held_out


def evaluate(scorer: Scorer, data: Dataset, held_out: Sequence[NDArray[np.int32]]) -> dict[str, float]:
    """Rank all tracks that are not in ``data`` for every listener and measure against what was held out."""
    audience = np.maximum(data.audience, 1) / data.plays.shape[0]
    rows = [row for row, tracks in enumerate(held_out) if len(tracks)]
    found: list[dict[str, float]] = []
    seen = np.zeros(len(data.catalogue), dtype=bool)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        histories = [data.history(row) for row in batch]
        for row, ranked in zip(batch, top_tracks(scorer.scores(histories), histories, 100), strict=True):
            found.append(_measure(ranked, held_out[row]) | {"novelty": float(-np.log2(audience[ranked[:20]]).mean())})
            seen[ranked[:20]] = True
    means = {name: float(np.mean([one[name] for one in found])) for name in found[0]} if found else {}
    return means | {"coverage@20": float(seen.mean())}


def evaluate_next(scorer: Scorer, data: Dataset, held_out: Sequence[NDArray[np.int32]]) -> dict[str, float]:
    """Predict each listener's held-out tracks one by one, in their order, each from everything before it.

    HR@10 is the share of tracks that are among the ten ranked first, MRR@10 the mean of 1 / rank of those.
    """
    ranks: list[NDArray[np.int64]] = []
    for row, tracks in enumerate(held_out):
        if len(tracks):
            before = data.history(row)
            histories = [before.followed_by(tracks[:place]) for place in range(len(tracks))]
            top = top_tracks(scorer.scores(histories), histories, 10)
            found = top == tracks[:, None]
            ranks.append(np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0))
    every = np.concatenate(ranks)
    return {
        "hr@10": float((every > 0).mean()),
        "mrr@10": float(np.mean(np.where(every > 0, 1 / np.maximum(every, 1), 0))),
        "tracks": float(len(every)),
    }


def top_tracks(scores: NDArray[np.float32], histories: Sequence[History], count: int) -> NDArray[np.int64]:
    """Return the best tracks that are not in the history, best first, shape (histories, count)."""
    scores = scores.copy()
    for row, history in enumerate(histories):
        scores[row, history.tracks] = -np.inf
    count = min(count, scores.shape[1])
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def _measure(ranked: NDArray[np.int64], wanted: NDArray[np.int32]) -> dict[str, float]:
    hits = np.isin(ranked, wanted)
    return {
        "recall@20": hits[:20].sum() / min(20, len(wanted)),
        "ndcg@20": _ndcg(hits[:20], len(wanted)),
        "ndcg@100": _ndcg(hits[:100], len(wanted)),
        "hr@10": float(hits[:10].any()),
    }


def _ndcg(hits: NDArray[np.bool_], wanted: int) -> float:
    discounts = 1 / np.log2(np.arange(2, len(hits) + 2))
    return float((hits * discounts).sum() / discounts[: min(len(hits), wanted)].sum())
