"""Cold start: tracks that training never saw, found by their tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from segue.plugin_api.training import Report
from segue.plugins.recommend.evaluation import top_tracks
from segue.plugins.recommend.reading import read_dataset
from segue.plugins.recommend.report.accuracy import fitted, shipped_settings

MIN_LISTENERS = 3


def cold_start(folder: Path, seed: int = 0) -> list[Report]:
    """Take every play of a tenth of the tracks out of training and ask for them.

    Tags that a listener gave to a held-out track they play are taken out as well: only tags of others lead there. Two
    rankings: among the held-out tracks alone, where chance is 20 / their number, and among all tracks.
    """
    data, _, _ = read_dataset(folder)
    rng = np.random.default_rng(seed)
    eligible = np.flatnonzero(data.audience >= MIN_LISTENERS)
    cold = np.zeros(len(data.catalogue), dtype=bool)
    cold[rng.choice(eligible, len(eligible) // 10, replace=False)] = True
    rest = data.with_entries(~cold[data.plays.indices])
    untagged = int((cold & (np.diff(rest.catalogue.tags.indptr) == 0)).sum())
    wanted = [tracks[cold[tracks]] for tracks in (history.tracks for history in data.histories())]
    rows = [row for row, tracks in enumerate(wanted) if len(tracks) and len(rest.history(row))]
    histories = [rest.history(row) for row in rows]
    among: dict[str, dict[str, float]] = {"chance": {"recall@20": 20 / cold.sum()}}
    everywhere: dict[str, dict[str, float]] = {"chance": {"recall@20": 20 / len(cold)}}
    for name in ("content", "hybrid", "ials"):
        scores = fitted(name, shipped_settings(name), rest).scores(histories)
        for table, allowed in ((among, cold), (everywhere, np.ones_like(cold))):
            top = top_tracks(np.where(allowed, scores, -np.inf).astype(np.float32), histories, 20)
            hits = [
                np.isin(best, wanted[row]).sum() / min(20, len(wanted[row]))
                for best, row in zip(top, rows, strict=True)
            ]
            table[name] = {
                "recall@20": float(np.mean(hits)),
                "found of all": float(np.isin(np.flatnonzero(cold), top).mean()),
            }
    what = (
        f"{cold.sum()} artists with {MIN_LISTENERS} or more listeners held out of training entirely, {untagged} "
        f"of them without a tag left; {len(rows):,} listeners"
    )
    return [Report(f"{what}; ranked among the held-out alone", among), Report(f"{what}; ranked among all", everywhere)]
