"""The emotion that a picture's colour and light suggest: a simple thing, stated as such.

Nothing is recognised in the picture: a funeral in bright colours is happy. The mean brightness and colourfulness of its
pixels become valence and arousal by the regression that [1]_ found for patches of plain colour (pleasure .69 brightness
+ .22 saturation, arousal -.31 brightness + .60 saturation).

References
----------
.. [1] P. Valdez and A. Mehrabian, "Effects of color on emotions", Journal of Experimental Psychology: General
   123, 1994.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError
from segue.plugin_api.errors import InvalidField
from segue.v1 import generate_pb2, music_pb2

MOST_BYTES: Final = 8 * 1024 * 1024
MOST_PIXELS: Final = 40_000_000
_LOOKED_AT: Final = 128
"""Side of the square that a picture is shrunk into."""
_MIDDLE_BRIGHTNESS, _MIDDLE_COLOUR = 0.5, 0.3
"""What counts as neither: half the light, and the colourfulness of an ordinary photograph."""
_STRETCH: Final = 2.0


@dataclass(frozen=True)
class Picture:
    """What is seen in a picture.

    Attributes
    ----------
    brightness
        Mean over the pixels of the largest of red, green and blue, 0-1.
    colourfulness
        Mean of the largest less the smallest of them, 0-1; 0 is grey.
    valence, arousal
        What they suggest, -1 to 1.
    """

    brightness: float
    colourfulness: float
    valence: float
    arousal: float

    def sentence(self) -> str:
        """Say what was understood."""
        return (
            f"image: brightness {self.brightness:.2f} and colourfulness {self.colourfulness:.2f} suggest valence "
            f"{self.valence:+.2f} and arousal {self.arousal:+.2f}; what it shows was not looked at"
        )


def look_at(image: bytes, field: str = "image") -> Picture:
    """Look at the colours and the light of a picture.

    Parameters
    ----------
    image
        PNG or JPEG, at most 8 MiB and 40 million pixels. Of an animation the first frame counts; what is transparent
        is white.
    field
        Name of the field for errors.

    Raises
    ------
    InvalidField
        If it is no such picture, broken, or too large.
    """
    if len(image) > MOST_BYTES:
        raise InvalidField(field, f"has {len(image)} bytes, can have at most {MOST_BYTES}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow warns of is either refused below or harmless
            with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise InvalidField(field, f"has {width} x {height} pixels, can have at most {MOST_PIXELS}")
                opened.draft("RGB", (_LOOKED_AT, _LOOKED_AT))  # a JPEG is unpacked no larger than needed
                opened.thumbnail((_LOOKED_AT, _LOOKED_AT))
                shown = opened.convert("RGBA")
    except Image.DecompressionBombError:
        raise InvalidField(field, f"has more than {MOST_PIXELS} pixels") from None
    except (OSError, SyntaxError, ValueError) as error:
        why = "it is neither" if isinstance(error, UnidentifiedImageError) else "it is broken"
        raise InvalidField(field, f"can't be read as PNG or JPEG: {why}") from None
    white = Image.new("RGBA", shown.size, "white")
    pixels = np.asarray(Image.alpha_composite(white, shown).convert("RGB"), np.float64) / 255
    return _felt(float(pixels.max(2).mean()), float((pixels.max(2) - pixels.min(2)).mean()))


def _felt(brightness: float, colourfulness: float) -> Picture:
    light, colour = brightness - _MIDDLE_BRIGHTNESS, colourfulness - _MIDDLE_COLOUR
    valence, arousal = 0.69 * light + 0.22 * colour, -0.31 * light + 0.60 * colour
    valence, arousal = (float(np.clip(_STRETCH * value, -1, 1)) for value in (valence, arousal))
    return Picture(brightness, colourfulness, round(valence, 3), round(arousal, 3))


def fill_emotion(
    request: generate_pb2.GenerateRequest,
) -> tuple[generate_pb2.GenerateRequest, list[str], list[music_pb2.Notice]]:
    """Turn the picture of a request into its emotion; an emotion that is stated, or read in the theme, wins.

    Returns
    -------
    request, understood, notices
        The request without its picture; what was understood, in sentences; what was overruled.
    """
    if not request.image:
        return request, [], []
    picture = look_at(request.image)
    filled = generate_pb2.GenerateRequest()
    filled.CopyFrom(request)
    filled.ClearField("image")
    if filled.HasField("emotion") or filled.attributes.HasField("emotion"):
        text = "Its colours and light gave way to the emotion that is asked for in words."
        return filled, [], [music_pb2.Notice(subject="image", text=text)]
    filled.emotion.CopyFrom(music_pb2.Emotion(valence=picture.valence, arousal=picture.arousal))
    return filled, [picture.sentence()], []
