"""Keys and chords as messages."""

from __future__ import annotations

from typing import Final

import numpy as np
from segue.music import to_key
from segue.music.modes import find_scale
from segue.music.reading import Reading
from segue.music.roman import roman_numerals
from segue.music.theory import NO_CHORD, QUALITIES, QUALITY_NAMES, chord_pitch_classes, chord_symbol
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

_TRIAD = {"7": "maj", "maj7": "maj", "min7": "min", "hdim7": "dim", "dim7": "dim", "sus4": "maj", "sus2": "maj"}

_SCALES = (  # as ``segue.music.modes`` counts them
    pb.SCALE_MAJOR,
    pb.SCALE_MINOR,
    pb.SCALE_DORIAN,
    pb.SCALE_PHRYGIAN,
    pb.SCALE_LYDIAN,
    pb.SCALE_MIXOLYDIAN,
)

_FEWEST_PITCHES: Final = 3
"""Pitch classes that make a key: a tonic, a fifth, and a third, which says major or minor."""


def describe_key(reading: Reading) -> pb.KeyAnalysis | None:
    """Describe the key and the local keys; None where fewer than three pitches, in whatever octaves, sound."""
    pitched = reading.pitched
    if len(np.unique(pitched.pitch % 12)) < _FEWEST_PITCHES:
        return None
    keys, edges = reading.keys, reading.cells.edges
    order = np.argsort(-keys.probability).tolist()
    weights = reading.cells.chroma.sum(axis=0)
    scales = [find_scale(weights, key, notes=len(pitched)) for key in range(24)]
    return pb.KeyAnalysis(
        key=to_key(keys.best % 12, keys.best >= 12),
        confidence=float(keys.probability[keys.best]),
        candidates=[
            pb.KeyCandidate(
                key=to_key(key % 12, key >= 12),
                probability=float(keys.probability[key]),
                scale=_SCALES[scales[key].scale],
            )
            for key in order
        ],
        regions=[
            pb.KeyRegion(
                span=music_pb2.Span(start=max(edges[a], 0.0), end=edges[b]),
                key=to_key(key % 12, key >= 12),
                confidence=confidence,
            )
            for a, b, key, confidence in zip(
                keys.cell[:-1], keys.cell[1:], keys.key.tolist(), keys.confidence.tolist(), strict=True
            )
        ],
        scale=_SCALES[scales[keys.best].scale],
        scale_confidence=scales[keys.best].probability,
    )


def describe_chords(reading: Reading, detail: str) -> list[music_pb2.Chord]:
    """Describe the chords, without gaps; ``detail`` is ``"triads"`` or ``"sevenths"``."""
    chords, edges = reading.inversions, reading.cells.edges
    keys = reading.keys.per_cell()[chords.cell[:-1]].tolist()
    numbers = [_to_triad(chord) if detail == "triads" else chord for chord in chords.chord.tolist()]
    basses = chords.bass.tolist()
    numerals = roman_numerals(numbers, basses, keys)
    described: list[music_pb2.Chord] = []
    for row, number in enumerate(numbers):
        sounds = number != NO_CHORD
        chord = music_pb2.Chord(
            span=music_pb2.Span(start=max(edges[chords.cell[row]], 0.0), end=edges[chords.cell[row + 1]]),
            symbol=chord_symbol(number, basses[row] if basses[row] >= 0 else None, keys[row]),
            root=number % 12 if sounds else None,
            bass=basses[row] if basses[row] >= 0 else None,
            pitch_classes=chord_pitch_classes(number),
            roman_numeral=numerals[row],
            confidence=float(chords.confidence[row]),
        )
        if described and (described[-1].symbol, described[-1].roman_numeral) == (chord.symbol, chord.roman_numeral):
            described[-1].span.end = chord.span.end
        else:
            described.append(chord)
    return described


def _to_triad(chord: int) -> int:
    if chord == NO_CHORD:
        return chord
    quality = QUALITY_NAMES[chord // 12]
    return list(QUALITIES).index(_TRIAD.get(quality, quality)) * 12 + chord % 12
