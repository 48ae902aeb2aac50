"""Played pieces in, dynamics and their held-out figures out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from rich.console import Console
from segue.music import Piece
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings

from segue_plugin_newcomer.dynamics import Dynamics, deviations
from segue_plugin_newcomer.midi_files import read_pieces
from segue_plugin_newcomer.plugin import MODEL


class PlayedSettings(TrainingSettings):
    """Settings: ``--set NAME=VALUE``."""

    ridge: float = Field(default=10.0, gt=0, le=1e6, description="Penalty on large weights, in notes.")
    data_name: str = Field(default="made-up playing", max_length=200, description="Name of the data, for the card.")
    data_licence: str = Field(default="CC0-1.0", max_length=200, description="Licence of the data, for the card.")


class PlayedTrainer(Trainer):
    """Fits the dynamics of four fifths of the files and measures them on the rest."""

    Settings = PlayedSettings
    example = "segue train newcomer --data data --out store"

    def train(self, run: Run, settings: Any) -> Sequence[Report]:
        """Fit and measure."""
        dynamics = Dynamics.fit(_pieces(run.data, held_out=False), settings.ridge)
        dynamics.save(run.artifacts)
        run.sources.append(DataSource(settings.data_name, settings.data_licence, run.data))
        return [_measure(dynamics, _pieces(run.data, held_out=True))]

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure an existing version."""
        return [_measure(Dynamics.load(artifacts), _pieces(data, held_out=True))]


def _pieces(folder: Path, *, held_out: bool) -> list[Piece]:
    pieces = [piece for piece in read_pieces(folder, held_out=held_out) if piece.velocity.std() > 0]
    if not pieces:
        part = "held-out" if held_out else "training"
        raise InvalidRequest("data", f"holds no piece with dynamics in its {part} part, must hold at least a few files")
    return pieces


def _measure(dynamics: Dynamics, pieces: Sequence[Piece]) -> Report:
    """Return how far the expected loudness is from the played one, a note."""
    truth = np.concatenate([deviations(piece) for piece in pieces])
    expected = np.concatenate([dynamics.expected(piece) for piece in pieces])
    rows = {
        MODEL: {"mean_error": float(np.abs(truth - expected).mean())},
        "the track's mean": {"mean_error": float(np.abs(truth).mean())},
    }
    return Report(f"{len(pieces)} held-out pieces, {len(truth)} notes: mean absolute error of the velocity", rows)
