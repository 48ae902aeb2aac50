"""How likely the notes of a piece are: the judge that no proposal is made by.

The likelihood of a note is that of its place in the beat, of its pitch given everything around it, and of its length.
Place and length are told by the piece itself, each note left out of what it is compared with, in front of what music
is usually like. The pitch is drawn from a product of experts over all 128 pitches: a small network over the harmony,
the same for each pitch class, and tables of intervals. It was fitted to clean pieces only and shares no weight with
the networks that propose edits. The sum over the notes is a pseudo-likelihood.

References
----------
J. Besag, "Statistical analysis of non-lattice data", The Statistician 24, 1975.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from segue.music import Piece
from segue.plugins.polish.context import CLOSE, Queries, queries_of
from segue.plugins.polish.evidence import PROFILES, TABLES, Evidence, Surroundings

Floats = NDArray[np.float64]

FILE: Final = "likelihood.safetensors"
PLACES, OCTAVE = 960, 48
"""Places of a beat and lengths of an octave that are told apart."""
PLACE_WIDTH, LENGTH_WIDTH = 0.006, 0.05
"""Standard deviations of the kernels: beats, octaves."""
SHORTEST, OCTAVES = -6, 13
"""Lengths: octaves above one beat at which they begin, and how many octaves they span."""
USUAL: Final = 4.0
"""Notes of the piece that weigh as much as what music is usually like."""
LEAST: Final = 1e-4


@dataclass(frozen=True)
class Surprise:
    """Minus log likelihoods of notes in nats, each of shape (notes,): of place in the beat, pitch and length."""

    place: Floats
    pitch: Floats
    length: Floats

    @property
    def total(self) -> Floats:
        """Their sum."""
        return self.place + self.pitch + self.length

    @property
    def mean(self) -> float:
        """Mean of the sum over the notes, in nats; 0 without notes."""
        return float(self.total.mean()) if len(self.pitch) else 0.0


class Likelihood:
    """The fitted model.

    Parameters
    ----------
    tensors
        ``hidden.weight`` (hidden, 12 PROFILES), ``hidden.bias``, ``out.weight`` (hidden,); ``table.0`` ...; ``place``
        (PLACES,) and ``length`` (OCTAVES x OCTAVE,), densities of what music is usually like.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        self._tensors = tensors

    def pitches(self, evidence: Evidence) -> NDArray[np.float32]:
        """Return the log probability of each pitch, shape (places, 128)."""
        t = self._tensors
        turned = evidence.profiles[:, :, _TURN].transpose(0, 2, 1, 3).reshape(-1, 12, 12 * PROFILES)
        hidden = np.maximum(turned @ t["hidden.weight"].T + t["hidden.bias"], 0)
        logits = (hidden @ t["out.weight"])[:, np.arange(128) % 12]
        for number in range(len(TABLES)):
            logits = logits + t[f"table.{number}"][evidence.indices[:, :, number]]
        top = logits.max(axis=1, keepdims=True)
        return np.asarray(logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)))

    def read(self, piece: Piece) -> Heard:
        """Make a piece ready."""
        return Heard(piece, self._tensors, self)

    def surprise(self, piece: Piece) -> Surprise:
        """Return how surprising each note of a piece is; drums have no pitch that could surprise."""
        return self.read(piece).notes


_TURN: Final = (np.arange(12)[:, None] + np.arange(12)) % 12
"""Row c turns a profile so that it begins at the pitch class c."""


class Heard:
    """A piece in which notes are weighed, those that stand there and others in their stead."""

    def __init__(self, piece: Piece, tensors: Mapping[str, NDArray[np.float32]], model: Likelihood) -> None:
        self._piece, self._model = piece, model
        self._places = _Density(_place_bin(piece.start), tensors["place"], PLACE_WIDTH * PLACES, wraps=True)
        self._lengths = _Density(_length_bin(piece.duration), tensors["length"], LENGTH_WIDTH * OCTAVE, wraps=False)
        self._pitched = np.flatnonzero(~piece.is_drum)
        self._around = Surroundings(piece.select(self._pitched)) if len(self._pitched) else None
        self._log = np.zeros((len(piece), 128), np.float32)
        if self._around is not None:
            own = queries_of(piece.select(self._pitched), np.arange(len(self._pitched)))
            for rows, evidence in self._around.at(own):
                self._log[self._pitched[rows]] = model.pitches(evidence)

    @property
    def notes(self) -> Surprise:
        """How surprising each note is where it stands."""
        piece = self._piece
        pitch = -self._log[np.arange(len(piece)), piece.pitch].astype(np.float64)
        return Surprise(self.place(piece.start, True), pitch, self.length(piece.duration, True))

    def pitch(self, notes: NDArray[np.int64], pitch: NDArray[np.int64]) -> Floats:
        """Return how surprising other pitches would be of notes, in nats."""
        return -self._log[notes, pitch].astype(np.float64)

    def added(self, queries: Queries) -> Floats:
        """Return how surprising the pitches of notes that are not there would be, in nats."""
        found = np.zeros(len(queries))
        if self._around is not None:
            for rows, evidence in self._around.at(queries):
                log = self._model.pitches(evidence)
                found[rows] = -log[np.arange(len(log)), queries.pitch[rows]]
        return found

    def gain_of_added(self, queries: Queries) -> Floats:
        """Return how much likelier, in nats, the piece gets by each of some notes that are not there.

        Only pitches count, as the note takes place and length from those that it is struck with. One that is as
        surprising as the mean of the piece gains nothing by itself; what it does to those others counts in full.
        """
        piece = self._piece
        rows = np.r_[np.arange(len(piece)), np.full(len(queries), -1)]
        columns = [
            np.r_[getattr(piece, name), getattr(queries, name)] for name in ("start", "duration", "pitch", "track")
        ]
        order = np.lexsort((columns[2], columns[3], columns[0]))
        with_all = piece.with_notes(
            start=columns[0], duration=columns[1], pitch=columns[2], track=columns[3], velocity=np.full(len(rows), 64)
        )
        there = rows[order] >= 0
        after = self._model.surprise(with_all).pitch[there]
        before = self.notes
        eased = np.r_[0.0, np.cumsum(before.pitch[rows[order][there]] - after)]
        first = np.searchsorted(piece.start, queries.start - CLOSE)
        last = np.searchsorted(piece.start, queries.start + CLOSE, "right")
        return np.asarray(before.pitch.mean() - self.added(queries) + eased[last] - eased[first])

    def place(self, start: Floats, own: bool) -> Floats:
        """Return how surprising it is that a note begins at some beats; ``own`` if it is one of the piece's."""
        return self._places.surprise(_place_bin(start), own)

    def length(self, duration: Floats, own: bool) -> Floats:
        """Return how surprising lengths in beats are; ``own`` if each is one of the piece's notes'."""
        return self._lengths.surprise(_length_bin(duration), own)


class _Density:
    """How often values come, smoothed; 1 is what a piece without any preference has."""

    def __init__(self, bins: NDArray[np.int64], usual: NDArray[np.float32], width: float, *, wraps: bool) -> None:
        size = len(usual)
        offset = np.arange(-int(4 * width) - 1, int(4 * width) + 2)
        kernel = np.exp(-0.5 * (offset / width) ** 2)
        kernel *= size / kernel.sum()
        counts = np.bincount(bins, minlength=size).astype(np.float64)
        reach = len(offset) // 2
        padded = np.pad(counts, reach, mode="wrap" if wraps else "constant")
        self._sum = np.convolve(padded, kernel, mode="valid")
        self._peak, self._count, self._usual = float(kernel.max()), len(bins), usual

    def surprise(self, bins: NDArray[np.int64], own: bool) -> Floats:
        found = self._sum[bins] - self._peak * own
        count = max(self._count - own, 0)
        return np.asarray(-np.log(np.maximum((found + USUAL * self._usual[bins]) / (count + USUAL), LEAST)))


def _place_bin(start: Floats) -> NDArray[np.int64]:
    return np.asarray(np.rint(start * PLACES).astype(np.int64) % PLACES)


def _length_bin(duration: Floats) -> NDArray[np.int64]:
    octave = np.log2(np.maximum(duration, 2.0**SHORTEST)) - SHORTEST
    return np.asarray(np.minimum(np.rint(octave * OCTAVE), OCTAVES * OCTAVE - 1), np.int64)


def usual(pieces: list[Piece]) -> dict[str, NDArray[np.float32]]:
    """Return what music is usually like: densities of places and lengths, each piece counting the same."""
    places = [np.bincount(_place_bin(piece.start), minlength=PLACES) / len(piece) for piece in pieces]
    lengths = [np.bincount(_length_bin(piece.duration), minlength=OCTAVES * OCTAVE) / len(piece) for piece in pieces]
    return {
        "place": _smooth(np.sum(places, axis=0), PLACE_WIDTH * PLACES),
        "length": _smooth(np.sum(lengths, axis=0), OCTAVE / 8),
    }


def _smooth(counts: Floats, width: float) -> NDArray[np.float32]:
    """Return a density, 1 on the mean, a tenth of it even."""
    offset = np.arange(len(counts)) - len(counts) // 2
    kernel = np.fft.fft(np.fft.ifftshift(np.exp(-0.5 * (offset / width) ** 2)))
    smooth = np.maximum(np.fft.ifft(np.fft.fft(counts) * kernel).real, 0)
    return np.asarray(0.1 + 0.9 * smooth * len(counts) / smooth.sum(), np.float32)


def save(tensors: Mapping[str, NDArray[np.float32]], folder: Path) -> None:
    """Write the model in half precision."""
    save_file({name: np.ascontiguousarray(value, np.float16) for name, value in tensors.items()}, folder / FILE)


def load(folder: Path) -> Likelihood:
    """Read what ``save`` wrote.

    Raises
    ------
    ValueError
        If a tensor is missing or of another shape than this code needs.
    """
    tensors = {name: value.astype(np.float32) for name, value in load_file(folder / FILE).items()}
    wanted = {f"table.{number}": size for number, size in enumerate(TABLES)} | {
        "place": PLACES,
        "length": OCTAVES * OCTAVE,
    }
    for name, size in wanted.items():
        if name not in tensors or tensors[name].shape != (size,):
            raise ValueError(f"{folder / FILE} holds no {name!r} of {size} numbers")
    if tensors["hidden.weight"].shape[1:] != (12 * PROFILES,):
        raise ValueError(f"{folder / FILE} holds no 'hidden.weight' of {12 * PROFILES} columns")
    return Likelihood(tensors)
