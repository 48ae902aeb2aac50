"""Chords for a piece that asks for none, drawn as those of lead sheets follow one another.

A network that writes notes without a plan stays on a chord longer than the music it learnt from: every note that it
draws from the chord that sounds speaks for staying. So the chords of styles that are made over a chart are settled
first. They are drawn backwards, half bar by half bar: the last bar is the tonic's, and what leads to it is counted in
the lead sheets of the training part, by the place in four bars and in the bar and by the two chords that follow. A
chord that is seldom seen before a pair is drawn from what precedes the one chord, and so on [1]_. Where bars are to
have the chords of earlier ones, the seam is weighed too: how likely the chord before it leads on.

Hardly a lead sheet is in minor, so chords in minor are counted in whatever is: piano songs, chorales and the few lead
sheets, as they are heard below the tune. Where no song in minor is known, a minor piece has the degrees of a major one,
each with the chord that it has in minor.

Everything is in C; chords are those of ``segue.music.theory``.

References
----------
.. [1] I. H. Witten and T. C. Bell, "The zero-frequency problem", IEEE Transactions on Information Theory, 1991.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music import TrackInfo
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD, QUALITY_NAMES
from segue.plugins.transformer.controls import STYLES
from segue.plugins.transformer.data import Song
from segue.plugins.transformer.elements import METRES, to_piece

PHRASE: Final = 4
"""Bars of a phrase."""
TONIC: Final = QUALITY_NAMES.index("maj") * 12
TONIC_IN_MINOR: Final = QUALITY_NAMES.index("min") * 12
DOMINANT: Final = QUALITY_NAMES.index("7") * 12 + 7
_DOMINANT_TRIAD: Final = TONIC + 7
_SECOND_IN_MINOR: Final = QUALITY_NAMES.index("hdim7") * 12 + 2
OVER_A_CHART: Final = frozenset(STYLES) - {"chorale", "pop_piano", "house"}
"""Styles whose music is made over a chart of chords; in the others chords come of voices or of a pianist's hands.

House is over a chart too, but its bass is struck off the beat: made to strike where a chord begins, three of eleven
pieces were taken for techno, and without a plan its roots change as often as in the music that it learnt from.
"""
JAZZ: Final = frozenset({"jazz_swing", "jazz_combo", "bossanova"})
"""Styles in which a dominant in minor is led to as those of lead sheets in major are: hardly a song in minor does."""
_WRITTEN: Final = "lead_sheet"
_COUNTED: Final = frozenset({_WRITTEN, "pop_piano", "chorale"})
"""Styles in whose songs chords are counted, in minor; in major in lead sheets alone."""
_LEAST: Final = 0.004
"""Share of the time that a chord must have to be drawn."""
_OWN: Final = (3.0, 30.0, 30.0)
"""How many times a context must be seen to weigh as much as the simpler one; set on the validation part."""
_COMES_BACK: Final = 0.34
"""Share of the phrases of the training part's lead sheets that have the chords of the one eight bars before."""
_SETTLED: Final = 3
"""Bars of a phrase that come back; its last one leads to what follows."""
_LONGEST: Final = 6
"""Half bars after which the root changes."""
_TWO_FIVE: Final = 0.53
"""Share of the dominants of the training part's lead sheets in major that the chord on the second degree leads to."""
_FIRST: Final = 2 * PHRASE
_FREE: Final = -1
_THIRDLESS: Final = [QUALITY_NAMES.index(name) for name in QUALITY_NAMES if name.startswith("sus")]
_SEVENTHS: Final = frozenset({"7", "maj7", "min7", "hdim7", "dim7"})
_DEGREES_IN_MINOR: Final = (
    (0, "min", "min7"), (1, "maj", "maj7"), (2, "dim", "hdim7"), (3, "maj", "maj7"), (3, "maj", "maj7"),
    (5, "min", "min7"), (6, "dim", "dim7"), (7, "maj", "7"), (8, "maj", "maj7"), (8, "maj", "maj7"), (10, "maj", "7"),
    (11, "dim", "dim7"),
)  # fmt: skip
"""Root in C major → root, triad and seventh chord in C minor."""


class _Before(NamedTuple):
    """A half bar and what follows it: place in four bars counted from the end, next chord, next other chord, chord."""

    place: int
    following: int
    other: int
    chord: int

    def contexts(self) -> tuple[tuple[int, ...], ...]:
        """Return what the chord is drawn by, the simplest first."""
        half = self.place % 2
        return (half, self.following), (half, self.following, self.other), (self.place, self.following, self.other)


class Progressions:
    """How chords precede one another.

    Parameters
    ----------
    major, minor
        The chords of songs: two to a bar, -1 where there is none.
    """

    def __init__(self, major: Sequence[Sequence[int]], minor: Sequence[Sequence[int]] = ()) -> None:
        self.major, self.minor = major, minor
        self._counts = [_Counts(songs) if songs else None for songs in (major, minor)]

    @classmethod
    def of(cls, songs: Sequence[Song]) -> Progressions:
        """Read chords below the tune, in two or four: in major those that are written out in lead sheets."""
        found: tuple[list[list[int]], list[list[int]]] = ([], [])
        for song in songs:
            if song.style in _COUNTED and song.lead and METRES[song.metre].numerator != 3 and len(song.programs) > 1:
                key = Counter(song.keys.tolist()).most_common(1)[0][0]
                if key >= 12 or song.style == _WRITTEN:
                    found[int(key >= 12)].append(_halves(song, key))
        return cls(*found)

    def save(self, path: Path) -> None:
        """Write them."""
        path.write_text(json.dumps({"major": self.major, "minor": self.minor}) + "\n")

    @classmethod
    def load(cls, path: Path) -> Progressions:
        """Read them; a version that was trained before there were any has none, one from before minor only major."""
        found = json.loads(path.read_text()) if path.is_file() else []
        return cls(**found) if isinstance(found, dict) else cls(found)

    def draw(
        self,
        bars: int,
        rng: np.random.Generator,
        *,
        minor: bool,
        again: NDArray[np.int64] | None,
        cadence: bool,
        jazz: bool = False,
    ) -> NDArray[np.int64] | None:
        """Draw the chords of a piece, which begins and ends on the tonic.

        Parameters
        ----------
        bars, minor
            Of the piece.
        again
            For each bar the earlier one whose chords it has, -1 for new ones; None leaves it to chance.
        cadence
            Whether the second half of the last bar but one is the dominant's.
        jazz
            Whether its style is one of ``JAZZ``.

        Returns
        -------
        ndarray of int, shape (bars, 2), or None
            Two chords a bar; None if no song is known.
        """
        own = self._counts[int(minor)]
        counts = own or self._counts[0]
        if counts is None:
            return None
        again = _coming_back(bars, rng) if again is None else again
        plan = np.full((bars, 2), _FREE)
        plan[0, 0] = plan[-1] = TONIC_IN_MINOR if minor and own else TONIC
        if (cadence or (minor and own)) and bars > 1:  # piano songs in minor fade out, and do not tell how to close
            plan[-2, 1] = DOMINANT
        chords = plan.reshape(-1)  # a view
        later = {int(source): bar for bar, source in enumerate(again) if source >= 0}  # of several the last
        other = _FREE
        for half in range(2 * bars - 2, -1, -1):
            following = int(chords[half + 1])
            for at in (half, half - 1):
                if at >= 0 and chords[at] == _FREE and at // 2 in later:
                    chords[at] = plan[later[at // 2], at % 2]
            if chords[half] == _FREE:
                ahead = int(chords[half - 1]) if half else _FREE
                later_roots = chords[half + 1 : half + 1 + _LONGEST] % 12
                stays = len(later_roots) < _LONGEST or bool((later_roots != following % 12).any())
                chords[half] = counts.draw(half, 2 * bars, following, other, ahead, stays, rng)
            other = following if chords[half] != following else other
        if minor and own and jazz:
            _lead_by_seconds(chords, rng)
        for bar in np.flatnonzero(again >= 0).tolist():
            plan[bar] = plan[again[bar]]
        return in_minor(plan) if minor and not own else plan


def in_minor(chords: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each chord in C major the one on its degree in C minor."""
    seventh = np.isin(chords // 12, [QUALITY_NAMES.index(name) for name in _SEVENTHS])
    table = np.array(
        [[QUALITY_NAMES.index(name) * 12 + root for name in names] for root, *names in _DEGREES_IN_MINOR], np.int64
    )
    return np.asarray(table[chords % 12, seventh.astype(np.int64)])


def _lead_by_seconds(chords: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Put, in place, a half-diminished second degree before some of the dominants, which then have their sevenths.

    It has the end of what was there, half a bar or, before a dominant that lasts as long, a whole one.
    """
    edges = np.flatnonzero(np.diff(chords % 12)) + 1
    for first, begin, end in zip(np.r_[0, edges[:-1]], edges, np.r_[edges[1:], len(chords)], strict=True):
        if chords[begin] in (DOMINANT, _DOMINANT_TRIAD) and begin > 1 and rng.random() < _TWO_FIVE:
            chords[max(first, begin - min(end - begin, 2), 1) : begin] = _SECOND_IN_MINOR
            chords[begin:end] = DOMINANT


class _Counts:
    """What precedes what in songs."""

    def __init__(self, songs: Sequence[Sequence[int]]) -> None:
        seen = Counter(chord for song in songs for chord in song if chord >= 0)
        least = _LEAST * seen.total()
        self._chords = np.array(sorted(chord for chord, times in seen.items() if times >= least))
        self._usual = np.array([seen[chord] for chord in self._chords.tolist()], float)
        self._usual /= self._usual.sum()
        self._tables: dict[tuple[int, ...], NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(self._chords)))
        for before in (before for song in songs for before in _befores(song)):
            row = np.searchsorted(self._chords, before.chord)
            if row < len(self._chords) and self._chords[row] == before.chord:
                for context in before.contexts():
                    self._tables[context][row] += 1

    def _likely(self, before: _Before) -> NDArray[np.float64]:
        """Return the probability of each chord."""
        found = self._usual
        for context, own in zip(before.contexts(), _OWN, strict=True):
            if context in self._tables:
                table = self._tables[context]
                found = (table + own * found) / (table.sum() + own)
        return found

    def draw(
        self, half: int, halves: int, following: int, other: int, ahead: int, stays: bool, rng: np.random.Generator
    ) -> int:
        """Draw the chord of a half bar.

        ``ahead`` is the one before it, -1 if that is not settled yet; ``stays`` says whether the root may be that of
        the following one.
        """
        likely = self._likely(_Before(_place(half, halves), following, other, _FREE))
        if not stays:
            likely = likely * (self._chords % 12 != following % 12)
        if ahead != _FREE and ahead in self._chords:
            row = int(np.searchsorted(self._chords, ahead))
            place = _place(half - 1, halves)
            likely = likely * [
                self._likely(_Before(place, chord, other if chord == following else following, _FREE))[row]
                for chord in self._chords.tolist()
            ]
        return int(self._chords[np.searchsorted(np.cumsum(likely), rng.random() * likely.sum())])


def _place(half: int, halves: int) -> int:
    """Return where in a phrase a half bar lies, counted from the end; a song's first has a place of its own."""
    return (halves - half) % (2 * PHRASE) if half else _FIRST


def _befores(song: Sequence[int]) -> Iterator[_Before]:
    """Yield what precedes what in a song; bars without a chord at its beginning are a pickup."""
    first = next((half for half, chord in enumerate(song) if chord >= 0), len(song))
    own, other = song[first:], _FREE
    for half in range(len(own) - 2, -1, -1):
        if own[half] >= 0 and own[half + 1] >= 0:
            yield _Before(_place(half, len(own)), own[half + 1], other, own[half])
        other = own[half + 1] if own[half] != own[half + 1] else other


def _coming_back(bars: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw which bars have the chords of others: of some phrases the beginning, as the phrase before the last one."""
    found = np.full(bars, _FREE)
    for first in range(2 * PHRASE, bars - _SETTLED, PHRASE):
        if rng.random() < _COMES_BACK:
            found[first : first + _SETTLED] = np.arange(first, first + _SETTLED) - 2 * PHRASE
    return found


def _halves(song: Song, key: int) -> list[int]:
    """Return the chord in the middle of each half bar under the tune, in C; none that leaves a minor mode open."""
    tracks = tuple(TrackInfo("", program, drums) for program, drums in zip(song.programs, song.drums, strict=True))
    metre = METRES[song.metre]
    below = to_piece(song.notes.select(song.notes.slot != 0), metre, tracks=tracks).without_drums()
    if not len(below):
        return []
    chord = Reading(below).chord_at((np.arange(2 * song.bars) + 0.5) * metre.bar_beats / 2)
    moved = chord // 12 * 12 + (chord - key) % 12
    untold = (chord == NO_CHORD) | ((key >= 12) & np.isin(chord // 12, _THIRDLESS))
    found: list[int] = np.where(untold, _FREE, moved).tolist()
    return found
