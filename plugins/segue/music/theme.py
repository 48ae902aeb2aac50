"""What a theme in free text asks for: emotion, style, tempo, key, density and instruments.

The reader looks words up (``theme_words.toml``), in English and in Chinese, the longest phrase first. It hears
negations ("not sad", "不要悲伤"), keys ("D minor", "d小调") and tempos in figures ("120 bpm"), says which words led it
where, which contradict each other, and which it did not know. It reads what a text says, not what it implies: a scene
without a word of mood has no emotion. A sentence encoder would guess; the smallest in English has 82 MB of weights and
reads no Chinese. This reads a sentence in a third of a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from segue.music.theme_text import Hit, find_figures, find_phrases, program_name, said
from segue.v1 import generate_pb2, music_pb2

MAX_LENGTH: Final = 2000
_QUADRANTS: Final = {(True, True): "happy", (False, True): "tense", (False, False): "sad", (True, False): "calm"}
_NUMBERS: Final = {
    "happy": music_pb2.EMOTION_QUADRANT_HAPPY,
    "tense": music_pb2.EMOTION_QUADRANT_TENSE,
    "sad": music_pb2.EMOTION_QUADRANT_SAD,
    "calm": music_pb2.EMOTION_QUADRANT_CALM,
}
_IN_A_SENTENCE: Final = {"emotion": "an emotion", "instruments": "instruments"}
"""What goes otherwise than with "a"."""
_FLIPPED: Final = -0.6
"""What is not sad is happy, but less so."""
_MOST_UNKNOWN: Final = 12


@dataclass(frozen=True)
class Theme:
    """What was understood; None, 0 or empty where the text says nothing.

    Attributes
    ----------
    valence, arousal
        -1 to 1.
    style
        A name of ``theme_words.toml``, e.g. ``"bossa-nova"``.
    tempo
        Quarter notes per minute, 20-300.
    tonic, minor
        Pitch class 0-11, and whether the mode is minor.
    density
        0 (fewest notes) to 1.
    instruments
        General MIDI programs, 128 for drums.
    because
        Control → the words that led to it.
    contradictions
        Sentences.
    unknown
        Words that were not understood.
    """

    valence: float | None = None
    arousal: float | None = None
    style: str = ""
    tempo: float | None = None
    tonic: int | None = None
    minor: bool | None = None
    density: float | None = None
    instruments: tuple[int, ...] = ()
    because: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contradictions: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def emotion(self) -> str:
        """Quadrant of the circumplex: happy, tense, sad or calm; empty if no word says."""
        if self.valence is None or self.arousal is None:
            return ""
        return _QUADRANTS[self.valence >= 0, self.arousal >= 0]

    @property
    def likely_minor(self) -> bool | None:
        """The mode that is stated, else the one that goes with the emotion: minor for what is unpleasant [1]_.

        References
        ----------
        .. [1] A. Gabrielsson and E. Lindstrom, "The role of structure in the musical expression of emotions", 2010.
        """
        return self.minor if self.minor is not None or self.valence is None else self.valence < 0

    def likely_tempo(self, usual: float) -> float:
        """Return the tempo that is stated, else the usual one moved by the arousal, by at most a third."""
        return self.tempo or round(usual * (1 + (self.arousal or 0.0) / 3))

    def sentences(self) -> list[str]:
        """Say what was understood, one sentence for each control."""
        values: dict[str, str] = {
            "emotion": self.emotion,
            "style": self.style,
            "tempo": f"{self.tempo:g} quarter notes per minute" if self.tempo else "",
            "key": _key_name(self.tonic, self.minor),
            "density": "" if self.density is None else ("few notes" if self.density < 0.5 else "many notes"),
            "instruments": ", ".join(program_name(program) for program in self.instruments),
        }
        return [
            f"theme: {name} {value} ({', '.join(repr(word) for word in self.because.get(name, ()))})"
            for name, value in values.items()
            if value
        ]

    def notices(self) -> list[music_pb2.Notice]:
        """Say what was not understood, or contradicts itself."""
        texts = list(self.contradictions)
        if self.unknown:
            texts.append("Words without a meaning here, ignored: " + ", ".join(self.unknown) + ".")
        return [music_pb2.Notice(subject="theme", text=text) for text in texts]


def read_theme(text: str) -> Theme:
    """Read a theme in English, Chinese or both.

    Parameters
    ----------
    text
        At most 2,000 characters are read.

    Returns
    -------
    Theme
        What it asks for. Any text gives a theme; one without a known word gives an empty one.
    """
    text = text[:MAX_LENGTH]
    stated, rest = find_figures(text)
    hits, unknown = find_phrases(rest)
    because: dict[str, tuple[str, ...]] = {}
    contradictions: list[str] = []

    def settle(control: str, opposite: Any) -> Any:
        """Return the first value that a control is given; say so where later ones differ."""
        found = [
            hit._replace(value=opposite(hit.value)) if hit.negated else hit for hit in hits if hit.control == control
        ]
        found = [hit for hit in found if hit.value is not None]
        if not found:
            return None
        first = found[0]
        because[control] = tuple(dict.fromkeys(said(hit) for hit in found if hit.value == first.value))
        for other in found[1:]:
            if other.value != first.value:
                contradictions.append(
                    f"{said(other)!r} does not go with {said(first)!r}, which came first, and was ignored."
                )
        return first.value

    valence, arousal = _emotion([hit for hit in hits if hit.control == "emotion"], because, contradictions)
    style = settle("style", lambda _: None)
    tempo = settle("tempo", lambda tempo: 60.0 if tempo > 96 else 120.0 if tempo < 96 else None)
    mode = settle("mode", lambda mode: "minor" if mode == "major" else "major")
    density = settle("density", lambda density: 1 - density)
    instruments = _instruments([hit for hit in hits if hit.control == "instruments"], because)
    if "tempo" in stated:
        tempo, because["tempo"] = stated["tempo"]
    minor = None if mode is None else mode == "minor"
    if "mode" in because:
        because["key"] = because.pop("mode")
    tonic = None
    if "key" in stated:
        (tonic, minor), because["key"] = stated["key"]
    return Theme(
        valence=valence,
        arousal=arousal,
        style=style or "",
        tempo=tempo,
        tonic=tonic,
        minor=minor,
        density=density,
        instruments=instruments,
        because=because,
        contradictions=tuple(contradictions),
        unknown=tuple(unknown[:_MOST_UNKNOWN]),
    )


def _emotion(
    hits: Sequence[Hit], because: dict[str, tuple[str, ...]], contradictions: list[str]
) -> tuple[float | None, float | None]:
    """Return the mean of the moods that are named."""
    if not hits:
        return None, None
    points = [(v * _FLIPPED, a * _FLIPPED) if hit.negated else (v, a) for hit in hits for v, a in [hit.value]]
    valence, arousal = (sum(column) / len(points) for column in zip(*points, strict=True))
    because["emotion"] = tuple(dict.fromkeys(said(hit) for hit in hits))
    pleasant = [said(hit) for hit, (v, _) in zip(hits, points, strict=True) if v >= 0]
    unpleasant = [said(hit) for hit, (v, _) in zip(hits, points, strict=True) if v < 0]
    if pleasant and unpleasant:
        contradictions.append(f"{pleasant[0]!r} and {unpleasant[0]!r} pull the emotion apart; their mean was taken.")
    return round(valence, 3), round(arousal, 3)


def _instruments(hits: Sequence[Hit], because: dict[str, tuple[str, ...]]) -> tuple[int, ...]:
    unwanted = {hit.value for hit in hits if hit.negated}
    wanted = [hit for hit in hits if not hit.negated and hit.value not in unwanted]
    if wanted:
        because["instruments"] = tuple(dict.fromkeys(hit.text for hit in wanted))
    return tuple(dict.fromkeys(hit.value for hit in wanted))[:16]


def _key_name(tonic: int | None, minor: bool | None) -> str:
    mode = "" if minor is None else ("minor" if minor else "major")
    names = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
    return mode if tonic is None else f"{names[tonic]} {mode}"


def emotion_message(theme: Theme) -> music_pb2.Emotion | None:
    """Return the emotion as a message; None if the theme says nothing of it."""
    if not theme.emotion:
        return None
    return music_pb2.Emotion(quadrant=_NUMBERS[theme.emotion], valence=theme.valence, arousal=theme.arousal)


def fill(
    request: generate_pb2.GenerateRequest, follows: Iterable[str], styles: Iterable[str] = ()
) -> tuple[generate_pb2.GenerateRequest, Theme, list[str], list[music_pb2.Notice]]:
    """Turn the theme of a request into its other fields, where they are not set: what the caller states wins.

    Parameters
    ----------
    request
        As it came; it is not changed.
    follows
        Which fields the algorithm can follow, of ``style``, ``emotion``, ``tempo``, ``key``, ``instruments`` and
        ``attributes`` (the density, as rhythmic intensity). A key is filled in only if its tonic is stated.
    styles
        The styles that the algorithm knows.

    Returns
    -------
    request, theme, understood, notices
        The request without its theme; what was read; what was understood, in sentences; and what was not, or was
        overruled by a field or is nothing that the algorithm can follow.
    """
    theme = read_theme(request.theme)
    filled = generate_pb2.GenerateRequest()
    filled.CopyFrom(request)
    filled.ClearField("theme")
    follows, notices = set(follows), theme.notices()
    stated = {descriptor.name for descriptor, _ in request.ListFields()}
    wishes: dict[str, Any] = {
        "style": theme.style or None,
        "emotion": emotion_message(theme),
        "tempo": theme.tempo,
        "key": theme.minor,
        "instruments": theme.instruments or None,
        "attributes": theme.density,
    }
    names = {"attributes": "density"}
    dropped = set()
    for name, value in wishes.items():
        shown = names.get(name, name)
        if value is None:
            continue
        if name in stated:
            notices.append(music_pb2.Notice(subject="theme", text=f"Its {shown} gave way to the request's own {name}."))
            dropped.add(shown)
        elif name not in follows or (name == "style" and value not in set(styles)):
            what = (
                f"the style {value}" if name == "style" and name in follows else _IN_A_SENTENCE.get(shown, f"a {shown}")
            )
            notices.append(
                music_pb2.Notice(subject="theme", text=f"This algorithm can't follow {what}; that was left out.")
            )
            dropped.add(shown)
        elif name == "key" and theme.tonic is not None:
            mode = music_pb2.MODE_MINOR if theme.minor else music_pb2.MODE_MAJOR
            filled.key.CopyFrom(music_pb2.Key(tonic=theme.tonic, mode=mode))
        elif name == "emotion":
            filled.emotion.CopyFrom(value)
        elif name == "instruments":
            filled.instruments.extend(value)
        elif name == "attributes":
            filled.attributes.rhythmic_intensity = value
        elif name != "key":
            setattr(filled, name, value)
    understood = [text for text in theme.sentences() if text.split()[1] not in dropped]
    return filled, theme, understood, notices
