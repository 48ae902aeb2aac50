"""What novelty and diversity cost: accuracy against how rare and how varied the first twenty are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from segue.plugin_api.training import Report
from segue.plugins.recommend.evaluation import split
from segue.plugins.recommend.ranking import rank
from segue.plugins.recommend.reading import read_dataset
from segue.plugins.recommend.report.accuracy import fitted, shipped_settings

STEPS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8)
LISTENERS = 400


def trade_off(folder: Path, method: str = "ials") -> list[Report]:
    """Measure recall@20, the mean number of listeners, and the mean similarity of pairs, for both controls."""
    data, _, _ = read_dataset(folder)
    rest, held_out = split(data, 0.2, "random", 0)
    rows = [row for row in np.random.default_rng(0).permutation(data.plays.shape[0])[:LISTENERS] if len(held_out[row])]
    histories = [rest.history(row) for row in rows]
    scores = fitted(method, shipped_settings(method), rest).scores(histories)

    def measure(diversity: float, novelty: float) -> dict[str, float]:
        found = []
        for row, history, score in zip(rows, histories, scores, strict=True):
            allowed = np.ones(len(score), dtype=bool)
            allowed[history.tracks] = False
            top = rank(score, allowed, rest, 20, diversity, novelty)
            alike = rest.catalogue.similarity(top)
            recall = np.isin(top, held_out[row]).sum() / min(20, len(held_out[row]))
            found.append((recall, rest.audience[top].mean(), alike[~np.eye(len(top), dtype=bool)].mean()))
        means = np.mean(found, axis=0)
        return dict(zip(("recall@20", "listeners of a track", "similarity of pairs"), map(float, means), strict=True))

    return [
        Report(f"{method}, novelty, {len(rows)} listeners", {f"{step:.1f}": measure(0.0, step) for step in STEPS}),
        Report(f"{method}, diversity, {len(rows)} listeners", {f"{step:.1f}": measure(step, 0.0) for step in STEPS}),
    ]
