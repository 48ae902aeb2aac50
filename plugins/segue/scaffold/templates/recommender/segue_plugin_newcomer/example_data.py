"""Made-up plays, to see the way from data to a served model.

``python -m segue_plugin_newcomer.example_data FOLDER`` writes them.

Every listener likes two of eight genres and plays what is popular in them, with now and then something else.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from segue_plugin_newcomer.train import PLAYS

_GENRES = ("ambient", "bluegrass", "chanson", "dub", "flamenco", "gospel", "house", "swing")
_PER_GENRE, _LISTENERS, _TRACKS = 40, 600, 20


def write(folder: Path, seed: int = 0) -> None:
    """Write ``plays.csv`` into a folder."""
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, _PER_GENRE + 1)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / PLAYS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["listener_id", "track_id", "title"])
        for listener in range(_LISTENERS):
            liked = rng.choice(len(_GENRES), 2, replace=False)
            for _ in range(_TRACKS):
                genre = int(rng.choice(liked)) if rng.random() < 0.85 else int(rng.integers(len(_GENRES)))
                number = int(rng.choice(_PER_GENRE, p=popularity / popularity.sum()))
                track = genre * _PER_GENRE + number
                rows.writerow([f"listener-{listener}", f"track-{track}", f"{_GENRES[genre].title()} {number + 1}"])


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
