"""How well features tell real genres apart: a classifier that is fitted and measured here, and never shipped."""

from __future__ import annotations

import csv
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music import midi_to_piece
from segue.plugin_api.training import Report
from segue.plugins.score.linear import fit_linear
from segue.plugins.score.style import style_features

_MOST: Final = {"train": 120, "test": 60}
_STRENGTH: Final = 0.1


def measure_genres(data: Path, console: Console) -> Report:
    """Fit on the training part of the genre manifest and measure on its test part, all genres and each pair."""
    chosen: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    with (data / "genre_midi" / "manifest.csv").open(newline="") as rows:
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for row in csv.DictReader(rows):
            part, path = row["split"], data / row["path"]
            counts[part, row["genre"]] += 1
            if counts[part, row["genre"]] <= _MOST.get(part, 0) and path.is_file():
                chosen[part].append((row["genre"], path))
    tables = {part: _table(chosen[part], console) for part in _MOST}
    names = sorted({genre for genre, _ in chosen["test"]})
    rows_of = {"all": _accuracy(tables, names)}
    for pair in combinations(names, 2):
        rows_of[" and ".join(pair)] = _accuracy(tables, list(pair))
    pairs = [row["accuracy"] for name, row in rows_of.items() if name != "all"]
    rows_of["mean of the pairs"] = {"accuracy": float(np.mean(pairs)), "largest class": 0.5}
    protocol = (
        f"Genre of {len(chosen['test'])} pieces of the manifest's test part, fitted on {len(chosen['train'])} of its "
        "training part; instruments, loudness, tempo, drums and tracks taken away. Texture still tells: jazz is lead "
        "sheets, folk has one voice."
    )
    return Report(protocol, rows_of)


Table = tuple[NDArray[np.float64], NDArray[np.str_]]


def _table(pieces: list[tuple[str, Path]], console: Console) -> Table:
    read = [(genre, midi_to_piece(path.read_bytes())[0]) for genre, path in track(pieces, "genres", console=console)]
    sounding = [(genre, piece) for genre, piece in read if len(piece.without_drums())]
    found = np.stack([style_features(piece) for _, piece in sounding])
    return found, np.array([genre for genre, _ in sounding])


def _accuracy(tables: dict[str, Table], names: list[str]) -> dict[str, float]:
    """Fit and measure on the pieces of some genres alone."""
    (train, labels), (test, truth) = (
        (found[np.isin(genre, names)], genre[np.isin(genre, names)])
        for found, genre in (tables["train"], tables["test"])
    )
    model = fit_linear(train, labels.tolist(), _STRENGTH)
    guess = np.array(model.labels)[model.probabilities(test).argmax(axis=1)]
    largest = np.unique(truth, return_counts=True)[1].max() / len(truth)
    return {"accuracy": float((guess == truth).mean()), "largest class": float(largest)}
