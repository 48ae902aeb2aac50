"""Fitting what shapes loudness and what ranks pieces; both are linear, and done in a minute."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.optimize import minimize
from segue.music import Piece, midi_to_piece
from segue.music.reading import Reading
from segue.plugins.polish import dynamics, quality
from segue.plugins.polish.corrupt import corrupt_all, corrupt_some
from segue.plugins.polish.dynamics import DRUM_WIDTH, FEW, PITCHED_WIDTH
from segue.plugins.polish.likelihood import Likelihood

RIDGE: Final = 30.0
"""Notes that the weights of loudness are shrunk by."""
VARIED: Final = 12
"""Different velocities from which on a track counts as played."""
MOST_SONGS, MOST_GROOVES = 200, 300
SHARES: Final = (0.02, 0.05, 0.1)
"""Shares of the notes that are spoiled for a pair."""
QUALITY_SHARES: Final = {"jsb_chorales": 0.6, "pop909": 0.15, "openewld": 1.0, "style_parallel_synth": 0.05}
PENALTY: Final = 0.003


def grooves(root: Path, part: str) -> list[Piece]:
    """Human drumming in four-four, of the pack's own split; nothing where the pack is not there."""
    found = []
    if (root / "info.csv").is_file():
        split = {"train": "train", "dev": "validation", "test": "test"}[part]
        with (root / "info.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["split"] == split and row["beat_type"] == "beat" and row["time_signature"] == "4-4":
                    piece = midi_to_piece((root / row["midi_filename"]).read_bytes())[0]
                    found.append(piece)
    return found


def _played(pieces: Iterable[Piece]) -> dict[str, list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Return features and standardised velocities of the tracks that were played, by pitched and drums."""
    found: dict[str, list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = {"pitched": [], "drums": []}
    for piece in pieces:
        for index, info in enumerate(piece.tracks):
            own = piece.select(piece.track == index)
            if len(own) >= FEW and len(np.unique(own.velocity)) >= VARIED:
                velocity = (own.velocity - own.velocity.mean()) / own.velocity.std()
                found["drums" if info.drums else "pitched"].append((dynamics.features(own, piece, index), velocity))
    return found


def fit_dynamics(songs: Sequence[Piece], drumming: Sequence[Piece]) -> dict[str, NDArray[np.float32]]:
    """Fit the two models of loudness by ridge regression; zeros, that shape nothing, where nothing was played."""
    weights = {}
    played = _played(Reading(piece).piece for piece in (*songs[:MOST_SONGS], *drumming[:MOST_GROOVES]))
    for name, width in (("pitched", PITCHED_WIDTH), ("drums", DRUM_WIDTH)):
        square, cross = RIDGE * np.eye(width), np.zeros(width)
        for features, velocity in played[name]:
            square += features.T @ features
            cross += features.T @ velocity
        weights[name] = np.linalg.solve(square, cross).astype(np.float32)
    return weights


def spoil(piece: Piece, number: int, random: np.random.Generator) -> Piece:
    """Spoil a piece for a pair: mostly some of the notes in four ways, now and then all of the timing."""
    if number % 4 == 3:
        return corrupt_all(piece, random).piece
    return corrupt_some(piece, random, share=SHARES[number % 4]).piece


def fit_quality(
    pieces: Mapping[str, Sequence[Piece]], model: Likelihood, seed: int, console: Console
) -> dict[str, NDArray[np.float32]]:
    """Fit the ranking to pairs of a piece and the same piece spoiled."""
    random = np.random.default_rng((seed, 78))
    chosen = [
        found[i]
        for name, found in pieces.items()
        for i in random.permutation(len(found))[: max(round(QUALITY_SHARES.get(name, 1.0) * len(found)), 1)]
    ]
    good, bad = [], []
    for number, piece in enumerate(track(chosen, "quality, reading", console=console)):
        spoiled = spoil(piece, number, random)
        good.append(quality.describe(piece, model.surprise(piece)))
        bad.append(quality.describe(spoiled, model.surprise(spoiled)))
    clean, worse = np.array(good), np.array(bad)
    scale = np.maximum(np.vstack([clean, worse]).std(axis=0), 1e-3)
    difference = (clean - worse) / scale

    def loss(weight: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = difference @ weight
        slope = -1 / (1 + np.exp(np.clip(margin, -30, 30)))
        value = float(np.logaddexp(0, -margin).mean() + PENALTY * weight @ weight)
        return value, difference.T @ slope / len(margin) + 2 * PENALTY * weight

    weight = minimize(loss, np.zeros(difference.shape[1]), jac=True, method="L-BFGS-B").x
    middle = (np.median(clean / scale @ weight) + np.median(worse / scale @ weight)) / 2
    return {
        "weight": weight.astype(np.float32),
        "scale": scale.astype(np.float32),
        "bias": np.array([-middle], np.float32),
    }
