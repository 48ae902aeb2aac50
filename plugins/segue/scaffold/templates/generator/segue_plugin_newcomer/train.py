"""Melodies in, chains and their held-out figures out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from rich.console import Console
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings

from segue_plugin_newcomer.chains import DEGREES, Chains, Melody, hear
from segue_plugin_newcomer.midi_files import read_pieces
from segue_plugin_newcomer.plugin import MODEL


class ChainSettings(TrainingSettings):
    """Settings: ``--set NAME=VALUE``."""

    smoothing: float = Field(default=0.1, gt=0, le=100, description="Added to each count.")
    data_name: str = Field(default="made-up melodies", max_length=200, description="Name of the data, for the card.")
    data_licence: str = Field(default="CC0-1.0", max_length=200, description="Licence of the data, for the card.")


class ChainTrainer(Trainer):
    """Counts what follows what in four fifths of the files and measures the rest."""

    Settings = ChainSettings
    example = "segue train newcomer --data data --out store"

    def train(self, run: Run, settings: Any) -> Sequence[Report]:
        """Fit and measure."""
        chains = Chains.fit(_melodies(run.data, held_out=False), settings.smoothing)
        chains.save(run.artifacts)
        run.sources.append(DataSource(settings.data_name, settings.data_licence, run.data))
        return [_measure(chains, _melodies(run.data, held_out=True))]

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure an existing version."""
        return [_measure(Chains.load(artifacts), _melodies(data, held_out=True))]


def _melodies(folder: Path, *, held_out: bool) -> list[Melody]:
    heard = [hear(piece) for piece in read_pieces(folder, held_out=held_out)]
    melodies = [melody for melody in heard if len(melody.degrees) > 1]
    if not melodies:
        part = "held-out" if held_out else "training"
        raise InvalidRequest("data", f"holds no melody in its {part} part, must hold at least a few files")
    return melodies


def _measure(chains: Chains, melodies: Sequence[Melody]) -> Report:
    """Return the nats that each method needs for a degree of the held-out melodies."""
    nats = {MODEL: 0.0, "degrees by frequency": 0.0}
    notes = 0
    for melody in melodies:
        before, after = melody.degrees[:-1], melody.degrees[1:]
        nats[MODEL] -= float(np.log(chains.steps[melody.mode, before, after]).sum())
        nats["degrees by frequency"] -= float(np.log(chains.usual[melody.mode, after]).sum())
        notes += len(after)
    rows = {name: {"nats_per_note": total / notes} for name, total in nats.items()}
    rows["every degree alike"] = {"nats_per_note": math.log(DEGREES)}
    return Report(f"{len(melodies)} held-out melodies, {notes} notes: nats for a degree, given the one before", rows)
