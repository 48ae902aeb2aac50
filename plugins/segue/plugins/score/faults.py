"""Whether issues are found: faults planted into pieces that nothing was learnt from, and false alarms on clean ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music import Piece
from segue.music.issues import DETECTORS, Finding
from segue.music.reading import Reading
from segue.music.theory import scale
from segue.plugin_api.training import Report
from segue.plugins.polish import data as packs
from segue.v1 import analyze_pb2 as pb

_MOST_PIECES: Final = 20
_EACH: Final = 4
_APART: Final = 4.0
_NEAR: Final = 0.3
_FEWEST: Final = 40
_FIFTH: Final = 7

Fault = tuple[float, int | None]
"""Where a fault begins, in beats, and its track if it has one."""
Planted = tuple[Piece, list[Fault]]


def measure_issues(data: Path, read: Callable[[Piece], Reading], console: Console) -> Report:
    """Plant faults of each kind into pieces of the test parts of ``polish`` and look for them."""
    sources = {"chorales": packs.chorales, "songs": packs.pop_songs, "lead sheets": packs.lead_sheets}
    rows: dict[str, dict[str, float]] = {_name(kind): {} for kind in DETECTORS}
    counts = []
    for source, reader in sources.items():
        pieces = [piece for piece in reader(data, "test") if len(piece) >= _FEWEST][:_MOST_PIECES]
        counts.append(f"{len(pieces)} {source}")
        found: dict[int, list[bool]] = defaultdict(list)
        alarms: dict[int, list[float]] = defaultdict(list)
        for number, piece in enumerate(track(pieces, source, console=console)):
            clean = read(piece)
            known = {kind: [(f.start, f.track) for f in detect(clean)] for kind, detect in DETECTORS.items()}
            for kind, places in known.items():
                alarms[kind].append(100 * len(places) / len(piece))
            for kind, plant in _PLANTS.items():
                spoilt, faults = plant(piece, np.random.default_rng(number))
                told = list(DETECTORS[kind](read(spoilt))) if faults else []
                new = [finding for finding in told if (finding.start, finding.track) not in known[kind]]
                found[kind] += [any(_is_at(finding, *fault) for finding in new) for fault in faults]
        for kind in DETECTORS:
            if found[kind]:
                rows[_name(kind)][f"found, {source}"] = float(np.mean(found[kind]))
            rows[_name(kind)][f"clean per 100 notes, {source}"] = float(np.mean(alarms[kind]))
    return Report(
        f"Issues: up to {_EACH} faults of one kind planted into each of {', '.join(counts)} of the test parts of "
        "polish: the share that is found in its place (within .3 beats, in its track), and what is found in a hundred "
        "notes of the pieces as they are. Some of that is real: songs were played, Bach lets voices cross.",
        rows,
    )


def _name(kind: pb.IssueKind.ValueType) -> str:
    return pb.IssueKind.Name(kind).removeprefix("ISSUE_KIND_").lower().replace("_", " ")


def _is_at(finding: Finding, start: float, track: int | None) -> bool:
    own = track is None or finding.track in (None, track)
    return own and finding.start - _NEAR <= start <= finding.end + _NEAR


def _some(piece: Piece, random: np.random.Generator, rows: NDArray[Any] | None = None) -> list[int]:
    """Draw a few notes that lie apart."""
    chosen: list[int] = []
    for row in random.permutation(np.arange(8, len(piece) - 8) if rows is None else rows).tolist():
        if all(abs(piece.start[row] - piece.start[other]) > _APART for other in chosen) and len(chosen) < _EACH:
            chosen.append(row)
    return chosen


def _at(piece: Piece, rows: list[int]) -> list[Fault]:
    return [(float(piece.start[row]), int(piece.track[row])) for row in rows]


def _changed(piece: Piece, rows: list[int], **columns: Any) -> Planted:
    """Return a piece with columns replaced, and the faults at those rows, where they are then."""
    spoilt = replace(piece, **columns)
    return spoilt.with_notes(), _at(spoilt, rows)


def _late(piece: Piece, random: np.random.Generator) -> Planted:
    rows = _some(piece, random)
    start = piece.start.copy()
    start[rows] += random.choice([-1, 1], len(rows)) * random.uniform(0.07, 0.12, len(rows))
    return _changed(piece, rows, start=np.maximum(start, 0))


def _slipped(piece: Piece, random: np.random.Generator) -> Planted:
    """Put notes a semitone off that leave the local key by it."""
    keys, pitch, rows = Reading(piece).key_at(piece.start), piece.pitch.copy(), []
    for row in _some(piece, random):
        steps = [step for step in (-1, 1) if (pitch[row] + step) % 12 not in scale(int(keys[row]))]
        if steps:
            pitch[row] += int(random.choice(steps))
            rows.append(row)
    return _changed(piece, rows, pitch=pitch)


def _again(piece: Piece) -> NDArray[Any]:
    """Return for each note how long it is until its pitch is struck again in its track, infinite for never."""
    order = np.lexsort((piece.start, piece.pitch, piece.track))
    same = (np.diff(piece.track[order]) == 0) & (np.diff(piece.pitch[order]) == 0)
    gap = np.full(len(piece), np.inf)
    gap[order[:-1]] = np.where(same, np.diff(piece.start[order]), np.inf)
    return gap


def _held(piece: Piece, random: np.random.Generator) -> Planted:
    gap = _again(piece)
    rows = _some(piece, random, np.flatnonzero((gap > 0.2) & (gap <= 4)))
    duration = piece.duration.copy()
    duration[rows] = gap[rows] + 0.25
    return _changed(piece, rows, duration=duration)


def _stuck(piece: Piece, random: np.random.Generator) -> Planted:
    rows = _some(piece, random, np.arange(len(piece) * 3 // 4))[:1]
    duration = piece.duration.copy()
    duration[rows] = random.uniform(16, 32)
    return _changed(piece, rows, duration=duration)


def _more(piece: Piece, rows: list[int], pitch: NDArray[Any]) -> Planted:
    """Add notes beside those at some rows, with other pitches; shape (rows, n)."""
    times = pitch.shape[1]
    columns = {name: np.r_[getattr(piece, name), np.repeat(getattr(piece, name)[rows], times)] for name in _COLUMNS}
    columns["pitch"][len(piece) :] = np.clip(pitch.reshape(-1), 0, 127)
    return piece.with_notes(**columns), _at(piece, rows)


_COLUMNS: Final = ("start", "duration", "pitch", "velocity", "track")


def _twice(piece: Piece, random: np.random.Generator) -> Planted:
    rows = _some(piece, random)
    return _more(piece, rows, piece.pitch[rows][:, None])


def _too_wide(piece: Piece, random: np.random.Generator) -> Planted:
    """Add notes two octaves and more above and below: only keyboards are asked to play chords."""
    rows = _some(piece, random, np.flatnonzero([piece.tracks[t].program < 8 for t in piece.track]))
    return _more(piece, rows, piece.pitch[rows][:, None] + np.array([-24, 24]))


def _emptied(piece: Piece, random: np.random.Generator) -> Planted:
    bars = Reading(piece).piece.bar_starts
    if len(bars) < 6:
        return piece, []
    bar = int(random.integers(2, len(bars) - 2))
    begin, end = float(bars[bar]), float(bars[bar + 1])
    outside = piece.select((piece.start < begin - 0.1) | (piece.start >= end - 0.1))
    held = (outside.start < begin) & (outside.end > begin)
    duration = np.where(held, begin - outside.start, outside.duration)
    return replace(outside, duration=duration), [((begin + end) / 2, None)]  # bars may be heard otherwise


def _flat(piece: Piece, random: np.random.Generator) -> Planted:
    shaped = 60 + np.arange(len(piece)) % 9
    track = int(np.bincount(piece.track).argmax())
    if not np.ptp(piece.velocity[piece.track == track]):
        return piece, []  # as it was written down
    return replace(piece, velocity=np.where(piece.track == track, 80, shaped)), [(0.0, track)]


def _voice_steps(piece: Piece, lower: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield rows of two notes in a row of the highest voice that moves, and of those of another struck with them."""
    top, own = (np.flatnonzero(piece.track == voice) for voice in (0, lower))
    for place in range(len(own) - 1):
        above = [row for row in top.tolist() if abs(piece.start[row] - piece.start[own[place]]) < 1e-6]
        after = [row for row in top.tolist() if abs(piece.start[row] - piece.start[own[place + 1]]) < 1e-6]
        if above and after and after[0] - above[0] > 0 and piece.pitch[above[0]] != piece.pitch[after[0]]:
            between = (piece.track == 0) & (piece.start > piece.start[above[0]]) & (piece.start < piece.start[after[0]])
            if not between.any():
                yield above[0], after[0], int(own[place]), int(own[place + 1])


def _parallel(piece: Piece, random: np.random.Generator) -> Planted:
    """Let the bass of four voices go in fifths or octaves with the soprano."""
    if len(piece.tracks) != 4:
        return piece, []
    steps = {step[2]: step for step in _voice_steps(piece, 3)}
    rows, pitch = [], piece.pitch.copy()
    for row in _some(piece, random, np.array(list(steps), np.int64)):
        above, after, first, second = steps[row]
        apart = int(random.choice([12 + _FIFTH, 24, 24 + _FIFTH]))
        pitch[[first, second]] = piece.pitch[[above, after]] - apart
        rows.append(above)
    spoilt, faults = _changed(piece, rows, pitch=pitch)
    return spoilt, [(start, None) for start, _ in faults]


def _crossed(piece: Piece, random: np.random.Generator) -> Planted:
    """Exchange the notes of soprano and alto."""
    if len(piece.tracks) != 4:
        return piece, []
    pairs = {own: above for above, _, own, _ in _voice_steps(piece, 1) if piece.pitch[above] > piece.pitch[own]}
    rows = _some(piece, random, np.array(list(pairs), np.int64))
    pitch = piece.pitch.copy()
    for row in rows:
        pitch[[row, pairs[row]]] = piece.pitch[[pairs[row], row]]
    spoilt, faults = _changed(piece, rows, pitch=pitch)
    return spoilt, [(start, None) for start, _ in faults]


_PLANTS: Final[Mapping[pb.IssueKind.ValueType, Callable[[Piece, np.random.Generator], Planted]]] = {
    pb.ISSUE_KIND_TIMING: _late,
    pb.ISSUE_KIND_OUT_OF_KEY: _slipped,
    pb.ISSUE_KIND_OVERLAP: _held,
    pb.ISSUE_KIND_STUCK_NOTE: _stuck,
    pb.ISSUE_KIND_DUPLICATE: _twice,
    pb.ISSUE_KIND_PARALLELS: _parallel,
    pb.ISSUE_KIND_VOICE_CROSSING: _crossed,
    pb.ISSUE_KIND_GAP: _emptied,
    pb.ISSUE_KIND_UNPLAYABLE: _too_wide,
    pb.ISSUE_KIND_FLAT_DYNAMICS: _flat,
}
