"""What a request commissions: its wishes checked one by one, and made into a plan for the composer.

Every wish is either obeyed or refused by the name of its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from segue.music import KeySignature, Meter, Tempo, TrackInfo
from segue.music.bar_lines import BAR_FRAMES, PER_BEAT
from segue.music.theme import Theme, fill
from segue.plugin_api import InvalidField
from segue.plugins import wishes
from segue.plugins.chorale.cadence import ENDINGS, PLAGAL, Cadence
from segue.plugins.chorale.features import pitch_class
from segue.plugins.chorale.frames import (
    BASS,
    MAJOR,
    MINOR,
    NO_NOTE,
    PITCHES,
    RANGES,
    VOICES,
    bar_class,
    remaining_class,
    shift_of,
    to_tokens,
)
from segue.plugins.chorale.given import Given, read_given
from segue.plugins.chorale.network import CLASSES
from segue.plugins.chorale.state import Plan
from segue.v1 import generate_pb2, music_pb2

MAX_BARS: Final = 64
DEFAULT_BARS: Final = 8
DEFAULT_TEMPO: Final = 72.0
DEFAULT_PROGRAM: Final = 52
"""Choir aahs."""
_BEATS_OF_BAR: Final = {(4, 4): BAR_FRAMES[0], (3, 4): BAR_FRAMES[1]}
_WHOLE_BAR_CLOSE: Final = 0.3
_PICARDY: Final = 0.87
"""Shares of the training pieces in 4/4 that end on a chord of a whole bar, and of those in minor on a major chord."""
_FOLLOWS: Final = frozenset({"style", "emotion", "tempo", "key", "instruments"})
_REFUSED: Final = wishes.reasons("emotion", "attributes", "chords", "form", "image", "lyrics")
_NOT_DONE: Final[Mapping[str, str]] = {
    "correct_pitch": "notes outside the key belong to the style",
    "correct_rhythm": "every note is on the grid",
    "fit_range": "every voice keeps to its range",
    "shape_dynamics": "dynamics are flat",
}


@dataclass(frozen=True)
class Commission:
    """A piece to compose and how it is to be presented.

    Attributes
    ----------
    plan
        What the composer does; ``frames`` of it are the piece, the rest fills its last beat.
    frames
        Length of the piece from its first note, in sixteenths.
    offset
        Sixteenths of silence before it, from a bar line.
    bar_frames
        Sixteenths in a bar.
    tonic, minor, tempo, programs
        As asked, or as found.
    finish
        What is wished of the finished piece.
    seed
        Seed of the chances of composing.
    given
        Notes that were given and are kept as they are.
    understood, notices
        What the theme was understood to ask for, and what of it was not.
    """

    plan: Plan
    frames: int
    offset: int
    bar_frames: int
    tonic: int
    minor: bool
    tempo: float
    programs: tuple[int, int, int, int]
    finish: generate_pb2.Finish
    seed: int
    given: Given = field(default_factory=Given)
    understood: Sequence[str] = ()
    notices: Sequence[music_pb2.Notice] = ()

    @property
    def bars(self) -> int:
        """Number of bars."""
        return -(-(self.offset + self.frames) // self.bar_frames)

    def about(self) -> dict[str, Any]:
        """Return what ``Piece.of`` takes beside the notes."""
        return {
            "tracks": tuple(TrackInfo(name, program) for name, program in zip(VOICES, self.programs, strict=True)),
            "tempos": (Tempo(0.0, self.tempo),),
            "meters": (Meter(0.0, self.bar_frames // PER_BEAT, 4),),
            "keys": (KeySignature(0.0, self.tonic, self.minor),),
        }

    def again(self, attempt: int) -> Commission:
        """Return the same commission with other chances."""
        rng = np.random.default_rng((self.seed, attempt))
        plan = replace(self.plan, draws=rng.random(self.plan.draws.shape))
        if plan.cadence is not None:
            plan = replace(plan, cadence=replace(plan.cadence, draws=rng.random(plan.cadence.draws.shape)))
        return replace(self, plan=plan)


def read_request(
    request: generate_pb2.GenerateRequest,
    options: Mapping[str, Any],
    seed: int,
    reference_counts: Sequence[Sequence[int]],
) -> Commission:
    """Check a request and plan the piece.

    Parameters
    ----------
    request, options, seed
        As they came.
    reference_counts
        Of the training pieces, shape (3, 12): where no key is asked for or found, one is drawn like theirs.

    Raises
    ------
    InvalidField, InvalidMusic
        Naming every wish that is not obeyed, or what is wrong with the given music.
    """
    request, theme, understood, notices = _read_theme(request)
    _refuse(request)
    bar_frames = _bar_frames(request)
    given = read_given(request)
    bar_frames = given.bar_frames or bar_frames or BAR_FRAMES[0]
    bars = _bars(request, given, bar_frames)
    frames = len(given.lines) if given.is_whole else bars * bar_frames - given.offset
    if not given.is_whole and len(given.lines) >= frames:
        raise InvalidField("bars", f"is {bars}, must be more than the opening that is given")
    rng = np.random.default_rng(seed)
    tonic, minor = _key(request, given, theme.likely_minor, reference_counts, rng)
    plan = _plan(given, frames, bar_frames, tonic, minor, rng)
    return Commission(
        plan=replace(plan, temperature=float(options["temperature"]), top_p=float(options["top_p"])),
        frames=frames,
        offset=given.offset,
        bar_frames=bar_frames,
        tonic=tonic,
        minor=minor,
        tempo=request.tempo if request.HasField("tempo") else given.tempo or theme.likely_tempo(DEFAULT_TEMPO),
        programs=_programs(request),
        finish=request.finish,
        seed=seed,
        given=given,
        understood=understood,
        notices=notices,
    )


def _read_theme(
    request: generate_pb2.GenerateRequest,
) -> tuple[generate_pb2.GenerateRequest, Theme, list[str], list[music_pb2.Notice]]:
    """Turn a theme into tempo, key and instruments; its emotion sets mode and tempo where it states none."""
    filled, theme, understood, notices = fill(request, _FOLLOWS, ("hymn",))
    if not request.style:
        filled.ClearField("style")
    if not request.HasField("emotion"):
        filled.ClearField("emotion")
    if not request.instruments and not _can_sing(filled.instruments):
        filled.ClearField("instruments")
        understood = [text for text in understood if not text.startswith("theme: instruments")]
        notices.append(
            music_pb2.Notice(subject="theme", text="It names neither one instrument nor four; a choir sings.")
        )
    return filled, theme, understood, notices


def _can_sing(programs: Sequence[int]) -> bool:
    return len(programs) in (0, 1, 4) and all(0 <= program <= 127 for program in programs)


def _refuse(request: generate_pb2.GenerateRequest) -> None:
    """Refuse what this algorithm can't follow, all at once."""
    wrong = [*wishes.not_followed(request, _REFUSED), *wishes.not_followed(request.finish, _NOT_DONE, "finish")]
    if request.style not in ("", "chorale"):
        wrong.append(("style", f"is {request.style!r}, this algorithm knows 'chorale' alone"))
    if not _can_sing(request.instruments):
        wrong.append(("instruments", "must be one program for all voices or four, soprano first, each 0-127"))
    wishes.refuse([*wrong, *wishes.key_without_mode(request)])


def _bar_frames(request: generate_pb2.GenerateRequest) -> int:
    """Return the sixteenths in a bar that is asked for, 0 if none is."""
    if not request.HasField("time_signature"):
        return 0
    asked = (request.time_signature.numerator, request.time_signature.denominator)
    if asked not in _BEATS_OF_BAR:
        raise InvalidField("time_signature", f"is {asked[0]}/{asked[1]}, must be 4/4 or 3/4")
    return _BEATS_OF_BAR[asked]


def _bars(request: generate_pb2.GenerateRequest, given: Given, bar_frames: int) -> int:
    if request.bars > MAX_BARS:
        raise InvalidField("bars", f"is {request.bars}, must be at most {MAX_BARS}")
    own = -(-(given.offset + len(given.lines)) // bar_frames)
    if given.is_whole:
        if request.bars not in (0, own):
            raise InvalidField("bars", f"is {request.bars}, but the music that is given has {own}; leave it out")
        return own
    return request.bars or min(MAX_BARS, max(DEFAULT_BARS, own + DEFAULT_BARS // 2))


def _programs(request: generate_pb2.GenerateRequest) -> tuple[int, int, int, int]:
    asked = list(request.instruments) or [DEFAULT_PROGRAM]
    soprano, alto, tenor, bass = asked * 4 if len(asked) == 1 else asked
    return soprano, alto, tenor, bass


def _key(
    request: generate_pb2.GenerateRequest,
    given: Given,
    likely_minor: bool | None,
    reference_counts: Sequence[Sequence[int]],
    rng: np.random.Generator,
) -> tuple[int, bool]:
    if request.HasField("key"):
        return request.key.tonic, request.key.mode == music_pb2.MODE_MINOR
    if given.key is not None:
        return given.key % 12, given.key >= 12
    counts = np.array(reference_counts[:2], float) + 0.5
    if likely_minor is not None:
        counts[int(not likely_minor)] = 0
    counts = counts.reshape(-1)
    drawn = int(rng.choice(24, p=counts / counts.sum()))
    return drawn % 12, drawn >= 12


def _plan(given: Given, frames: int, bar_frames: int, tonic: int, minor: bool, rng: np.random.Generator) -> Plan:
    length = -(-frames // PER_BEAT) * PER_BEAT
    shift = shift_of(tonic)
    tokens, free = np.full((length, 4), NO_NOTE), np.ones((length, 4), bool)
    known = len(given.lines)
    if known:
        tokens[:known], free[:known] = to_tokens(given.lines, shift), given.free
        if given.is_whole:  # the frames that fill the last beat go on as the piece ends
            tokens[frames:], free[frames:] = tokens[frames - 1], free[frames - 1]
    at = np.arange(length)
    allowed = np.broadcast_to(_ranges(shift), (length, 4, CLASSES)).copy()
    if _is_tonic_chord(tokens[0], free[0], 3 if minor else 4):
        _keep_to_chord(allowed[:1], 3 if minor else 4)
    close = _close(given, frames, bar_frames, rng)
    held, third = np.zeros(length, bool), None
    if close < frames:
        picardy = minor and rng.random() < _PICARDY
        thirds = ([4, 3] if picardy else [3, 4]) if minor else [4]
        third = next((t for t in thirds if _is_tonic_chord(tokens[frames - 1], free[frames - 1], t)), None)
        if third is not None:
            _keep_to_chord(allowed[close:], third)
            allowed[close:, 0] &= pitch_class(np.arange(CLASSES)) == 0
        held[close + 1 :] = True
    draws, cadence = rng.random((length, 4)), None
    if third is not None:
        endings = rng.random((ENDINGS - 1, length, 4))
        plagal = not known and rng.random() < PLAGAL
        cadence = Cadence(close, third, endings, (8 if minor else 9) if plagal else None)
    return Plan(
        tokens=tokens,
        free=free,
        allowed=allowed,
        held=held,
        moving=_restruck(given, length) & ~held,
        bar=bar_class(at + given.offset, bar_frames),
        remaining=remaining_class(np.maximum(frames - 1 - at, 0)),
        shift=shift,
        mode=MINOR if minor else MAJOR,
        draws=draws,
        cadence=cadence,
    )


def _ranges(shift: int) -> NDArray[np.bool_]:
    """Tokens in each voice's range, shape (4, CLASSES)."""
    pitch = np.arange(CLASSES)
    low, high = (to_tokens(np.array([ends]), shift)[0] for ends in zip(*RANGES, strict=True))
    return np.stack([(pitch >= max(1, a)) & (pitch <= min(PITCHES, b)) for a, b in zip(low, high, strict=True)])


def _close(given: Given, frames: int, bar_frames: int, rng: np.random.Generator) -> int:
    """Return the frame at which the last chord begins; ``frames`` if the end is not ours to shape."""
    whole = rng.random() < _WHOLE_BAR_CLOSE
    if given.close is not None:
        return given.close
    length = bar_frames if whole or bar_frames == BAR_FRAMES[1] else bar_frames // 2
    return frames - min(length, frames // 2)


def _is_tonic_chord(tokens: NDArray[np.int64], free: NDArray[np.bool_], third: int) -> bool:
    """Return whether what is given of a frame, if anything, belongs to the tonic chord."""
    return set(pitch_class(tokens[~free & (tokens != NO_NOTE)]).tolist()) <= {0, third, 7}


def _keep_to_chord(allowed: NDArray[np.bool_], third: int) -> None:
    """Leave the notes of the tonic chord alone allowed, its root in the bass."""
    degrees = pitch_class(np.arange(CLASSES))
    allowed[:, :BASS] &= np.isin(degrees, (0, third, 7))
    allowed[:, BASS] &= degrees == 0


def _restruck(given: Given, length: int) -> NDArray[np.bool_]:
    """Mark where a given melody strikes a note again.

    Frames do not show it, and the network would take it for one long note; the bass moves there instead.
    """
    marked = np.zeros(length, bool)
    notes = given.notes
    if given.close is None or (notes.track != 0).any():
        return marked
    again = np.flatnonzero(np.diff(notes.pitch) == 0) + 1
    marked[np.rint(notes.start[again] * PER_BEAT).astype(np.int64) - given.offset] = True
    return marked
