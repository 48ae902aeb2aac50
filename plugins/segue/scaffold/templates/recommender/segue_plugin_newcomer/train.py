"""Plays in, the matrix and its held-out figures out."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import Field
from rich.console import Console
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings

from segue_plugin_newcomer.co_occurrence import CoOccurrence
from segue_plugin_newcomer.plugin import MODEL

PLAYS: Final = "plays.csv"
MAX_ROWS: Final = 2_000_000
_RANK: Final = 10


class CoOccurrenceSettings(TrainingSettings):
    """Settings: ``--set NAME=VALUE``."""

    shrinkage: float = Field(default=10.0, ge=0, le=10_000, description="Listeners added to each count.")
    data_name: str = Field(default="made-up plays", max_length=200, description="Name of the data, for the card.")
    data_licence: str = Field(default="CC0-1.0", max_length=200, description="Licence of the data, for the card.")


class CoOccurrenceTrainer(Trainer):
    """Fits the matrix on four fifths of the listeners and measures it on the others."""

    Settings = CoOccurrenceSettings
    example = "segue train newcomer --data data --out store"

    def train(self, run: Run, settings: Any) -> Sequence[Report]:
        """Fit and measure."""
        plays, titles = read_plays(run.data)
        fitted = CoOccurrence.fit(_part(plays, held_out=False), titles, settings.shrinkage)
        fitted.save(run.artifacts)
        run.sources.append(DataSource(settings.data_name, settings.data_licence, run.data / PLAYS))
        return [_measure(fitted, _part(plays, held_out=True))]

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure an existing version."""
        return [_measure(CoOccurrence.load(artifacts), _part(read_plays(data)[0], held_out=True))]


def read_plays(folder: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Read ``plays.csv``.

    Returns
    -------
    plays, titles
        Listener → tracks in the order of the file, each once; track → title.

    Raises
    ------
    InvalidRequest
        If it is missing, lacks a column, is too large or holds no play.
    """
    path = folder / PLAYS
    if not path.is_file():
        raise InvalidRequest("data", f"is {folder.name!r}, must be a folder with {PLAYS}")
    plays: dict[str, dict[str, None]] = {}
    titles: dict[str, str] = {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = {"listener_id", "track_id"} - set(rows.fieldnames or ())
        if missing:
            raise InvalidRequest("data", f"{PLAYS} has no column {sorted(missing)[0]!r}")
        for number, row in enumerate(rows):
            if number >= MAX_ROWS:
                raise InvalidRequest("data", f"{PLAYS} has more than {MAX_ROWS:,} rows")
            plays.setdefault(row["listener_id"], {})[row["track_id"]] = None
            titles[row["track_id"]] = row.get("title") or row["track_id"]
    if not plays:
        raise InvalidRequest("data", f"{PLAYS} holds no play")
    return {listener: list(tracks) for listener, tracks in plays.items()}, titles


def _part(plays: dict[str, list[str]], *, held_out: bool) -> list[list[str]]:
    """Return the tracks of the fifth of the listeners that is held out, or of the others; a listener never changes."""
    digests = {listener: hashlib.sha256(listener.encode()).digest()[0] for listener in plays}
    return [tracks for listener, tracks in plays.items() if (digests[listener] % 5 == 0) == held_out]


def _measure(fitted: CoOccurrence, listeners: Sequence[Sequence[str]]) -> Report:
    """Hide the last track of each held-out listener and see whether it is among the first ten."""
    hits = {MODEL: 0, "most played": 0}
    asked = 0
    for tracks in listeners:
        found = [fitted.index[track] for track in tracks if track in fitted.index]
        if len(found) < 2:
            continue
        *known, hidden = found
        asked += 1
        for name, scores in ((MODEL, fitted.scores(known)), ("most played", fitted.listeners.copy())):
            scores[known] = float("-inf")
            hits[name] += int((scores > scores[hidden]).sum()) < _RANK
    protocol = f"{asked} held-out listeners, the last track of each hidden: is it among the first {_RANK}?"
    return Report(protocol, {name: {f"hr@{_RANK}": count / max(asked, 1)} for name, count in hits.items()})
