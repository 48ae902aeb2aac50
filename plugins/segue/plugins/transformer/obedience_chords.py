"""How well composed pieces follow given chords and a given form, heard by the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from segue.music import Piece
from segue.music.chord_symbols import AskedChord, key_of_chords, read_chords, read_symbol
from segue.music.theory import NO_CHORD, QUALITIES, QUALITY_NAMES
from segue.plugin_api.training import Report
from segue.plugins.packs.pop909 import songs
from segue.plugins.score.data import part_of
from segue.plugins.score.networks import Networks, shipped_networks
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.obedience import Composed, compose
from segue.v1 import generate_pb2, music_pb2

_STYLES: Final = ("pop_piano", "chorale", "jazz_combo", "lead_sheet")
_CHORDS: Final = 8
_FORM: Final = ("intro", "A", "A", "B", "A", "outro")
_FORM_BARS: Final = 32


def measure_chords(model: TransformerModel, pieces: int, data: Path) -> Report:
    """Measure how much of the time the asked chords are heard; chance is pieces that are asked for the key alone."""
    progressions = _progressions(data)
    asked = [progressions[row * len(progressions) // pieces % len(progressions)] for row in range(pieces)]
    styles = [_STYLES[row % len(_STYLES)] for row in range(pieces)]
    four = music_pb2.TimeSignature(numerator=4, denominator=4)
    with_chords = [
        generate_pb2.GenerateRequest(style=style, chords=_messages(symbols), time_signature=four)
        for style, symbols in zip(styles, asked, strict=True)
    ]
    chords = [read_chords(request.chords) for request in with_chords]
    without = [
        generate_pb2.GenerateRequest(style=style, key=_key(own), time_signature=four, bars=_CHORDS)
        for style, own in zip(styles, chords, strict=True)
    ]
    networks = shipped_networks()
    rows = {}
    for name, requests in (("asked for", with_chords), ("only the key asked for", without)):
        heard = np.array(
            [_heard(networks, one.piece, own) for one, own in zip(compose(model, requests), chords, strict=True)]
        )
        rows[name] = {
            "root and third": float(heard[:, 0].mean()),
            "root": float(heard[:, 1].mean()),
            "lowest note": float(heard[:, 2].mean()),
            **{style: float(heard[np.array(styles) == style, 0].mean()) for style in _STYLES},
        }
    protocol = (
        f"{pieces} pieces of {_CHORDS} bars in 4/4, one chord a bar: {_CHORDS} chords in a row of {len(progressions)} "
        f"POP909 songs of the test part (their annotation), styles {', '.join(_STYLES)} by turns. Share of the time in "
        "which the chord network of 'score' hears the root and the third that were asked for (it hears .93 of the "
        "annotated chords of real songs), and share of the bars that begin on the asked lowest note."
    )
    return Report(protocol, rows)


def _progressions(data: Path) -> list[tuple[str, ...]]:
    """Return some chords in a row of each song of the test part."""
    found = []
    for song in songs(data):
        symbols = [label for label, _ in groupby(_readable(label) for _, _, label in song.chords) if label != "N"]
        if part_of(song.number) == "test" and len(symbols) >= 3 * _CHORDS:
            found.append(tuple(symbols[_CHORDS : 2 * _CHORDS]))
    return found


def _readable(label: str) -> str:
    """Return a label of POP909 that is Harte's notation; others count as no chord."""
    try:
        read_symbol(label)
    except ValueError:
        return "N"
    return label


def _messages(symbols: Sequence[str]) -> list[music_pb2.Chord]:
    spans = [music_pb2.Span(start=4 * row, end=4 * row + 4) for row in range(len(symbols))]
    return [music_pb2.Chord(symbol=symbol, span=span) for symbol, span in zip(symbols, spans, strict=True)]


def _key(chords: Sequence[AskedChord]) -> music_pb2.Key:
    key = key_of_chords(chords) or 0
    return music_pb2.Key(tonic=key % 12, mode=music_pb2.MODE_MINOR if key >= 12 else music_pb2.MODE_MAJOR)


def _heard(networks: Networks, piece: Piece, chords: Sequence[AskedChord]) -> tuple[float, float, float]:
    """Return the shares of the time with the right root and third, and root, and of chords on the right lowest note."""
    beats = np.arange(0.25, 4 * len(chords), 0.5)
    found = networks.read(piece).chord_at(beats)
    asked = [chords[int(beat // 4)] for beat in beats.tolist()]
    root = np.array([chord != NO_CHORD and chord % 12 == own.root for chord, own in zip(found, asked, strict=True)])
    third = np.array([_third(chord) == _asked_third(own) for chord, own in zip(found.tolist(), asked, strict=True)])
    pitched = piece.without_drums()
    lowest = []
    for own in chords:
        first = pitched.pitch[np.abs(pitched.start - own.start) < 1e-6]
        lowest.append(len(first) > 0 and int(first.min()) % 12 == own.bass)
    return float((root & third).mean()), float(root.mean()), float(np.mean(lowest))


def _third(chord: int) -> int:
    """Return 4 for a major third, 3 for a minor one, 0 for none."""
    intervals = () if chord == NO_CHORD else QUALITIES[QUALITY_NAMES[chord // 12]]
    return next((third for third in (4, 3) if third in intervals), 0)


def _asked_third(chord: AskedChord) -> int:
    intervals = {(tone - (chord.root or 0)) % 12 for tone in chord.tones}
    return next((third for third in (4, 3) if third in intervals), 0)


def measure_form(model: TransformerModel, pieces: int) -> Report:
    """Measure how alike the bars of sections are that were asked to be the same, and others."""
    requests = [
        generate_pb2.GenerateRequest(style=_STYLES[row % len(_STYLES)], form=_FORM, bars=_FORM_BARS)
        for row in range(pieces)
    ]
    figures = [_form(one) for one in compose(model, requests)]
    protocol = (
        f"{pieces} pieces of {_FORM_BARS} bars, form {' '.join(_FORM)}, styles by turns. Share of the notes of a bar "
        "(place and pitch) that the bar at the same place of the other section has: first and second A, A and B; "
        "notes a bar in the intro beside the rest; share of pieces whose last bar sounds the tonic chord alone."
    )
    return Report(protocol, {"composed": {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}})


def _form(one: Composed) -> dict[str, float]:
    piece, beats = one.piece, one.piece.meters[0].bar_beats
    unit = _FORM_BARS // 10
    bars = [piece.select((piece.start >= bar * beats) & (piece.start < (bar + 1) * beats)) for bar in range(_FORM_BARS)]
    first = {"A": unit, "again": 3 * unit, "B": 5 * unit}
    alike = {
        name: np.mean([_alike(bars[first["A"] + bar], bars[first[name] + bar], beats) for bar in range(2 * unit)])
        for name in ("again", "B")
    }
    key = one.answer.key
    chord = {(key.tonic + step) % 12 for step in (0, 3 if key.mode == music_pb2.MODE_MINOR else 4, 7)}
    return {
        "A and A again": float(alike["again"]),
        "A and B": float(alike["B"]),
        "notes a bar, intro": float(np.mean([len(bar) for bar in bars[:unit]])),
        "notes a bar, the rest": float(np.mean([len(bar) for bar in bars[unit:]])),
        "ends on the tonic": float(set((bars[-1].without_drums().pitch % 12).tolist()) <= chord),
    }


def _alike(one: Piece, other: Piece, beats: float) -> float:
    sets = [set(zip((bar.start % beats).round(2).tolist(), bar.pitch.tolist(), strict=True)) for bar in (one, other)]
    return len(sets[0] & sets[1]) / max(len(sets[0] | sets[1]), 1)
