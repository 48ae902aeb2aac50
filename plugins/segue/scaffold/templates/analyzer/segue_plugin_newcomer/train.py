"""Pieces in known keys in, profiles and their held-out figures out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field
from rich.console import Console
from segue.music import Piece
from segue.music.keys import guess_key
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings

from segue_plugin_newcomer.midi_files import read_pieces
from segue_plugin_newcomer.plugin import MODEL
from segue_plugin_newcomer.profiles import Profiles, stated_key


class ProfileSettings(TrainingSettings):
    """Settings: ``--set NAME=VALUE``."""

    smoothing: float = Field(default=0.05, gt=0, le=10, description="Added to the share of each pitch class.")
    data_name: str = Field(default="made-up tunes", max_length=200, description="Name of the data, for the card.")
    data_licence: str = Field(default="CC0-1.0", max_length=200, description="Licence of the data, for the card.")


class ProfileTrainer(Trainer):
    """Adds up the pitch classes of four fifths of the files and names the keys of the rest."""

    Settings = ProfileSettings
    example = "segue train newcomer --data data --out store"

    def train(self, run: Run, settings: Any) -> Sequence[Report]:
        """Fit and measure."""
        profiles = Profiles.fit(_pieces(run.data, held_out=False), settings.smoothing)
        profiles.save(run.artifacts)
        run.sources.append(DataSource(settings.data_name, settings.data_licence, run.data))
        return [_measure(profiles, _pieces(run.data, held_out=True))]

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure an existing version."""
        return [_measure(Profiles.load(artifacts), _pieces(data, held_out=True))]


def _pieces(folder: Path, *, held_out: bool) -> list[Piece]:
    pieces = [piece for piece in read_pieces(folder, held_out=held_out) if stated_key(piece) is not None]
    if not pieces:
        part = "held-out" if held_out else "training"
        raise InvalidRequest("data", f"holds no piece that states its key in its {part} part, must hold a few")
    return pieces


def _measure(profiles: Profiles, pieces: Sequence[Piece]) -> Report:
    """Return how many keys each method names rightly."""
    truth = [stated_key(piece) for piece in pieces]
    found: dict[str, list[int | None]] = {
        MODEL: [int(profiles.probabilities(piece).argmax()) for piece in pieces],
        "segue.music.keys.guess_key": [guess_key(piece) for piece in pieces],
        "the most frequent key": [Counter(truth).most_common(1)[0][0]] * len(pieces),
    }
    rows = {
        name: {"accuracy": sum(a == b for a, b in zip(keys, truth, strict=True)) / len(truth)}
        for name, keys in found.items()
    }
    return Report(f"{len(pieces)} held-out pieces: share of keys named rightly, tonic and mode", rows)
