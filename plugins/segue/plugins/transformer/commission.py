"""What a request commissions: its wishes checked one by one, and made into a plan for the composer.

A wish is obeyed or refused by the name of its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from segue.music import KeySignature, Piece, Tempo, TrackInfo
from segue.music.chord_symbols import AskedChord, key_of_chords, read_chords
from segue.music.picture import fill_emotion
from segue.music.theme import fill
from segue.music.theory import key_name
from segue.plugin_api import InvalidField
from segue.plugins import wishes
from segue.plugins.moods import THEME_STYLES
from segue.plugins.transformer.artifacts import Profile
from segue.plugins.transformer.controls import control_values
from segue.plugins.transformer.elements import FIELD_SIZES, METRES, SLOTS, family
from segue.plugins.transformer.ensemble import DRUM_KIT, NAMES, choose_ensemble, plays_chords
from segue.plugins.transformer.figures import choose_figures, choose_profile, read_wishes, steered
from segue.plugins.transformer.form import Section, ends_in_cadence, lay_out, sources
from segue.plugins.transformer.given import MAX_BARS, Given, read_given
from segue.plugins.transformer.grammar import MOST_IN_BAR
from segue.plugins.transformer.planning import Frame, plan_rules
from segue.plugins.transformer.progressions import JAZZ, OVER_A_CHART, Progressions
from segue.plugins.transformer.segments import shift_of
from segue.plugins.transformer.state import Plan
from segue.v1 import generate_pb2, music_pb2

DEFAULT_BARS: Final = 8
_IN_VOICES: Final = "chorale"
"""Style in which each of four instruments is one voice. Its pieces close from a dominant, as most of Bach's do."""
_VOICES: Final = 4
_FOLLOWS: Final = frozenset({"style", "emotion", "tempo", "key", "instruments", "attributes"})
_REFUSED: Final = wishes.reasons("lyrics")


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
    sections
        Its form, if one was asked for.
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
    sections: tuple[Section, ...] = ()
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
            TrackInfo(NAMES[family(program, drums)], program, drums)
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


def read_request(
    request: generate_pb2.GenerateRequest,
    options: Mapping[str, Any],
    seed: int,
    profiles: Mapping[str, Sequence[Profile]],
    progressions: Progressions,
) -> Commission:
    """Check a request and plan the piece.

    Raises
    ------
    InvalidField, InvalidMusic
        Naming every wish that can't be obeyed.
    """
    request, minor_wished, understood, notices = _read_theme(request)
    request, seen, overruled = fill_emotion(request)
    _refuse(request, profiles)
    given = read_given(request)
    chords = read_chords(request.chords)
    key = None if request.HasField("key") else key_of_chords(chords)
    rng = np.random.default_rng(seed)
    asked = read_wishes(request, given, minor_wished if key is None else key >= 12)
    chosen, style = choose_profile(asked, profiles, rng)
    ensemble = choose_ensemble(request, given, chosen, style)
    metre = asked.metre if asked.metre is not None else chosen.metre
    minor = asked.minor if asked.minor is not None else chosen.minor
    tonic = _tonic(request, given, chosen) if key is None else key % 12
    shift = shift_of(tonic)
    figures = choose_figures(asked, chosen, profiles[style], minor)
    filled = _bars_of(chords, METRES[metre].bar_beats)
    sections = _sections(request, given, filled)
    bars = sections[-1].first + sections[-1].bars if sections else _bars(request, given, filled)
    drawn = None
    if not chords and style in OVER_A_CHART and (given is None or given.role == "REFERENCE"):
        again = sources(sections, bars) if sections else None
        own = np.random.default_rng((seed, 1))
        cadence, jazz = ends_in_cadence(sections), style in JAZZ
        drawn = progressions.draw(bars, own, minor=minor, again=again, cadence=cadence, jazz=jazz)
    in_voices = style == _IN_VOICES and len(ensemble.drums) == _VOICES and not any(ensemble.drums)
    frame = Frame(bars, metre, minor, shift, chords, sections, drawn, in_voices)
    rules, kept = plan_rules(request, given, ensemble, frame)
    alone = given is None and ensemble.drums.count(False) == 1
    most = 2 + bars * (MOST_IN_BAR + 1) + sum(len(part) for part in rules.given)
    plan = Plan(
        rules=rules,
        families=ensemble.families,
        controls=control_values(style, minor, metre, ensemble.lead, figures, shift),
        draws=rng.random((most, len(FIELD_SIZES))),
        temperature=float(options["temperature"]),
        top_p=float(options["top_p"]),
        guidance=float(options["guidance"]),
        asked=steered(asked, figures, shift, alone=alone, chordal=plays_chords(ensemble)),
    )
    tempo = asked.tempo if asked.tempo is not None else float(np.rint(np.exp(figures.tempo)))
    if key is not None:
        understood.append(f"chords: {len(chords)} of them, in {key_name(key)}")
    if sections:
        understood.append(f"form: {', '.join(section.sentence() for section in sections)}")
    return Commission(
        plan, style, tonic, minor, tempo, metre, ensemble.programs, ensemble.drums, ensemble.order, shift, given, kept,
        request.finish, seed, sections, (*understood, *seen),
        (*notices, *overruled, *(given.notices if given is not None else ())),
    )  # fmt: skip


def _read_theme(
    request: generate_pb2.GenerateRequest,
) -> tuple[generate_pb2.GenerateRequest, bool | None, list[str], list[music_pb2.Notice]]:
    """Turn a theme into the other fields, where they are not set; also return the mode that goes with it."""
    filled, theme, understood, notices = fill(request, _FOLLOWS, THEME_STYLES)
    if not request.style:
        filled.style = THEME_STYLES.get(filled.style, "")
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
    asked = list(request.instruments)
    if len(asked) > SLOTS:
        wrong.append(("instruments", f"has {len(asked)} instruments, can have at most {SLOTS}"))
    if any(not 0 <= program <= DRUM_KIT for program in asked) or asked.count(DRUM_KIT) > 1 or asked == [DRUM_KIT]:
        wrong.append(("instruments", "must be programs 0-127, with at most one drum kit (128), and not it alone"))
    wishes.refuse([*wrong, *wishes.too_many_bars(request, MAX_BARS)])


def _tonic(request: generate_pb2.GenerateRequest, given: Given | None, profile: Profile) -> int:
    if request.HasField("key"):
        return request.key.tonic
    if given is not None:
        return int(np.bincount(given.song.keys, minlength=24).argmax()) % 12
    return -profile.shift % 12


def _sections(request: generate_pb2.GenerateRequest, given: Given | None, filled: int) -> tuple[Section, ...]:
    """Lay out the form that is asked for; ``filled`` is how many bars the chords fill."""
    if not request.form:
        return ()
    if given is not None and given.role != "REFERENCE":
        raise InvalidField("form", f"can't be asked for with a given {given.role}; leave one of them out")
    return lay_out(request.form, request.bars or filled, MAX_BARS)


def _bars_of(chords: Sequence[AskedChord], bar_beats: float) -> int:
    """Return how many bars chords fill, 0 if there are none."""
    if not chords:
        return 0
    bars = int(np.ceil(chords[-1].end / bar_beats - 1e-6))
    if bars > MAX_BARS:
        raise InvalidField("chords", f"fill {bars} bars, a piece has at most {MAX_BARS}")
    return bars


def _bars(request: generate_pb2.GenerateRequest, given: Given | None, filled: int) -> int:
    if given is None or given.role == "REFERENCE":
        return request.bars or filled or DEFAULT_BARS
    own = given.song.bars
    if given.role in ("MELODY", "INFILL"):
        if request.bars not in (0, own):
            raise InvalidField("bars", f"is {request.bars}, but the music that is given has {own}; leave it out")
        return own
    bars = request.bars or min(MAX_BARS, max(DEFAULT_BARS, own + DEFAULT_BARS))
    if bars <= own:
        raise InvalidField("bars", f"is {bars}, must be more than the {own} that are given")
    return bars
