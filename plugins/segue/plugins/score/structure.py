"""Sections by self-similarity of bars, and motifs that come back in the melody.

References
----------
J. Paulus and A. Klapuri, "Music structure analysis by finding repeated parts", AMCMM 2006.
A. Marmoret, J. Cohen and F. Bimbot, "Barwise music structure analysis with the correlation block-matching
segmentation algorithm", TISMIR 2023: bars as units, regular lengths, a dynamic programme.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, piece_to_notes
from segue.music.reading import Reading
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

_MOST_BARS: Final = 512
_SLOTS: Final = 8
_SHORTEST: Final = 4
_LENGTHS: Final = tuple(range(1, 17))
_SECTION_COST: Final = 0.5
_SAMENESS: Final = 0.8
_ALIKE: Final = 0.8
_MOTIF_NOTES: Final = range(12, 3, -1)
_MOST_MOTIFS: Final = 5
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def bar_features(reading: Reading) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Describe each bar by its harmony and rhythm in eighths of its length.

    Returns
    -------
    features : ndarray, shape (units, values)
        Rows of length 1. A unit is one bar, or several where there are more than 512 bars.
    edges : ndarray, shape (units + 1,)
        Beats at which the units begin and the last one ends.
    """
    piece = reading.piece
    starts = piece.bar_starts
    step = -(-len(starts) // _MOST_BARS)
    begun = int(np.searchsorted(starts, piece.start[-1] + 1e-6, side="right"))
    starts = starts[: max(begun, 1)]  # a bar into which the last notes ring is none
    edges = np.r_[starts[::step], max(piece.beats, starts[-1] + 1e-3)]
    unit = np.clip(np.searchsorted(edges, piece.start + 1e-6, side="right") - 1, 0, len(edges) - 2)
    share = (piece.start - edges[unit]) / (edges[unit + 1] - edges[unit])
    slot = np.clip((share * _SLOTS).astype(np.int64), 0, _SLOTS - 1)
    harmony = np.zeros((len(edges) - 1, _SLOTS // 2, 12))
    pitched = ~piece.is_drum
    weight = np.sqrt(np.minimum(piece.duration, 4.0))
    np.add.at(harmony, (unit[pitched], slot[pitched] // 2, piece.pitch[pitched] % 12), weight[pitched])
    rhythm = np.zeros((len(edges) - 1, _SLOTS))
    np.add.at(rhythm, (unit, slot), 1.0)
    top = np.zeros((len(edges) - 1, 12))
    line = reading.pitched.select(reading.melody)
    if len(line):
        own = np.clip(np.searchsorted(edges, line.start + 1e-6, side="right") - 1, 0, len(edges) - 2)
        np.add.at(top, (own, line.pitch % 12), np.sqrt(np.minimum(line.duration, 4.0)))
    parts = [_unit_rows(part.reshape(len(edges) - 1, -1)) for part in (harmony, rhythm, top)]
    return _unit_rows(np.concatenate(parts, axis=1)), edges


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def describe_structure(reading: Reading) -> pb.StructureAnalysis:
    """Describe sections and motifs."""
    features, edges = bar_features(reading)
    bounds = boundaries(features)
    labels = _labels(features, bounds)
    sections = [
        pb.Section(span=music_pb2.Span(start=max(edges[a], 0.0), end=edges[b]), label=label)
        for (a, b), label in zip(pairwise(bounds), labels, strict=True)
    ]
    return pb.StructureAnalysis(sections=sections, motifs=find_motifs(reading.pitched.select(reading.melody)))


def boundaries(features: NDArray[np.float64]) -> list[int]:
    """Return the units at which sections begin, and the number of units.

    Of all ways to cut the piece, take the one whose sections repeat elsewhere best (or else are alike within), at a
    cost for each section and for lengths that are no multiple of four: a dynamic programme.
    """
    count = len(features)
    if count < 2 * _SHORTEST:
        return [0, count]
    lengths = [length for length in _LENGTHS if length <= count]
    gains = [
        (length, gain.tolist()) for length, gain in zip(lengths, _gains(features @ features.T, lengths), strict=True)
    ]
    best, cut = [0.0], [0]
    for end in range(1, count + 1):
        choices = [(best[end - length] + gain[end - length], length) for length, gain in gains if length <= end]
        worth, length = max(choices, key=lambda choice: choice[0])
        best.append(worth)
        cut.append(end - length)
    found = [count]
    while found[-1]:
        found.append(cut[found[-1]])
    return found[::-1]


def _gains(similarity: NDArray[np.float64], lengths: list[int]) -> Iterator[NDArray[np.float64]]:
    """Yield, for each length, the worth of a section from each unit on, shape (units - length + 1,)."""
    count = len(similarity)
    area = np.pad(similarity.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    along = np.zeros_like(similarity)
    for length in range(1, max(lengths) + 1):
        starts = count - length + 1
        along = along[:starts, :starts] + similarity[length - 1 :, length - 1 :]
        if length in lengths:
            repeated = np.where(apart[:starts, :starts] >= length, along, 0.0).max(axis=1) / length
            low, high = np.arange(starts), np.arange(starts) + length
            within = (area[high, high] - area[low, high] - area[high, low] + area[low, low]) / length**2
            regular = 0.0 if length % 8 == 0 else 0.3 if length % 4 == 0 else 0.8 if length % 2 == 0 else 1.2
            yield length * np.maximum(repeated, within * _SAMENESS) - _SECTION_COST - regular


def _labels(features: NDArray[np.float64], bounds: list[int]) -> list[str]:
    """Give sections that repeat the same music the same letter."""
    labels: list[str] = []
    sections = [features[a:b] for a, b in pairwise(bounds)]
    for index, section in enumerate(sections):
        likeness = [_likeness(section, other) for other in sections[:index]]
        if likeness and max(likeness) >= _ALIKE:
            labels.append(labels[int(np.argmax(likeness))])
        else:
            fresh = len(set(labels))
            labels.append(_LETTERS[fresh % 26] + ("" if fresh < 26 else str(fresh // 26)))
    return labels


def _likeness(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Best mean similarity of two sections laid on each other, over offsets of at most half the shorter."""
    shorter, longer = sorted((a, b), key=len)
    if len(longer) > 2 * len(shorter):
        return 0.0
    return max(
        float(np.vdot(shorter, longer[offset : offset + len(shorter)])) / len(shorter)
        for offset in range(len(longer) - len(shorter) + 1)
    )


def find_motifs(line: Piece) -> list[pb.Motif]:
    """Find the patterns of intervals and rhythm that come back most, transposed or not.

    Parameters
    ----------
    line
        A melody: notes in order, hardly any sounding together.
    """
    steps = np.diff(line.pitch)
    gaps = np.rint(np.diff(line.start) * 4).astype(np.int64)
    symbols = np.clip(steps, -24, 24) * 64 + np.clip(gaps, 0, 63)
    numbers = _number_patterns(symbols)
    used = np.zeros(len(line), bool)
    found: list[tuple[int, pb.Motif]] = []
    for length in _MOTIF_NOTES:
        if len(line) < 2 * length:
            continue
        group = numbers[length - 2]
        for pattern in np.argsort(-np.bincount(group), kind="stable")[:_MOST_MOTIFS].tolist():
            places = _apart(np.flatnonzero(group == pattern), length, used)
            if len(places) < 2 or len(set(symbols[places[0] : places[0] + length - 1].tolist())) < 2:
                continue
            for first in places:
                used[first : first + length] = True
            found.append(((length - 1) * (len(places) - 1), _motif(line, places, length)))
    found.sort(key=lambda motif: -motif[0])
    return [motif for _, motif in found[:_MOST_MOTIFS]]


def _number_patterns(symbols: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Number the patterns of 1, 2, 3 ... symbols in a row in the order of their symbols, each where it begins."""
    single = np.unique(symbols, return_inverse=True)[1]
    numbers = [single]
    for length in range(1, min(max(_MOTIF_NOTES) - 1, len(symbols))):
        longer = numbers[-1][:-1] * len(symbols) + single[length:]
        numbers.append(np.unique(longer, return_inverse=True)[1])
    return numbers


def _apart(places: NDArray[np.int64], length: int, used: NDArray[np.bool_]) -> list[int]:
    """Keep places that overlap neither each other nor a longer motif."""
    kept: list[int] = []
    for first in places.tolist():
        if not used[first : first + length].any() and (not kept or first >= kept[-1] + length):
            kept.append(first)
    return kept


def _motif(line: Piece, places: list[int], length: int) -> pb.Motif:
    first = line.select(np.arange(places[0], places[0] + length))
    end = line.end
    spans = [music_pb2.Span(start=line.start[p], end=end[p + length - 1]) for p in places]
    return pb.Motif(notes=piece_to_notes(first), occurrences=spans)
