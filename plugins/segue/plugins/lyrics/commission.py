"""What a request commissions: a melody or a metre to write words for, a rhyme scheme, a theme; checked one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from segue.music import Meter, Piece, Tempo, TrackInfo, music_to_piece
from segue.music.theme import Theme, fill
from segue.plugin_api import InvalidField, InvalidMusic, InvalidOption
from segue.plugins import wishes
from segue.plugins.lyrics.corpus import words_of
from segue.plugins.lyrics.phrases import MOST_NOTES, Phrase, find_phrases
from segue.plugins.lyrics.poet import Order
from segue.plugins.lyrics.screen import is_offensive
from segue.plugins.lyrics.setting import syllables_of
from segue.plugins.lyrics.topics import CHINESE, MOODS, Topics
from segue.v1 import generate_pb2, music_pb2

MAX_LINES: Final = 64
MAX_NOTES: Final = 800
MAX_BARS: Final = 512
_MOST_NAMED: Final = 8
"""Words that a notice names at most."""
_USUAL_METRE: Final = (8, 6)
_USUAL_LINES: Final = 4
_USUAL_SCHEME: Final = "AABB"
_USUAL_TEMPO: Final = 90.0
_RECITING_TONE: Final = 67
_REFUSED: Final = wishes.reasons("attributes", "image") | {
    "style": "this algorithm writes words and follows no style",
    "form": "this algorithm writes one strain; give a rhyme scheme",
    "bars": "this algorithm writes lines; see the options lines and syllables",
    "finish": "this algorithm changes no notes; see the option copied_words",
    **dict.fromkeys(("key", "time_signature", "instruments", "chords"), "this algorithm composes no notes"),
}
_EMOTIONS: Final = {
    music_pb2.EMOTION_QUADRANT_HAPPY: "happy",
    music_pb2.EMOTION_QUADRANT_TENSE: "tense",
    music_pb2.EMOTION_QUADRANT_SAD: "sad",
    music_pb2.EMOTION_QUADRANT_CALM: "calm",
}


@dataclass(frozen=True)
class Commission:
    """Words to write or to set.

    Attributes
    ----------
    melody
        The notes, one voice; a recitation on one tone where none was given.
    order
        What the poet writes; None where the words are given.
    given_lines
        The words that are given.
    understood, notices
        As in the answer.
    """

    melody: Piece
    order: Order | None
    given_lines: Sequence[Sequence[str]]
    understood: Sequence[str]
    notices: Sequence[music_pb2.Notice]


def read_request(request: generate_pb2.GenerateRequest, options: Mapping[str, Any], topics: Topics) -> Commission:
    """Check a request and plan the verse.

    Raises
    ------
    InvalidField, InvalidMusic, InvalidOption
        Naming every wish that is not obeyed, or what is wrong with the given music.
    """
    _refuse(request)
    melody, notices = _melody(request)
    words, own, understood, more = _theme_words(request, topics)
    notices = [*notices, *more]
    if request.lyrics.text:
        lines = _given_lines(request.lyrics.text)
        return Commission(_for_text(melody, lines), None, lines, understood, notices)
    if melody is None:
        counts = _metre(request, options)
        melody, phrases = recitation(counts, _tempo(request))
        understood.append(f"{len(counts)} lines of {', '.join(map(str, counts[:8]))} syllables, recited on one tone")
    else:
        if options["syllables"] or options["lines"]:
            raise InvalidOption("syllables", "and lines are for words without a melody; the notes set them here")
        phrases = find_phrases(melody)
        if len(phrases) > MAX_LINES:
            raise InvalidMusic("given[0].music", f"has {len(phrases)} phrases, can have at most {MAX_LINES}")
        understood.append(f"{len(phrases)} phrases of {', '.join(str(p.syllables) for p in phrases[:16])} notes")
    letters = _letters(request.lyrics.rhyme_scheme, len(phrases))
    understood.append(f"rhyme scheme {letters}")
    order = Order(
        phrases=phrases,
        letters=letters,
        favour=topics.favour(words, own),
        temperature=float(options["temperature"]),
        top_p=float(options["top_p"]),
        most_copied=int(options["copied_words"]),
    )
    return Commission(melody, order, (), understood, notices)


def _refuse(request: generate_pb2.GenerateRequest) -> None:
    """Refuse what this algorithm can't follow, all at once."""
    wrong = wishes.not_followed(request, _REFUSED)
    if request.lyrics.language == "zh":
        wrong.append(("lyrics.language", "is 'zh', this algorithm writes English alone; its theme may be Chinese"))
    if request.given and request.HasField("tempo"):
        wrong.append(("tempo", "is that of the melody; leave it out"))
    if request.lyrics.text and request.lyrics.rhyme_scheme:
        wrong.append(("lyrics.rhyme_scheme", "is for words that are written here; leave it or lyrics.text out"))
    wishes.refuse(wrong)


def _melody(request: generate_pb2.GenerateRequest) -> tuple[Piece | None, list[music_pb2.Notice]]:
    """Read the melody, if one is given: a track of one voice."""
    if not request.given:
        return None, []
    if len(request.given) > 1:
        raise InvalidField("given", f"has {len(request.given)} pieces of music, this algorithm takes one melody")
    given = request.given[0]
    if given.role != generate_pb2.GIVEN_ROLE_MELODY:
        name = generate_pb2.GivenRole.Name(given.role)
        raise InvalidField("given[0].role", f"is {name}; this algorithm takes a MELODY")
    if given.HasField("span"):
        raise InvalidField("given[0].span", "is for INFILL alone; leave it out")
    piece, notices = music_to_piece(given.music, "given[0].music")
    tracks = sorted(set(piece.without_drums().track.tolist()))
    if given.HasField("track"):
        if given.track not in tracks:
            raise InvalidField("given[0].track", f"is {given.track}, must be one of {tracks}, which hold notes")
        tracks = [given.track]
    if len(tracks) != 1:
        raise InvalidMusic(
            "given[0].music", f"has notes on {len(tracks)} pitched tracks; name the melody's by given[0].track"
        )
    melody = piece.select(piece.track == tracks[0])
    if len(melody) > MAX_NOTES:
        raise InvalidMusic("given[0].music", f"has {len(melody)} notes, can have at most {MAX_NOTES}")
    if len(melody.bar_starts) > MAX_BARS:
        raise InvalidMusic("given[0].music", f"has {len(melody.bar_starts)} bars, can have at most {MAX_BARS}")
    if (np.diff(melody.start) < 0.02).any() or (melody.end[:-1] > melody.start[1:] + 0.3).any():
        raise InvalidMusic("given[0].music", f"sounds several notes at once on track {tracks[0]}, must be one voice")
    about = {"tempos": piece.tempos, "meters": piece.meters, "keys": piece.keys}
    return Piece.of(
        melody.start, melody.duration, melody.pitch, melody.velocity, tracks=(piece.tracks[tracks[0]],), **about
    ), notices


def _theme_words(
    request: generate_pb2.GenerateRequest, topics: Topics
) -> tuple[list[str], list[str], list[str], list[music_pb2.Notice]]:
    """Return the words that the verse is to be about, those of them that the theme names, and what was understood."""
    filled, theme, _, _ = fill(request, {"emotion"})
    emotion = _emotion(filled.emotion)
    named = topics.known([*_about(theme), *(word for word in CHINESE if word in request.theme)])
    named = [word for word in named if not is_offensive(word)]
    understood, notices = [], []
    if named:
        understood.append(f"theme: about {', '.join(named)}")
    if emotion:
        understood.append(f"theme: emotion {emotion}")
    words = [*named, *(topics.known(MOODS[emotion].split()) if emotion else ())]
    unknown = topics.unknown(word for word in _about(theme) if word.isascii())
    if request.theme and not words:
        text = "None of its words is one that the model knows; the verse is about nothing in particular."
        notices.append(music_pb2.Notice(subject="theme", text=text))
    elif unknown:
        text = f"The model doesn't know {', '.join(unknown[:_MOST_NAMED])}; the verse is about the rest."
        notices.append(music_pb2.Notice(subject="theme", text=text))
    return words, named, understood, notices


def _about(theme: Theme) -> list[str]:
    """Return the words of a theme that may be a subject: those of moods, and those that are no wish about the music."""
    moods = [
        word for phrase in theme.because.get("emotion", ()) if not phrase.startswith("not ") for word in phrase.split()
    ]
    return [*moods, *theme.unknown]


def _emotion(emotion: music_pb2.Emotion) -> str:
    if emotion.quadrant:
        return _EMOTIONS[emotion.quadrant]
    if emotion.HasField("valence") and emotion.HasField("arousal"):
        return Theme(valence=emotion.valence, arousal=emotion.arousal).emotion
    return ""


def _tempo(request: generate_pb2.GenerateRequest) -> float:
    return request.tempo if request.HasField("tempo") else _USUAL_TEMPO


def _metre(request: generate_pb2.GenerateRequest, options: Mapping[str, Any]) -> list[int]:
    """Return the syllables of each line of a verse without a melody: common metre unless options say otherwise."""
    asked = [int(number) for number in options["syllables"].split()] or list(_USUAL_METRE)
    if not all(1 <= number <= MOST_NOTES for number in asked):
        raise InvalidOption("syllables", f"is {options['syllables']!r}, must be numbers from 1 to {MOST_NOTES}")
    usual = max(len(asked), _USUAL_LINES)
    lines = options["lines"] or len(request.lyrics.rhyme_scheme) or usual
    return [asked[at % len(asked)] for at in range(lines)]


def _letters(scheme: str, lines: int) -> str:
    """Return the rhyme scheme of all lines: the one given, again and again with rhymes of its own each time."""
    pattern = scheme or _USUAL_SCHEME
    if len(pattern) > lines:
        if scheme:
            raise InvalidField("lyrics.rhyme_scheme", f"has {len(scheme)} letters, the verse has {lines} lines")
        pattern = pattern[:lines]
    names = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@#" * 2)
    letters: list[str] = []
    own: dict[str, str] = {}
    for at in range(lines):
        if at % len(pattern) == 0:
            own = {}
        letter = pattern[at % len(pattern)]
        if letter not in own:
            own[letter] = next(names)
        letters.append(own[letter])
    return "".join(letters)


def recitation(counts: Sequence[int], tempo: float) -> tuple[Piece, list[Phrase]]:
    """Return notes on one tone, a quarter note for each syllable, for lines of so many syllables.

    Every line begins on the upbeat to a bar of four, so that its even syllables are the strong ones.
    """
    starts: list[float] = []
    edges = [0]
    begin = 3.0
    for count in counts:
        starts += [begin + index for index in range(count)]
        edges.append(len(starts))
        begin += 4 * (-(-count // 4))
    melody = Piece.of(
        starts,
        1.0,
        _RECITING_TONE,
        80,
        tracks=(TrackInfo("Voice", 52),),
        tempos=(Tempo(0.0, tempo),),
        meters=(Meter(0.0, 4, 4),),
    )
    iambic = np.where(np.arange(len(starts)) % 2, 1.0, -0.5).astype(np.float32)
    phrases = [Phrase(np.arange(a, b), iambic[: b - a]) for a, b in pairwise(edges)]
    return melody, phrases


def _given_lines(text: str) -> list[list[str]]:
    """Return the words of a text that is to be set, as they are written."""
    lines = [re.findall(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*[.,;:!?]*", line) for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise InvalidField("lyrics.text", "holds no word")
    strange = next((word for line in lines for word in line if not words_of(word)), None)
    if strange:
        raise InvalidField("lyrics.text", f"holds {strange!r}; this algorithm sets English words")
    if len(lines) > MAX_LINES:
        raise InvalidField("lyrics.text", f"has {len(lines)} lines, can have at most {MAX_LINES}")
    return lines


def _for_text(melody: Piece | None, lines: Sequence[Sequence[str]]) -> Piece:
    """Return the melody for given words; without one, a recitation with as many notes."""
    counts = [sum(len(syllables_of(word)) for word in line) for line in lines]
    if melody is None:
        return recitation(counts, _USUAL_TEMPO)[0]
    if sum(counts) > len(melody):
        raise InvalidField("lyrics.text", f"has {sum(counts)} syllables, the melody has {len(melody)} notes")
    return melody
