"""Why a note is changed, in a sentence with figures. Every ``piece`` here is one without drums, but for timing."""

from __future__ import annotations

import numpy as np
from segue.music import Piece
from segue.music.timing import Timing
from segue.plugins.polish.context import CLOSE
from segue.plugins.polish.harmony import Harmony
from segue.plugins.polish.judge import Slips

_NAMES = {0: "the beat", 2: "the eighth", 1: "the sixteenth", 3: "the sixteenth"}


def timing(piece: Piece, found: Timing, note: int) -> str:
    """Say why a note moves."""
    by = float(piece.start[note] - found.start[note])
    seconds = abs(float(np.diff(piece.beats_to_seconds([piece.start[note], found.start[note]]))[0]))
    where = _place_name(float(found.start[note] - found.phase[note]), found)
    lies = f"Lies {abs(by):.3f} beats ({1000 * seconds:.0f} ms) {'behind' if by > 0 else 'ahead of'} {where}"
    if found.loose:
        return f"{lies}; only {100 * (1 - found.off.mean()):.0f} % of the piece's notes are on the grid."
    if found.drift:
        return f"{lies}; the playing drifts there by {found.phase[note]:+.2f} beats."
    return f"{lies}; {100 * found.company[note]:.0f} % of its neighbours in the track are on the grid."


def _place_name(beat: float, found: Timing) -> str:
    within = beat - np.floor(beat + 0.01)
    if found.grid.swing is not None and abs(within - found.grid.swing) < 0.02:
        return "the swung eighth"
    for parts, names in ((4, _NAMES), (3, {}), (6, {})):
        nearest = round(within * parts)
        if abs(within * parts - nearest) < 0.06 * parts:
            return names.get(nearest % parts) or ("the triplet eighth" if parts == 3 else "the triplet sixteenth")
    return "its place on the grid"


def doubled(piece: Piece, note: int, twin: int) -> str:
    """Say why a second strike is removed."""
    gap = float(piece.start[note] - piece.start[twin])
    rest = piece.duration[twin] - gap
    return f"Strikes the same pitch {gap:.3f} beats after a note of it that still sounds for {rest:.2f} beats."


def held(piece: Piece, note: int, into: int, length: float) -> str:
    """Say why a note ends earlier: another one begins."""
    over = float(piece.start[note] + length - piece.start[into])
    what = (
        "the same pitch is struck again" if piece.pitch[note] == piece.pitch[into] else "the voice's next note begins"
    )
    return f"Sounds on for {over:.2f} beats after {what}."


def stuck(piece: Piece, note: int, length: float) -> str:
    """Say why a note ends earlier: it is stuck."""
    return f"Lasts {length:.1f} beats; 95 % of its track's notes last at most {piece.duration[note]:.2f}."


def resized(piece: Piece, note: int, length: float) -> str:
    """Say why a note gets another length."""
    over = float(piece.duration[note] - length)
    return f"Ends {abs(over):.3f} beats {'after' if over > 0 else 'before'} its place on the grid."


def pitch(piece: Piece, harmony: Harmony, slips: Slips, slip: int, note: int) -> str:
    """Say why a note gets another pitch."""
    wrong, right = int(piece.pitch[note]), int(slips.pitch[slip])
    name, better = harmony.name(note, wrong), harmony.name(note, right)
    parts = [
        f"{better} is {100 * slips.probability[slip]:.0f} % probable here, {name} {100 * slips.right[slip]:.1f} %",
    ]
    if harmony.key_name(note) and harmony.belongs(note, right) and not harmony.belongs(note, wrong):
        parts.append(f"{name[:-1]} is outside {harmony.key_name(note)}")
    if slips.echo[slip] > 0.3:
        parts.append(f"{100 * slips.echo[slip]:.0f} % of similar bars have {better} at this place")
    elif _grates(piece, note, wrong) and not _grates(piece, note, right):
        parts.append(f"{name} makes a minor second with what sounds, {better} does not")
    elif _in_chord(harmony, note, right) and not _in_chord(harmony, note, wrong):
        parts.append(f"{name[:-1]} is outside the chord {harmony.chord_name(note)}")
    return "; ".join(parts) + "."


def _in_chord(harmony: Harmony, note: int, pitch: int) -> bool:
    return bool(harmony.select(np.array([note])).in_chord(np.array([pitch]))[0])


def _grates(piece: Piece, note: int, pitch: int) -> bool:
    """Say whether a pitch makes a minor second, or its inversion, with a note that sounds at the start of a note."""
    near = slice(max(note - 24, 0), note + 12)
    start, end = piece.start[near], piece.start[near] + piece.duration[near]
    others = (start <= piece.start[note] + CLOSE) & (end > piece.start[note] + CLOSE)
    others &= np.arange(near.start, near.start + len(start)) != note
    return bool(np.isin((piece.pitch[near][others] - pitch) % 12, (1, 11)).any())


def missing(piece: Piece, harmony: Harmony, note: int, start: float, added: int, probability: float) -> str:
    """Say why a note is added."""
    first, last = np.searchsorted(piece.start, [start - CLOSE, start + CLOSE])
    struck = piece.pitch[first:last][~piece.is_drum[first:last]]
    beside = ", ".join(harmony.name(note, pitch) for pitch in sorted(set(struck.tolist()))[:6])
    chord = f" of {harmony.chord_name(note)}" if harmony.chord_name(note) else ""
    company = f"; with it sound {beside}{chord}" if beside else ""
    return f"{harmony.name(note, added)} is {100 * probability:.0f} % probable to be missing here{company}."
