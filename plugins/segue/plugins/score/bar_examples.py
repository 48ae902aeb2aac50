"""What the bar network learns from: pieces whose bars are known, seen without their metre.

Most of what is at hand is in 4/4, so each such piece is also seen with one beat of each bar cut out, which makes it one
in 3/4, and with one beat of each bar played twice, or three of each two bars cut out, which makes it one in 5/4; and
with this done to some stretches of it alone, which makes it one whose metre changes.

References
----------
G. Morais, B. McFee and M. Fuentes, "Skip that beat: augmenting meter tracking models for underrepresented time
signatures", LAMIR 2024.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.grid import find_grid, tracked_beats
from segue.music.meter import Bars
from segue.plugins.packs import openewld, pop909, synth
from segue.plugins.score.bar_net import beat_features
from segue.plugins.score.data import Part, part_of
from segue.plugins.score.examples import Example, with_tune
from segue.plugins.score.meters import without_time

Kind = Literal["songs", "tracked", "arrangements", "sheets", "triple", "quintuple", "changing"]
SHARES: Final[Mapping[Kind, float]] = {
    "songs": 0.24, "tracked": 0.2, "arrangements": 0.09, "sheets": 0.09,
    "triple": 0.22, "quintuple": 0.08, "changing": 0.08,
}  # fmt: skip
"""Of the kinds of pieces in a batch: songs with their file's beats and with beats found in the notes, and so on."""
_NEAR: Final = 0.25
_AROUND: Final = 8
_FEWEST_NOTES, _FEWEST_BARS = 16, 4
_REGULAR: Final = 0.8
_SHORTEST: Final = 0.05
_STRETCH: Final = 4 / 3
_NOISE: Final = 0.3


@dataclass(frozen=True)
class Barred:
    """A piece whose bars are known.

    Attributes
    ----------
    kind, part
        Kind of piece, and the part of the data it belongs to.
    piece, beats
        Its notes, and its beats, shape (beats,).
    begins : ndarray of bool, shape (beats,)
        Whether a bar begins.
    known : ndarray of bool, shape (beats,)
        Whether that is known.
    """

    kind: Kind
    part: Part
    piece: Piece
    beats: NDArray[np.float64]
    begins: NDArray[np.bool_]
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, kind: Kind, part: Part, piece: Piece, beats: NDArray[np.float64], bars: NDArray[np.float64]) -> Barred:
        """Say which beats the begins of bars are nearest to; before and long after them nothing is known."""
        step = float(np.median(np.diff(beats)))
        begins = np.abs(beats[:, None] - bars).min(axis=1) < _NEAR * step
        known = (beats >= bars[0] - _AROUND * step) & (beats <= bars[-1] + _AROUND * step)
        return cls(kind, part, piece, beats, begins, known)

    def example(self) -> Example:
        """Describe its beats, each with 1 where a bar begins, else 0; -100 where that is not known."""
        return Example(self.part, beat_features(self.piece, self.beats), np.where(self.known, self.begins, -100))


def barred_pieces(data: Path) -> Iterator[Barred]:
    """Read songs, arrangements and lead sheets, and make pieces in 3/4, in 5/4 and in changing metres of those in 4/4.

    Raises
    ------
    InvalidRequest
        If the folder lacks one of their packs.
    """
    rng, fives = np.random.default_rng(0), cycle((repeat_beat, skip_three))
    changes = cycle((skip_beat, repeat_beat, skip_beat, skip_three))
    for barred in (*_songs(data, rng), *written_pieces(data)):
        yield barred
        if barred.kind != "tracked" and in_four(barred):
            place = int(rng.integers(1, 4))
            changed = replace(next(changes)(barred, place, stretches(barred, rng)), kind="changing")
            for made in (skip_beat(barred, place), next(fives)(barred, place), changed):
                if len(made.piece) >= _FEWEST_NOTES:
                    yield made


def written_pieces(data: Path) -> Iterator[Barred]:
    """Read arrangements and lead sheets."""
    yield from _arrangements(data)
    yield from _sheets(data)


def in_four(barred: Barred) -> bool:
    """Say whether nearly all bars have four beats."""
    lengths = np.diff(np.flatnonzero(barred.begins))
    return len(lengths) > 0 and bool((lengths == 4).mean() >= _REGULAR)


def _songs(data: Path, rng: np.random.Generator) -> Iterator[Barred]:
    for song in pop909.songs(data):
        piece, marks, part = song.piece(), song.marks(), part_of(song.number)
        seconds = marks.seconds[marks.pairs]
        tune = pop909.played_by(piece, pop909.MELODY)
        for seen in (piece, piece.select(~tune), piece.select(tune)):
            if len(seen) >= _FEWEST_NOTES and len(seconds) >= _FEWEST_BARS:
                yield Barred.of("songs", part, seen, _beats(seen), piece.seconds_to_beats(seconds))
        factor = float(_STRETCH ** rng.uniform(-1, 1))
        bare = without_time(piece, factor)
        beats = tracked_beats(bare)
        if len(beats) >= _FEWEST_BARS and len(seconds) >= _FEWEST_BARS:
            yield Barred.of("tracked", part, bare, beats, 2 * factor * seconds)


def _arrangements(data: Path) -> Iterator[Barred]:
    for number, arrangement in enumerate(synth.arrangements(data)):
        band = arrangement.band()
        piece = band if number % 2 else band.without_drums()
        if number % 4 < 2 and (tune := arrangement.tune()) is not None:
            piece = with_tune(band.without_drums(), tune)
        if len(piece.without_drums()) >= _FEWEST_NOTES:
            yield Barred.of("arrangements", part_of(f"c{arrangement.number}"), piece, _beats(piece), band.bar_starts)


def _sheets(data: Path) -> Iterator[Barred]:
    for sheet in openewld.lead_sheets(data):
        if sheet.free and not sheet.metric.endswith("/8"):  # whose beats are no quarters
            piece = sheet.piece()
            kind: Kind = "triple" if sheet.metric == "3/4" else "sheets"
            for seen in (piece, piece.select(piece.track == 0)):
                if len(seen) >= _FEWEST_NOTES:
                    part = part_of(f"c{sheet.number}")  # as the arrangements of the same tune
                    yield Barred.of(kind, part, seen, _beats(seen), piece.bar_starts)


def _beats(piece: Piece) -> NDArray[np.float64]:
    """Return the quarters of the file."""
    return find_grid(replace(piece, meters=()), _fours, dotted=False).beats


def _fours(piece: Piece, beats: NDArray[np.float64], written: bool) -> Bars:
    downbeats = np.arange(0, len(beats), 4)
    return Bars(downbeats, np.full(len(downbeats), 4), 0.0)


def stretches(barred: Barred, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw stretches of 4 to 16 bars, every other one, shape (beats,): each begins with a bar of odd number."""
    bars = np.cumsum(barred.begins)
    first = np.cumsum(np.r_[1, 2 * rng.integers(2, 9, 1 + bars[-1] // 4)])
    return np.asarray((np.searchsorted(first, bars, side="right") + rng.integers(2)) % 2 == 1)


def skip_beat(barred: Barred, place: int, inside: NDArray[np.bool_] | bool = True) -> Barred:
    """Cut one beat out of each bar: what begins in it falls away, what lasts through it becomes shorter.

    Parameters
    ----------
    barred
        A piece.
    place
        Which beat of the bar, 1-3 of a bar of four; 0 is the downbeat.
    inside : ndarray of bool, shape (beats,)
        In which bars this is done, the whole of each; in all if left out.
    """
    return _without(barred, (_since(barred) == place) & inside, "triple")


def skip_three(barred: Barred, place: int, inside: NDArray[np.bool_] | bool = True) -> Barred:
    """Cut the last of four beats and the last two of the next four, or these first, by ``place``: 3 + 2 or 2 + 3.

    What is ``inside`` must begin with bars of odd number, of which the first is one, and end with others.
    """
    since, odd = _since(barred), (np.cumsum(barred.begins) + place) % 2 == 1
    gone = (since >= 0) & (since >= np.where(odd, 3, 2)) & inside
    second = barred.begins & (np.cumsum(barred.begins) % 2 == 0) & inside
    return _without(replace(barred, begins=barred.begins & ~second), gone, "quintuple")


def skip_eighth(barred: Barred, place: int) -> Barred:
    """Cut the second half of one beat out of each bar: four quarters are seven eighths, and these are the beats."""
    edges = _edges(barred)
    halves = np.append(np.stack([edges[:-1], (edges[:-1] + edges[1:]) / 2], axis=1).ravel(), edges[-1])[:-1]
    begins, known = np.zeros(len(halves), bool), np.repeat(barred.known, 2)
    begins[::2] = barred.begins
    fine = replace(barred, beats=halves, begins=begins, known=known)
    return _without(fine, _since(fine) == 2 * place + 1, barred.kind)


def repeat_beat(barred: Barred, place: int, inside: NDArray[np.bool_] | bool = True) -> Barred:
    """Play one beat of each bar twice: what lasts through it becomes longer.

    Parameters
    ----------
    barred
        A piece.
    place
        Which beat of the bar, 1-3 of a bar of four; 0 is the downbeat.
    inside : ndarray of bool, shape (beats,)
        In which bars this is done, the whole of each; in all if left out.
    """
    piece, edges = barred.piece, _edges(barred)
    twice, length = (_since(barred) == place) & inside, np.diff(edges)
    moved = np.cumsum(np.r_[edges[0], length * (1 + twice)])
    own = np.clip(np.searchsorted(edges, piece.start + 1e-6, side="right") - 1, 0, len(length) - 1)
    last = np.clip(np.searchsorted(edges, piece.end - 1e-6) - 1, 0, len(length) - 1)
    start, end = moved[own] + piece.start - edges[own], moved[last] + piece.end - edges[last]
    again = twice[own]
    columns = [np.r_[column, column[again]] for column in (piece.pitch, piece.velocity, piece.track)]
    begin = np.maximum(np.r_[start, (start + length[own])[again]], 0)
    lasting = np.r_[end - start, (end - start)[again]]
    longer = Piece.of(begin, lasting, *columns, tracks=piece.tracks)
    order = np.repeat(np.arange(len(length)), 1 + twice)
    second = np.r_[False, order[1:] == order[:-1]]
    beats = moved[order] + np.where(second, length[order], 0.0)
    return Barred("quintuple", barred.part, longer, beats, barred.begins[order] & ~second, barred.known[order])


def _since(barred: Barred) -> NDArray[np.int64]:
    """Count beats from the begin of each bar, shape (beats,): -1 before the first."""
    here = np.arange(len(barred.beats))
    since = here - np.maximum.accumulate(np.where(barred.begins, here, -1))
    return np.where(np.maximum.accumulate(barred.begins), since, -1)


def _edges(barred: Barred) -> NDArray[np.float64]:
    """Return the beats and the end of the last, shape (beats + 1,)."""
    return np.append(barred.beats, 2 * barred.beats[-1] - barred.beats[-2])


def _without(barred: Barred, gone: NDArray[np.bool_], kind: Kind) -> Barred:
    """Cut beats out: what begins in them falls away, what lasts through them becomes shorter."""
    piece, edges = barred.piece, _edges(barred)
    moved = np.cumsum(np.r_[edges[0], np.where(gone, 0.0, np.diff(edges))])
    start, end = (np.interp(time, edges, moved) for time in (piece.start, piece.end))
    own = np.clip(np.searchsorted(barred.beats, piece.start + 1e-6, side="right") - 1, 0, len(gone) - 1)
    kept = ~gone[own] & (end - start > _SHORTEST)
    left = Piece.of(
        np.maximum(start, 0)[kept],
        (end - start)[kept],
        piece.pitch[kept],
        piece.velocity[kept],
        piece.track[kept],
        tracks=piece.tracks,
    )
    return Barred(kind, barred.part, left, moved[:-1][~gone], barred.begins[~gone], barred.known[~gone])


def blur(spread: NDArray[np.float32], inputs: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add noise to a description of beats, a part of how much each column varies."""
    return inputs + np.float32(_NOISE) * spread * rng.standard_normal(inputs.shape, np.float32)
