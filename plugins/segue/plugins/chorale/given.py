"""Music that comes with a request: an opening to continue, a melody to harmonise, a piece to compose anew in part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, music_to_piece
from segue.music.bar_lines import BAR_FRAMES, PER_BEAT, Frames
from segue.music.cells import cut
from segue.music.chords import find_chords
from segue.music.grid import find_grid
from segue.music.keys import find_keys, histogram_scores
from segue.plugin_api import InvalidField, InvalidMusic
from segue.plugins.chorale.frames import REST
from segue.plugins.chorale.voices import is_one_voice, runs, sustained, to_voice, voice_tracks
from segue.v1 import generate_pb2, music_pb2

MAX_BARS: Final = 64
LOWEST, HIGHEST = 28, 93
LOWEST_MELODY: Final = 55
"""A melody that goes lower leaves no room for three voices below it."""
_METRES: Final = {(4, 4): BAR_FRAMES[0], (2, 2): BAR_FRAMES[0], (3, 4): BAR_FRAMES[1]}
_LAST_NOTE_WEIGHT, _STATED_WEIGHT = 0.2, 0.1


@dataclass(frozen=True)
class Given:
    """What is given, on the grid and as it came.

    Attributes
    ----------
    lines
        MIDI numbers from the first note on, shape (frames, 4).
    free
        What of it is to be composed all the same, shape (frames, 4).
    is_whole
        Whether the piece is to be as long as ``lines``.
    offset
        Sixteenths of silence before the first note.
    bar_frames
        Sixteenths in a bar, 0 where it does not say.
    close
        Frame at which the last chord begins; None if the composer shapes the end.
    tempo, key
        As stated and as found, 0 and None where there is nothing; keys are 0-23, C...B major, then minor.
    notes
        The notes that are kept, as they came; track is the voice.
    notices
        What was guessed in reading.
    """

    lines: Frames = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    free: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 4), bool))
    is_whole: bool = False
    offset: int = 0
    bar_frames: int = 0
    close: int | None = None
    tempo: float = 0.0
    key: int | None = None
    notes: Piece = field(default_factory=lambda: Piece.of([], [], []))
    notices: Sequence[music_pb2.Notice] = ()


def read_given(request: generate_pb2.GenerateRequest) -> Given:
    """Read the music of a request.

    Raises
    ------
    InvalidField, InvalidMusic
        Naming what this algorithm can't start from.
    """
    if not request.given:
        return Given()
    if len(request.given) > 1:
        raise InvalidField("given", f"has {len(request.given)} pieces of music, this algorithm starts from one")
    given = request.given[0]
    role = given.role
    if role not in (generate_pb2.GIVEN_ROLE_OPENING, generate_pb2.GIVEN_ROLE_MELODY, generate_pb2.GIVEN_ROLE_INFILL):
        name = generate_pb2.GivenRole.Name(role)
        raise InvalidField("given[0].role", f"is {name}; this algorithm takes an OPENING, a MELODY or an INFILL")
    if given.HasField("span") and role != generate_pb2.GIVEN_ROLE_INFILL:
        raise InvalidField("given[0].span", "is for INFILL alone; leave it out")
    piece, notices = music_to_piece(given.music, "given[0].music")
    voices = _voices(piece, given)
    bar_frames = _bar_frames(piece, request)
    bar = bar_frames or BAR_FRAMES[0]
    notes = _by_voice(piece, voices)
    first, end = (int(np.rint(beat * PER_BEAT)) for beat in (notes.start.min(), notes.beats))
    if end > MAX_BARS * bar:
        raise InvalidMusic("given[0].music", f"has {-(-end // bar)} bars, can have at most {MAX_BARS}")
    end = max(end, first + 1)
    longest_gap = end if len(voices) == 1 else PER_BEAT - 1
    lines = np.full((end, 4), REST, np.int64)
    for voice in voices:
        lines[:, voice] = sustained(to_voice(notes, voice, end), longest_gap)
    free = np.ones((end, 4), bool)
    free[:, list(voices)] = False
    close = None
    if role == generate_pb2.GIVEN_ROLE_MELODY:
        close = int(np.rint(notes.start[-1] * PER_BEAT)) - first
    if role == generate_pb2.GIVEN_ROLE_INFILL:
        _free_span(free, given, voices)
        close = end - first
    return Given(
        lines=lines[first:],
        free=free[first:],
        is_whole=role != generate_pb2.GIVEN_ROLE_OPENING,
        offset=first,
        bar_frames=bar_frames,
        close=close,
        tempo=piece.tempos[0].quarters_per_minute if piece.tempos else 0.0,
        key=find_key(notes),
        notes=_kept(notes, free),
        notices=notices,
    )


def _voices(piece: Piece, given: generate_pb2.GivenMusic) -> dict[int, int]:
    """Return voice → track of what is given."""
    tracks = voice_tracks(piece)
    names = f"has notes on {len(tracks)} pitched tracks"
    wants_one = given.role == generate_pb2.GIVEN_ROLE_MELODY
    if given.HasField("track") and given.track not in tracks:
        raise InvalidField("given[0].track", f"is {given.track}, must be one of {sorted(tracks)}, which hold notes")
    if wants_one or (len(tracks) != 4 and given.role == generate_pb2.GIVEN_ROLE_OPENING):
        if given.HasField("track"):
            tracks = [given.track]
        if len(tracks) != 1:
            what = "a melody is one" if wants_one else "an opening is four, or one"
            raise InvalidMusic("given[0].music", f"{names}, {what}; name the melody's by given[0].track")
    elif len(tracks) != 4:
        raise InvalidMusic("given[0].music", f"{names}, must have four, one for each voice")
    for track in tracks:
        if not is_one_voice(piece, track):
            raise InvalidMusic("given[0].music", f"sounds several notes at once on track {track}, must be one voice")
    own = piece.select(np.isin(piece.track, tracks))
    lowest = LOWEST_MELODY if len(tracks) == 1 else LOWEST
    if own.pitch.min() < lowest or own.pitch.max() > HIGHEST:
        reach = f"reaches from {own.pitch.min()} to {own.pitch.max()}"
        raise InvalidMusic("given[0].music", f"{reach}, must lie within {lowest}-{HIGHEST} (MIDI numbers)")
    return dict(enumerate(tracks))


def _bar_frames(piece: Piece, request: generate_pb2.GenerateRequest) -> int:
    """Return the sixteenths in a bar of the piece, 0 where it does not say."""
    metres = {(meter.numerator, meter.denominator) for meter in piece.meters}
    if not metres:
        return 0
    if len(metres) > 1 or not metres <= set(_METRES):
        found = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in sorted(metres))
        raise InvalidMusic("given[0].music", f"is in {found}, must be in 4/4 or 3/4 throughout")
    bar_frames = _METRES[metres.pop()]
    asked = request.time_signature.numerator
    if asked and asked * PER_BEAT != bar_frames:
        raise InvalidField("time_signature", f"is {asked}/4, but the music that is given is not; leave it out")
    return bar_frames


def _by_voice(piece: Piece, voices: dict[int, int]) -> Piece:
    """Return the notes of some tracks with their voices as tracks."""
    kept = piece.select(np.isin(piece.track, list(voices.values())))
    voice_of = {track: voice for voice, track in voices.items()}
    return kept.with_notes(track=[voice_of[track] for track in kept.track.tolist()])


def _free_span(free: NDArray[np.bool_], given: generate_pb2.GivenMusic, voices: dict[int, int]) -> None:
    """Mark what an INFILL composes anew."""
    if not given.HasField("span") and not given.HasField("track"):
        raise InvalidField("given[0].span", "is absent, and so is track: say which stretch or voice to compose anew")
    begin, end = 0, len(free)
    if given.HasField("span"):
        begin, end = int(np.floor(given.span.start * PER_BEAT)), int(np.ceil(given.span.end * PER_BEAT))
        if not 0 <= begin < min(end, len(free)):
            beats = len(free) / PER_BEAT
            raise InvalidField(
                "given[0].span", f"is {given.span.start:g}-{given.span.end:g}, must lie within beats 0-{beats:g}"
            )
    chosen = [voice for voice, track in voices.items() if not given.HasField("track") or track == given.track]
    free[begin : min(end, len(free)), chosen] = True


def _kept(notes: Piece, free: NDArray[np.bool_]) -> Piece:
    """Return the notes as far as they sound where nothing is composed: most as they came, some cut."""
    begins = np.minimum(np.rint(notes.start * PER_BEAT).astype(np.int64), len(free) - 1)
    ends = np.maximum(np.rint(notes.end * PER_BEAT).astype(np.int64), begins + 1)
    rows: list[tuple[float, float, int]] = []
    for index, (begin, end, voice) in enumerate(zip(begins, ends, notes.track, strict=True)):
        for first, length in runs(free[begin:end, voice]):
            if not free[begin + first, voice]:
                whole = length == end - begin
                start = notes.start[index] if first == 0 else (begin + first) / PER_BEAT
                rows.append((start, notes.end[index] if whole else (begin + first + length) / PER_BEAT, index))
    starts, stops, which = np.array(rows, np.float64).reshape(-1, 3).T
    index = which.astype(np.int64)
    return Piece.of(starts, stops - starts, notes.pitch[index], notes.velocity[index], notes.track[index])


def find_key(notes: Piece) -> int:
    """Find the key, 0-23, of one voice or of four."""
    if len(set(notes.track.tolist())) > 1:
        cells = cut(notes, find_grid(notes))
        return find_keys(cells, find_chords(cells)).best
    scores = histogram_scores(np.bincount(notes.pitch % 12, notes.duration, 12).astype(np.float64))
    scores[notes.pitch[-1] % 12 :: 12] += _LAST_NOTE_WEIGHT
    if notes.keys:
        scores[notes.keys[0].tonic + 12 * notes.keys[0].minor] += _STATED_WEIGHT
    return int(scores.argmax())
