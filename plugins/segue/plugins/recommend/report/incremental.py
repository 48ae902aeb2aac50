"""New plays and new tracks without training anew: what an update gives up, and what it saves."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from segue.plugin_api.training import Report
from segue.plugins.recommend.algorithms import find_scorer
from segue.plugins.recommend.evaluation import evaluate, split
from segue.plugins.recommend.reading import read_dataset
from segue.plugins.recommend.report.accuracy import fitted, shipped_settings

METHODS = ("item-knn", "svd", "ease", "ials", "hybrid")


def incremental(folder: Path) -> list[Report]:
    """Fit on part of the plays, update with all of them, and compare with a fit on all of them.

    The part lacks every play of a tenth of the listeners and of a tenth of the tracks, and a tenth of the other plays.
    """
    rest, held_out = split(read_dataset(folder)[0], 0.2, "random", 0)
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(rest.plays.shape[0]), np.diff(rest.plays.indptr))
    new_listeners, new_tracks = (rng.random(size) < 0.1 for size in rest.plays.shape)
    keep = ~(new_listeners[rows] | new_tracks[rest.plays.indices]) & (rng.random(rest.plays.nnz) >= 0.1)
    earlier = rest.with_entries(keep)
    old = [track for track, new in zip(rest.catalogue.ids, new_tracks, strict=True) if not new]
    found = {}
    for name in METHODS:
        settings = shipped_settings(name)
        before = fitted(name, settings, earlier)
        weights = {
            key: value[~new_tracks] if len(value) == len(new_tracks) else value
            for key, value in before.weights().items()
        }
        updated, anew = find_scorer(name)(settings), find_scorer(name)(settings)
        start = time.process_time()
        updated.update(rest, 0, weights, old)
        between = time.process_time()
        anew.fit(rest, 0)
        end = time.process_time()
        found[name] = {
            "before": evaluate(before, rest, held_out)["ndcg@20"],
            "updated": evaluate(updated, rest, held_out)["ndcg@20"],
            "fitted anew": evaluate(anew, rest, held_out)["ndcg@20"],
            "CPU s of update": between - start,
            "CPU s of fit": end - between,
        }
    what = (
        f"NDCG@20 on the held-out part after {rest.plays.nnz - keep.sum():,} of {rest.plays.nnz:,} plays arrived, with "
        f"{new_listeners.sum()} new listeners and {new_tracks.sum():,} new tracks"
    )
    return [Report(what, found)]
