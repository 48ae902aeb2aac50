"""How well what judges, ranks and shapes does its own part, on held-out pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.progress import track
from segue.music import Piece
from segue.music.reading import Reading
from segue.plugin_api.training import Report
from segue.plugins.polish import breaks, dynamics, fit_heads
from segue.plugins.polish.dynamics import FEW, Dynamics
from segue.plugins.polish.likelihood import Likelihood
from segue.plugins.polish.models import Models

Row = dict[str, float]


def measure(
    pieces: Mapping[str, Sequence[Piece]], drumming: Sequence[Piece], models: Models, console: Console
) -> list[Report]:
    """Measure on the pieces of each pack, loudness on those that were played."""
    everything = [piece for found in pieces.values() for piece in found]
    return [
        Report(
            f"{sum(map(len, pieces.values()))} held-out pieces; nats per note of the pitches of clean pieces",
            _likelihood(pieces, models.likelihood),
        ),
        Report(
            "each held-out piece beside four spoiled versions of it: 2, 5 and 10 % of the notes in four ways, all "
            "of the timing with 5 % slips; share of the pairs in which the clean one ranks higher",
            _ranking(pieces, models, console),
        ),
        Report(
            "held-out tracks that were played, at least 16 notes; mean correlation of expected and played velocities",
            _dynamics([*everything, *drumming], models.dynamics),
        ),
    ]


def _ranking(pieces: Mapping[str, Sequence[Piece]], models: Models, console: Console) -> dict[str, Row]:
    rows: dict[str, Row] = {"fewer rules broken": {}, "likelihood": {}, "quality": {}}
    for name, found in pieces.items():
        wins: dict[str, list[float]] = {method: [] for method in rows}
        for seed, piece in enumerate(track(found, f"{name}, ranking", console=console)):
            clean = _scores(piece, models)
            for number in range(4):
                spoiled = fit_heads.spoil(piece, number, np.random.default_rng((seed, 3, number)))
                for method, good, bad in zip(wins, clean, _scores(spoiled, models), strict=True):
                    wins[method].append(float(good > bad) + 0.5 * float(good == bad))
        for method, values in wins.items():
            rows[method][name] = float(np.mean(values))
    return rows


def _scores(piece: Piece, models: Models) -> tuple[float, float, float]:
    surprise = models.likelihood.surprise(piece)
    broken = breaks.find(piece, (*breaks.COLLISIONS, *breaks.HANDS)) + breaks.outside(piece, Reading(piece))
    return -len(broken) / len(piece), -surprise.mean, models.quality.score(piece, surprise)


def _likelihood(pieces: Mapping[str, Sequence[Piece]], model: Likelihood) -> dict[str, Row]:
    """Return the nats per note of clean pieces' pitches, beside those by how often each comes in its piece."""
    rows: dict[str, Row] = {"pitches of the piece": {}, "likelihood": {}}
    for name, found in pieces.items():
        plain, model_nats, notes = 0.0, 0.0, 0
        for whole in found:
            piece = whole.without_drums()
            counts = np.bincount(piece.pitch, minlength=128)[piece.pitch]
            plain -= float(np.log((counts - 1 + 0.1) / (len(piece) - 1 + 12.8)).sum())
            model_nats += float(model.surprise(piece).pitch.sum())
            notes += len(piece)
        rows["pitches of the piece"][name], rows["likelihood"][name] = plain / notes, model_nats / notes
    return rows


def _dynamics(pieces: Sequence[Piece], model: Dynamics) -> dict[str, Row]:
    """Return mean correlations of expected and played velocities over held-out tracks, beside the metre's alone."""
    rows: dict[str, Row] = {"flat": {}, "metre alone": {}, "polish": {}}
    for name in ("pitched", "drums"):
        found: dict[str, list[float]] = {method: [] for method in rows}
        for piece in (Reading(whole).piece for whole in pieces):
            for index, info in enumerate(piece.tracks):
                own = piece.select(piece.track == index)
                played = len(own) >= FEW and len(np.unique(own.velocity)) >= fit_heads.VARIED
                if played and info.drums == (name == "drums"):
                    expected = {
                        "flat": np.zeros(len(own)),
                        "metre alone": -dynamics.level(own, piece).astype(np.float64),
                        "polish": model.deviation(piece, index),
                    }
                    for method, value in expected.items():
                        told = float(np.corrcoef(value, own.velocity)[0, 1]) if value.std() > 1e-9 else 0.0
                        found[method].append(told)
        for method, values in found.items():
            rows[method][f"{name}, {len(values)} tracks"] = float(np.mean(values)) if values else 0.0
    return rows
