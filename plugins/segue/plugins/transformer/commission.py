"""What a request commissions: its wishes checked one by one, and made into a plan for the composer.

A wish is obeyed or refused by the name of its field. What is left open is taken from a *profile*: what some training
segment of the style, as near as possible to the wishes, is like; so that the controls go together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from segue.music import KeySignature, Piece, Tempo, TrackInfo
from segue.music.theme import fill
from segue.plugin_api import InvalidField
from segue.plugins import wishes
from segue.plugins.transformer.artifacts import Profile
from segue.plugins.transformer.composer import Plan
from segue.plugins.transformer.controls import Figures, control_values, measure, towards
from segue.plugins.transformer.elements import (
    BAR,
    DRUM_KINDS,
    FIELD_SIZES,
    METRES,
    PITCH,
    PLACE,
    SLOTS,
    Elements,
    bar_steps,
    encode,
    family,
)
from segue.plugins.transformer.given import MAX_BARS, Given, read_given, read_metre
from segue.plugins.transformer.grammar import MOST_IN_BAR, Rules
from segue.plugins.transformer.segments import shift_of
from segue.plugins.transformer.steering import Tilt
from segue.v1 import generate_pb2, music_pb2

DEFAULT_BARS: Final = 8
DEFAULT_STYLE: Final = "pop_piano"
DRUM_KIT: Final = 128
_NEAREST: Final = 8
_BASS_FAMILY: Final = 4
_LOW: Final = 52
_OCTAVE_MOVED: Final = 6
"""Training moves pieces by octaves, so registers beyond those of a style's pieces are known; semitones."""
_KEY_STATED, _KEY_CHOSEN = (-3.0, 0.4), (-1.0, 0.0)
"""Added to the scores of notes outside the key, and of those of its tonic chord, in nats."""
_SLIDERS: Final = {
    "rhythmic_intensity": "density",
    "polyphony": "polyphony",
    "register": "register",
    "loudness": "loudness",
}
_QUADRANTS: Final = {1: (0.8, 0.9), 2: (-0.8, 0.9), 3: (-0.8, -0.9), 4: (0.8, -0.9)}
_RANGES: Final = {
    0: (21, 108), 1: (48, 103), 2: (24, 96), 3: (38, 88), 4: (26, 67), 5: (36, 100), 6: (36, 96), 7: (34, 88),
    8: (44, 92), 9: (55, 100), 10: (24, 103), 11: (24, 103), 12: (24, 103), 13: (36, 96), 14: (36, 96), 15: (24, 103),
}  # fmt: skip
"""Pitches that each family of instruments plays with ease; single instruments have less."""
_SINGLE: Final = {
    40: (55, 100), 41: (48, 88), 42: (36, 79), 43: (28, 62), 56: (54, 84), 57: (36, 74), 58: (28, 62), 60: (36, 77),
    65: (49, 82), 66: (44, 77), 68: (58, 89), 70: (34, 74), 71: (50, 92), 72: (74, 104), 73: (60, 96), 46: (24, 100),
}  # fmt: skip
_FOLLOWS: Final = frozenset({"style", "emotion", "tempo", "key", "instruments", "attributes"})
_THEME_STYLES: Final[Mapping[str, str]] = {
    "jazz": "jazz_combo", "swing": "jazz_swing", "bossa-nova": "bossanova", "ragtime": "ragtime", "pop": "pop_piano",
    "rock": "rock", "folk": "folk", "salsa": "salsa", "latin": "salsa", "disco": "disco", "trance": "trance",
    "house": "house", "techno": "techno", "hip-hop": "hiphop", "hymn": "hymn",
}  # fmt: skip
"""Styles that a theme can name, and ours."""
_REFUSED: Final = wishes.reasons("chords", "form", "lyrics") | {
    "image": "this algorithm looks at no picture; say the emotion",
}


@dataclass(frozen=True)
class Commission:
    """A piece to compose and how it is to be presented.

    Attributes
    ----------
    plan
        What the composer does.
    style, tonic, minor, tempo, metre
        As asked, or as chosen; ``metre`` is an index in ``METRES``.
    programs, drums
        Of each slot.
    order
        The slot of each track of the answer.
    shift
        Semitones by which the piece is moved to have C as its tonic.
    given
        Music that was given, None if none was.
    kept
        The notes of it that the answer keeps, slots as tracks.
    finish
        What is done to the piece afterwards.
    seed
        Seed of the chances of composing.
    understood, notices
        What the theme was understood to ask for, and what of it was not; what was guessed in reading given music.
    """

    plan: Plan
    style: str
    tonic: int
    minor: bool
    tempo: float
    metre: int
    programs: tuple[int, ...]
    drums: tuple[bool, ...]
    order: tuple[int, ...]
    shift: int
    given: Given | None
    kept: Piece
    finish: generate_pb2.Finish
    seed: int
    understood: tuple[str, ...] = ()
    notices: tuple[music_pb2.Notice, ...] = ()

    @property
    def bars(self) -> int:
        """How many bars the piece has."""
        return self.plan.rules.bars

    @property
    def bar_beats(self) -> float:
        """Quarter notes in a bar."""
        return METRES[self.metre].bar_beats

    def about(self) -> dict[str, Any]:
        """Return what is said about the piece besides its notes."""
        tracks = [
            TrackInfo(_NAMES[family(program, drums)], program, drums)
            for program, drums in zip(self.programs, self.drums, strict=True)
        ]
        if self.given is not None and self.given.role in ("OPENING", "INFILL"):
            tracks = list(self.given.notes.tracks)
        return {
            "tracks": tuple(tracks[slot] for slot in self.order),
            "tempos": (Tempo(0.0, self.tempo),),
            "meters": (METRES[self.metre],),
            "keys": (KeySignature(0.0, self.tonic, self.minor),),
        }

    def again(self, attempt: int) -> Commission:
        """Return the same commission with other chances."""
        rng = np.random.default_rng((self.seed, attempt))
        return replace(self, plan=replace(self.plan, draws=rng.random(self.plan.draws.shape)))


_NAMES: Final = (
    "Piano", "Mallets", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass", "Reed", "Pipe", "Synth lead",
    "Synth pad", "Synth effects", "Ethnic", "Percussive", "Sound effects", "Drums",
)  # fmt: skip


@dataclass(frozen=True)
class Wishes:
    """What is asked of the music; None or empty where nothing is.

    Attributes
    ----------
    style, minor, metre, tempo, families
        As asked for, or as the given music has it; ``metre`` is an index in ``METRES``.
    sliders
        Name of a figure → 0-1.
    valence, arousal
        -1 to 1.
    """

    style: str
    minor: bool | None
    metre: int | None
    tempo: float | None
    sliders: Mapping[str, float]
    valence: float | None
    arousal: float | None
    families: tuple[int, ...] = field(default=())


def read_request(
    request: generate_pb2.GenerateRequest,
    options: Mapping[str, Any],
    seed: int,
    profiles: Mapping[str, Sequence[Profile]],
) -> Commission:
    """Check a request and plan the piece.

    Raises
    ------
    InvalidField, InvalidMusic
        Naming every wish that can't be obeyed.
    """
    request, minor_wished, understood, notices = _read_theme(request)
    _refuse(request, profiles)
    given = read_given(request)
    rng = np.random.default_rng(seed)
    wishes = _wishes(request, given, minor_wished)
    chosen, style = _profile(wishes, profiles, rng)
    programs, drums, order, lead = _ensemble(request, given, chosen)
    metre = wishes.metre if wishes.metre is not None else chosen.metre
    minor = wishes.minor if wishes.minor is not None else chosen.minor
    tonic = _tonic(request, given, chosen)
    shift = shift_of(tonic)
    figures = _figures(wishes, chosen, profiles[style], minor)
    bars = _bars(request, given)
    rules, kept = _rules(request, given, programs, drums, bars, metre, shift, minor)
    most = 2 + bars * (MOST_IN_BAR + 1) + sum(len(part) for part in rules.given)
    plan = Plan(
        rules=rules,
        families=tuple(family(p, d) for p, d in zip(programs, drums, strict=True)),
        controls=control_values(style, minor, metre, lead, figures, shift),
        draws=rng.random((most, len(FIELD_SIZES))),
        temperature=float(options["temperature"]),
        top_p=float(options["top_p"]),
        guidance=float(options["guidance"]),
        asked=_steered(wishes, figures, shift, alone=given is None and drums.count(False) == 1),
    )
    tempo = wishes.tempo if wishes.tempo is not None else float(np.rint(np.exp(figures.tempo)))
    return Commission(
        plan, style, tonic, minor, tempo, metre, programs, drums, order, shift, given, kept, request.finish, seed,
        tuple(understood), (*notices, *(given.notices if given is not None else ())),
    )  # fmt: skip


def _read_theme(
    request: generate_pb2.GenerateRequest,
) -> tuple[generate_pb2.GenerateRequest, bool | None, list[str], list[music_pb2.Notice]]:
    """Turn a theme into the other fields, where they are not set; also return the mode that goes with it."""
    filled, theme, understood, notices = fill(request, _FOLLOWS, _THEME_STYLES)
    if not request.style:
        filled.style = _THEME_STYLES.get(filled.style, "")
    if not request.instruments and set(filled.instruments) == {DRUM_KIT}:
        filled.instruments.append(0)
        notices.append(music_pb2.Notice(subject="theme", text="It names drums alone; a piano plays with them."))
    return filled, theme.likely_minor, understood, notices


def _refuse(request: generate_pb2.GenerateRequest, profiles: Mapping[str, Sequence[Profile]]) -> None:
    """Refuse what this algorithm can't follow, all at once."""
    wrong = wishes.not_followed(request, _REFUSED)
    if request.style and request.style not in profiles:
        wrong.append(("style", f"is {request.style!r}, this algorithm knows {', '.join(profiles)}"))
    wrong += wishes.key_without_mode(request)
    if request.finish.shape_dynamics:
        wrong.append(("finish.shape_dynamics", "is not done here: the network writes the dynamics; leave it out"))
    asked = list(request.instruments)
    if len(asked) > SLOTS:
        wrong.append(("instruments", f"has {len(asked)} instruments, can have at most {SLOTS}"))
    if any(not 0 <= program <= DRUM_KIT for program in asked) or asked.count(DRUM_KIT) > 1 or asked == [DRUM_KIT]:
        wrong.append(("instruments", "must be programs 0-127, with at most one drum kit (128), and not it alone"))
    wishes.refuse([*wrong, *wishes.too_many_bars(request, MAX_BARS)])


def _wishes(request: generate_pb2.GenerateRequest, given: Given | None, minor: bool | None) -> Wishes:
    emotion = request.emotion if request.HasField("emotion") else request.attributes.emotion
    valence, arousal = _QUADRANTS.get(emotion.quadrant, (None, None))
    valence = emotion.valence if emotion.HasField("valence") else valence
    arousal = emotion.arousal if emotion.HasField("arousal") else arousal
    metre, tempo = read_metre(request) or 0, request.tempo if request.HasField("tempo") else None
    if request.HasField("key"):
        minor = request.key.mode == music_pb2.MODE_MINOR
    elif minor is None and valence is not None and given is None:
        minor = valence < 0
    if given is not None:
        metre = given.song.metre
        minor = bool(given.song.keys[0] >= 12) if minor is None else minor
        tempo = given.song.tempo or None if tempo is None else tempo
        if given.role == "REFERENCE":
            seen = _measure(given, minor, tempo)
            valence = seen.valence if valence is None else valence
            arousal = seen.arousal if arousal is None else arousal
    sliders = {
        name: getattr(request.attributes, slider)
        for slider, name in _SLIDERS.items()
        if request.attributes.HasField(slider)  # type: ignore[arg-type]
    }
    families = tuple(family(p, p == DRUM_KIT) if p < DRUM_KIT else 16 for p in request.instruments)
    if given is not None and given.role in ("OPENING", "INFILL", "REFERENCE"):
        families = tuple(family(p, d) for p, d in zip(given.song.programs, given.song.drums, strict=True))
    return Wishes(request.style, minor, metre, tempo, sliders, valence, arousal, families)


def _measure(given: Given, minor: bool, tempo: float | None) -> Figures:
    song = given.song
    drums = np.array(song.drums)[song.notes.slot]
    return measure(song.notes, drums, song.bars, bar_steps(METRES[song.metre]), tempo or 120.0, minor)


def _profile(
    wishes: Wishes, profiles: Mapping[str, Sequence[Profile]], rng: np.random.Generator
) -> tuple[Profile, str]:
    """Choose one of the profiles nearest to the wishes, and its style."""
    style = wishes.style or ("" if wishes.families else DEFAULT_STYLE if DEFAULT_STYLE in profiles else "")
    choices = [(profile, name) for name, own in profiles.items() for profile in own if style in ("", name)]
    far = np.array([_distance(wishes, profile) for profile, _ in choices])
    nearest = np.flatnonzero(far <= np.sort(far)[:_NEAREST][-1])
    return choices[int(nearest[int(rng.integers(len(nearest)))])]


def _distance(wishes: Wishes, profile: Profile) -> float:
    figures, far = profile.figures, 0.0
    if wishes.metre is not None:
        far += 10.0 * (wishes.metre != profile.metre)
    if wishes.minor is not None:
        far += 3.0 * (wishes.minor != profile.minor)
    if wishes.tempo is not None:
        far += ((np.log(wishes.tempo) - figures.tempo) / 0.3) ** 2
    for asked, own in ((wishes.valence, figures.valence), (wishes.arousal, figures.arousal)):
        if asked is not None:
            far += 4 * (asked - own) ** 2
    if wishes.families:
        own_families = [family(p, d) for p, d in zip(profile.programs, profile.drums, strict=True)]
        far += len(set(wishes.families) ^ set(own_families)) + 0.5 * abs(len(wishes.families) - len(own_families))
    return float(far)


def _figures(wishes: Wishes, profile: Profile, style: Sequence[Profile], minor: bool) -> Figures:
    """Return the figures to compose by: the profile's, but for what is asked."""
    figures = profile.figures
    asked = {}
    for name, share in wishes.sliders.items():
        shown = [getattr(p.figures, name) for p in style]
        more = _OCTAVE_MOVED if name == "register" else 0
        asked[name] = float(np.interp(share, (0, 1), (min(shown) - more, max(shown) + more)))
    if wishes.tempo is not None:
        asked["tempo"] = float(np.log(wishes.tempo))
    return towards(figures._replace(**asked), minor, wishes.valence, wishes.arousal, frozenset(asked))


def _steered(wishes: Wishes, figures: Figures, shift: int, *, alone: bool) -> Tilt:
    """Return the figures that the piece is steered to: the sliders', those that an arousal stands for, and register.

    Left alone, a new piece for one pitched instrument climbs out of the register that it was told; others keep theirs.
    """
    names = {*wishes.sliders, *(() if wishes.arousal is None else ("density", "loudness"))}
    names |= {"register"} if alone else set()
    return Tilt(**{name: getattr(figures, name) + (shift if name == "register" else 0) for name in names})


def _ensemble(
    request: generate_pb2.GenerateRequest, given: Given | None, profile: Profile
) -> tuple[tuple[int, ...], tuple[bool, ...], tuple[int, ...], bool]:
    """Return program and drums of each slot, the slot of each track of the answer, and whether slot 0 has the tune."""
    if given is not None and given.role in ("OPENING", "INFILL"):
        if request.instruments:
            raise InvalidField(
                "instruments", f"can't be asked for with an {given.role}, which has its own; leave it out"
            )
        return given.song.programs, given.song.drums, given.order, profile.lead
    asked = list(request.instruments)
    if not asked:
        asked = [DRUM_KIT if d else p for p, d in zip(profile.programs, profile.drums, strict=True)]
        if given is not None and given.role in ("MELODY", "MOTIF"):
            asked = [given.song.programs[0], *(asked[1:] if profile.lead else asked)][:SLOTS]
            asked = asked if len(asked) > 1 else [asked[0], 0]
    fixed = 1 if given is not None and given.role in ("MELODY", "MOTIF") else 0
    if given is not None and given.role == "MELODY" and len(asked) < 2:
        raise InvalidField("instruments", "has one instrument, must have another to accompany the melody")
    slots = sorted(range(len(asked)), key=lambda i: (i >= fixed, asked[i] == DRUM_KIT, asked[i] // 8 == _BASS_FAMILY))
    drums = tuple(asked[i] == DRUM_KIT for i in slots)
    if drums[0]:
        raise InvalidField("instruments", "must begin with the instrument of the melody that is given, not drums")
    programs = tuple(0 if asked[i] == DRUM_KIT else asked[i] for i in slots)
    order = tuple(slots.index(index) for index in range(len(asked)))
    return programs, drums, order, bool(fixed) or profile.lead


def _tonic(request: generate_pb2.GenerateRequest, given: Given | None, profile: Profile) -> int:
    if request.HasField("key"):
        return request.key.tonic
    if given is not None:
        return int(np.bincount(given.song.keys, minlength=24).argmax()) % 12
    return -profile.shift % 12


def _bars(request: generate_pb2.GenerateRequest, given: Given | None) -> int:
    if given is None or given.role == "REFERENCE":
        return request.bars or DEFAULT_BARS
    own = given.song.bars
    if given.role in ("MELODY", "INFILL"):
        if request.bars not in (0, own):
            raise InvalidField("bars", f"is {request.bars}, but the music that is given has {own}; leave it out")
        return own
    bars = request.bars or min(MAX_BARS, max(DEFAULT_BARS, own + DEFAULT_BARS))
    if bars <= own:
        raise InvalidField("bars", f"is {bars}, must be more than the {own} that are given")
    return bars


def _rules(
    request: generate_pb2.GenerateRequest,
    given: Given | None,
    programs: tuple[int, ...],
    drums: tuple[bool, ...],
    bars: int,
    metre: int,
    shift: int,
    minor: bool,
) -> tuple[Rules, Piece]:
    """Return the rules of the piece, and the given notes that it keeps."""
    pitches = np.stack([_playable(p, d, shift, request.finish) for p, d in zip(programs, drums, strict=True)])
    free, kept = np.ones((bars, len(programs)), bool), Piece.of([], [], [])
    parts: tuple[Elements, ...] = ()
    if given is not None and given.role != "REFERENCE":
        free, parts, kept = _kept(given, bars, drums, shift)
    closing = pitches.copy()
    if free[0].all() and free[-1].all():
        closing[~np.array(drums)] &= _tonic_chord(minor, shift)
    leaning = _leaning(minor, stated=request.HasField("key"))
    rules = Rules(bars, bar_steps(METRES[metre]), np.array(drums), pitches, closing, leaning, free, parts)
    return rules, kept


def _playable(program: int, drums: bool, shift: int, finish: generate_pb2.Finish) -> NDArray[np.bool_]:
    """Return the pitch tokens that an instrument may play."""
    mask = np.zeros(FIELD_SIZES[PITCH], bool)
    if drums:
        mask[129 : 129 + DRUM_KINDS] = True
        return mask
    low, high = _SINGLE.get(program, _RANGES[program // 8])
    if finish.HasField("fit_range") and not finish.fit_range:
        low, high = 12, 115
    mask[max(1 + low + shift, 1) : min(2 + high + shift, 129)] = True
    return mask


def _leaning(minor: bool, stated: bool) -> NDArray[np.float64]:
    """Return what is added to the scores of pitches; more where the caller states the key."""
    chord, scale = ((0, 3, 7), (0, 2, 3, 5, 7, 8, 10, 11)) if minor else ((0, 4, 7), (0, 2, 4, 5, 7, 9, 11))
    pitch = np.arange(FIELD_SIZES[PITCH]) - 1
    is_note = (pitch >= 0) & (pitch < 128)
    outside, inside = _KEY_STATED if stated else _KEY_CHOSEN
    added = np.where(np.isin(pitch % 12, scale), 0.0, outside) + inside * np.isin(pitch % 12, chord)
    return np.where(is_note, added, 0.0)


def _tonic_chord(minor: bool, shift: int) -> NDArray[np.bool_]:
    """Return the tokens of the tonic chord; low ones are of its root."""
    pitch = np.arange(FIELD_SIZES[PITCH]) - 1
    chord = np.isin(pitch % 12, (0, 3 if minor else 4, 7)) & (pitch >= 0) & (pitch < 128)
    return np.asarray(chord & ((pitch % 12 == 0) | (pitch - shift >= _LOW)))


def _kept(
    given: Given, bars: int, drums: tuple[bool, ...], shift: int
) -> tuple[NDArray[np.bool_], tuple[Elements, ...], Piece]:
    """Return what is free, the given elements of each bar, and the given notes that stay."""
    song, free = given.song, np.ones((bars, len(drums)), bool)
    elements = encode(song.notes, np.array(song.drums), shift, song.bars)
    lines = np.flatnonzero(elements[:, PLACE] == BAR)
    own = [elements[a + 1 : b] for a, b in pairwise(lines)]
    empty = np.zeros((0, 5), np.int64)
    if given.role == "INFILL":
        free = given.to_compose
        own = [part[~free[bar, part[:, 1] - 1]] for bar, part in enumerate(own)]
        at = np.minimum((given.notes.start / METRES[song.metre].bar_beats + 1e-6).astype(np.int64), bars - 1)
        return free, tuple(own), given.notes.select(~free[at, given.notes.track])
    if given.role == "OPENING":
        free[: song.bars] = False
        return free, (*own, *[empty] * (bars - song.bars)), given.notes
    free[: song.bars, 0] = False
    parts, kept = [*own, *[empty] * (bars - song.bars)], given.notes
    again = -(-bars // 2) if given.role == "MOTIF" else bars
    if again >= song.bars and again + song.bars <= bars:
        free[again : again + song.bars, 0] = False
        parts[again : again + song.bars] = own
        later = kept.start + again * METRES[song.metre].bar_beats
        kept = Piece.of(
            *(np.concatenate([getattr(kept, n), later if n == "start" else getattr(kept, n)])
              for n in ("start", "duration", "pitch", "velocity", "track")),
            tracks=kept.tracks,
        )  # fmt: skip
    return free, tuple(parts), kept
