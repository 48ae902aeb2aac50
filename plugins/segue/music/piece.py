"""A piece of music as arrays: what every algorithm computes with.

Times are beats, that is quarter notes from the start of the piece, whatever the time signature. Pitches are MIDI
numbers, velocities 1-127. A column holds one value for each note; notes are in order of start, then track, then pitch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from segue.v1 import music_pb2 as pb

DEFAULT_TEMPO: Final = 120.0
MAX_NOTES: Final = 200_000
"""Most notes in a piece that is read; the largest symphonies have about half as many."""
MAX_BEATS: Final = 100_000.0
"""Latest beat of a piece that is read: 14 hours at 120 quarter notes per minute."""
MAX_CONTROLS: Final = 200_000
"""Most controls of all tracks of a piece that is read; an hour of a pianist's pedals has a tenth of that."""
SUSTAIN: Final = 64
"""Number of the controller that is the sustain pedal; values from 64 on press it."""
_BANK: Final = (0, 32)
SHORTEST_BEATS: Final = 1e-5
"""Length of a note that is written as shorter, which nobody hears: added to its start, it could be lost to rounding, or
to the millionth of a beat within which places are the same. The shortest note of a MIDI file has three times that."""


class Control(NamedTuple):
    """A message to an instrument at a beat: a controller, pitch bend, later program or pressure.

    ``number`` is that of the controller or key, ``value`` 0-127, of a pitch bend -8192 to 8191: see ``pb.Control``.
    """

    beat: float
    kind: pb.ControlKind.ValueType
    number: int
    value: int

    @property
    def chooses_bank(self) -> bool:
        """Whether it says of which bank the next program is."""
        return self.kind == pb.CONTROL_KIND_CONTROLLER and self.number in _BANK


class TrackInfo(NamedTuple):
    """One instrument or voice: its name, General MIDI program, whether it is a drum kit, and what is done to its sound.

    ``controls`` are in order of beat, those of one beat in the order in which they work. They touch no note's columns.
    """

    name: str = ""
    program: int = 0
    drums: bool = False
    controls: tuple[Control, ...] = ()

    @property
    def pedals(self) -> tuple[tuple[float, float], ...]:
        """Begin and end of each time the sustain pedal is down, in beats, ascending; infinity if it is never lifted."""
        spans: list[tuple[float, float]] = []
        pressed: float | None = None
        for beat, kind, number, value in self.controls:
            if kind == pb.CONTROL_KIND_CONTROLLER and number == SUSTAIN and (pressed is None) == (value >= SUSTAIN):
                if pressed is not None and beat > pressed:
                    spans.append((pressed, beat))
                pressed = beat if pressed is None else None
        return (*spans, (pressed, math.inf)) if pressed is not None else tuple(spans)

    def with_program(self, program: int) -> TrackInfo:
        """Return it for another instrument throughout: without later programs and choices of a bank."""
        stays = [
            control for control in self.controls if control.kind != pb.CONTROL_KIND_PROGRAM and not control.chooses_bank
        ]
        return self._replace(program=program, controls=tuple(stays))

    def for_other_notes(self) -> TrackInfo:
        """Return it without what was meant for notes that it had: pitch bends and pressure."""
        of_notes = (pb.CONTROL_KIND_PITCH_BEND, pb.CONTROL_KIND_CHANNEL_PRESSURE, pb.CONTROL_KIND_KEY_PRESSURE)
        return self._replace(controls=tuple(control for control in self.controls if control.kind not in of_notes))


class Tempo(NamedTuple):
    """Quarter notes per minute from a beat on."""

    beat: float
    quarters_per_minute: float


class Meter(NamedTuple):
    """A time signature from a beat on. A bar begins there."""

    beat: float
    numerator: int
    denominator: int

    @property
    def bar_beats(self) -> float:
        """Length of a bar, in quarter notes."""
        return self.numerator * 4 / self.denominator

    @property
    def pulse_beats(self) -> float:
        """Length of what is counted, in quarter notes: the dotted value in compound time, such as 1.5 in 6/8."""
        compound = self.denominator >= 8 and self.numerator % 3 == 0 and self.numerator > 3
        return (3 if compound else 1) * 4 / self.denominator


class KeySignature(NamedTuple):
    """A stated key from a beat on: pitch class of the tonic and mode."""

    beat: float
    tonic: int
    minor: bool


class Syllable(NamedTuple):
    """A sung word or syllable at the beat of its note."""

    beat: float
    text: str


class WrittenChord(NamedTuple):
    """A chord symbol: beat, pitch class of the root, index into ``theory.QUALITY_NAMES``, pitch class of the bass.

    "No chord" has -1 thrice.
    """

    beat: float
    root: int
    quality: int
    bass: int


@dataclass(frozen=True)
class Piece:
    """Notes as columns of equal length, and what is said about them.

    Attributes
    ----------
    start, duration
        In beats, float64. ``start >= 0``, ``duration > 0``.
    pitch, velocity, track
        int64. ``track`` is an index into ``tracks``.
    tracks
        One for each instrument or voice.
    tempos, meters, keys, lyrics, symbols
        In order of beat. No tempo means 120 quarter notes per minute, no metre 4/4; chord symbols each hold until the
        next one.
    """

    start: NDArray[np.float64]
    duration: NDArray[np.float64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]
    track: NDArray[np.int64]
    tracks: tuple[TrackInfo, ...] = (TrackInfo(),)
    tempos: tuple[Tempo, ...] = ()
    meters: tuple[Meter, ...] = ()
    keys: tuple[KeySignature, ...] = ()
    lyrics: tuple[Syllable, ...] = ()
    symbols: tuple[WrittenChord, ...] = ()

    @classmethod
    def of(
        cls,
        start: ArrayLike,
        duration: ArrayLike,
        pitch: ArrayLike,
        velocity: ArrayLike = 64,
        track: ArrayLike = 0,
        **about: Any,
    ) -> Piece:
        """Make a piece from columns in any order; a scalar holds for all notes."""
        starts = np.asarray(start, np.float64).reshape(-1)
        columns = [
            np.broadcast_to(np.asarray(values, np.int64), starts.shape).copy() for values in (pitch, velocity, track)
        ]
        durations = np.broadcast_to(np.asarray(duration, np.float64), starts.shape)
        order = np.lexsort((columns[0], columns[2], starts))
        return cls(starts[order], durations[order], *(column[order] for column in columns), **about)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def end(self) -> NDArray[np.float64]:
        """End of each note, in beats."""
        return self.start + self.duration

    @property
    def beats(self) -> float:
        """Length of the piece: where its last note ends, in beats."""
        return float(self.end.max()) if len(self) else 0.0

    def select(self, notes: NDArray[Any] | slice) -> Piece:
        """Return the piece with some of its notes only, named by a mask, by ascending indices or as a stretch."""
        part = replace(
            self,
            start=self.start[notes],
            duration=self.duration[notes],
            pitch=self.pitch[notes],
            velocity=self.velocity[notes],
            track=self.track[notes],
        )
        vars(part).update(_tempo_map=self._tempo_map)  # a cached property, not found anew
        return part

    def with_notes(self, **columns: ArrayLike) -> Piece:
        """Return the piece with some columns replaced, its notes put in order again."""
        names = ("start", "duration", "pitch", "velocity", "track")
        about = {name: getattr(self, name) for name in ("tracks", "tempos", "meters", "keys", "lyrics", "symbols")}
        return Piece.of(*(columns.get(name, getattr(self, name)) for name in names), **about)

    @property
    def is_drum(self) -> NDArray[np.bool_]:
        """True for each note of a drum kit, whose pitch names a drum."""
        return np.array([track.drums for track in self.tracks], bool)[self.track]

    def without_drums(self) -> Piece:
        """Return the piece with its pitched notes only."""
        drums = self.is_drum
        return self.select(~drums) if drums.any() else self

    # Time -----------------------------------------------------------------------------------------------------------

    def beats_to_seconds(self, beats: ArrayLike) -> NDArray[np.float64]:
        """Seconds at which beats fall, by the tempo map."""
        at, seconds, pace = self._tempo_map
        beats = np.asarray(beats, np.float64)
        segment = np.maximum(np.searchsorted(at, beats, side="right") - 1, 0)
        return np.asarray(seconds[segment] + (beats - at[segment]) * pace[segment])

    def seconds_to_beats(self, seconds: ArrayLike) -> NDArray[np.float64]:
        """Beats that fall at some seconds, by the tempo map."""
        at, starts, pace = self._tempo_map
        seconds = np.asarray(seconds, np.float64)
        segment = np.maximum(np.searchsorted(starts, seconds, side="right") - 1, 0)
        return np.asarray(at[segment] + (seconds - starts[segment]) / pace[segment])

    @cached_property
    def _tempo_map(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Beat, second and seconds per beat at the start of each stretch of one tempo."""
        tempos = list(self.tempos)
        if not tempos or tempos[0].beat > 0:
            tempos.insert(0, Tempo(0.0, tempos[0].quarters_per_minute if tempos else DEFAULT_TEMPO))
        at = np.array([tempo.beat for tempo in tempos])
        pace = 60 / np.array([tempo.quarters_per_minute for tempo in tempos])
        seconds = np.concatenate(([0.0], np.cumsum(np.diff(at) * pace[:-1])))
        return at, seconds, pace

    # Bars -----------------------------------------------------------------------------------------------------------

    @cached_property
    def meter_map(self) -> tuple[Meter, ...]:
        """The metres, 4/4 where none is stated; one that begins within the first half beat begins the piece."""
        first = self.meters[:1]
        return self.meters if first and first[0].beat < 0.5 else (Meter(0.0, 4, 4), *self.meters)

    @cached_property
    def bar_starts(self) -> NDArray[np.float64]:
        """Beat at which each bar begins, shape (bars,), until the piece is over; at least one bar."""
        meters = self.meter_map
        ends = [*(meter.beat for meter in meters[1:]), max(self.beats, meters[-1].beat + 1e-6)]
        bars = [
            np.arange(meter.beat, end - 1e-6, meter.bar_beats)
            for meter, end in zip(meters, ends, strict=True)
            if end - meter.beat > 1e-6
        ]
        found = np.concatenate(bars) if bars else np.zeros(0)
        return found if len(found) else np.array([meters[0].beat])

    def bar_of(self, beats: ArrayLike) -> NDArray[np.int64]:
        """Number of the bar, counted from 1, in which beats fall."""
        found = np.searchsorted(self.bar_starts, np.asarray(beats, np.float64) + 1e-6, side="right")
        return np.maximum(found, 1).astype(np.int64)

    def meter_at(self, beats: ArrayLike) -> Sequence[Meter]:
        """Metre in force at each beat."""
        starts = np.array([meter.beat for meter in self.meter_map])
        found = np.searchsorted(starts, np.atleast_1d(np.asarray(beats, np.float64)) + 1e-6, side="right") - 1
        return [self.meter_map[max(int(index), 0)] for index in found]
