"""What a theme in words, a picture and an emotion ask of music: shared by the algorithms that follow them.

An unpleasant emotion asks for minor, an excited one for a faster tempo and more notes, a pleasant one for a higher
register [1]_; what a request states wins.

References
----------
.. [1] A. Gabrielsson and E. Lindstrom, "The role of structure in the musical expression of emotions", in *Handbook of
   Music and Emotion*, 2010.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from segue.music.picture import fill_emotion
from segue.music.theme import fill
from segue.v1 import generate_pb2, music_pb2

THEME_STYLES: Final[Mapping[str, str]] = {
    "jazz": "jazz_combo", "swing": "jazz_swing", "bossa-nova": "bossanova", "ragtime": "ragtime", "pop": "pop_piano",
    "rock": "rock", "folk": "folk", "salsa": "salsa", "latin": "salsa", "disco": "disco", "trance": "trance",
    "house": "house", "techno": "techno", "hip-hop": "hiphop", "hymn": "hymn",
}  # fmt: skip
"""Styles that a theme can name, and what the algorithms call them."""
_QUADRANTS: Final = {1: (0.8, 0.9), 2: (-0.8, 0.9), 3: (-0.8, -0.9), 4: (0.8, -0.9)}
_FASTER: Final = 1 / 3
_DENSER: Final = 0.3
_HIGHER: Final = 0.15


@dataclass(frozen=True)
class Mood:
    """What was understood.

    Attributes
    ----------
    request
        Theme and picture turned into its other fields, where it did not state them.
    minor
        The mode that goes with it; None if nothing says.
    valence, arousal
        -1 to 1; None if nothing says.
    understood, notices
        In sentences: what was understood, and what was not or gave way.
    """

    request: generate_pb2.GenerateRequest
    minor: bool | None
    valence: float | None
    arousal: float | None
    understood: Sequence[str]
    notices: Sequence[music_pb2.Notice]

    def tempo(self, usual: float) -> float:
        """Return the tempo that is stated, else the usual one moved by the arousal, by at most a third."""
        stated = self.request.HasField("tempo")
        return self.request.tempo if stated else round(usual * (1 + _FASTER * (self.arousal or 0.0)))

    def density(self) -> float | None:
        """Return where a slider of density goes, 0-1; None if nothing says."""
        stated = self.request.attributes.HasField("rhythmic_intensity")
        moved = None if self.arousal is None else 0.5 + _DENSER * self.arousal
        return self.request.attributes.rhythmic_intensity if stated else moved

    def register(self) -> float | None:
        """Return where a slider of register goes, 0-1; None if nothing says."""
        stated = self.request.attributes.HasField("register")
        moved = None if self.valence is None else 0.5 + _HIGHER * self.valence
        return self.request.attributes.register if stated else moved


def read_mood(request: generate_pb2.GenerateRequest, follows: Iterable[str], styles: Mapping[str, str]) -> Mood:
    """Read theme, picture and emotion of a request.

    Parameters
    ----------
    request
        As it came; it is not changed.
    follows
        Fields that a theme may fill in (``segue.music.theme.fill``).
    styles
        Styles that a theme can name, and what the algorithm calls them; empty if it knows no styles.

    Raises
    ------
    InvalidField
        If the picture can't be read.
    """
    filled, theme, understood, notices = fill(request, follows, styles)
    if not request.style:
        filled.style = styles.get(filled.style, "")
    filled, seen, overruled = fill_emotion(filled)
    valence, arousal = emotion_of(filled)
    minor = theme.minor
    if minor is None and valence is not None:
        minor = valence < 0
    return Mood(filled, minor, valence, arousal, [*understood, *seen], [*notices, *overruled])


def emotion_of(request: generate_pb2.GenerateRequest) -> tuple[float | None, float | None]:
    """Return the valence and arousal that a request asks for, of its quadrant where it gives no figures."""
    emotion = request.emotion if request.HasField("emotion") else request.attributes.emotion
    valence, arousal = _QUADRANTS.get(emotion.quadrant, (None, None))
    return (
        emotion.valence if emotion.HasField("valence") else valence,
        emotion.arousal if emotion.HasField("arousal") else arousal,
    )
