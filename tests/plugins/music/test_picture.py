import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from segue.music.picture import MOST_BYTES, fill_emotion, look_at
from segue.plugin_api import InvalidField
from segue.v1 import generate_pb2, music_pb2


def picture(color, kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.new(mode, size, color).save(data, kind)
    return data.getvalue()


def header_of(width: int, height: int) -> bytes:
    """Return a PNG that says it is so large and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_light_is_pleasant_and_colour_is_exciting(kind):
    bright, dark = look_at(picture((250, 240, 235), kind)), look_at(picture((20, 18, 22), kind))
    vivid, pale = look_at(picture((255, 60, 0), kind)), look_at(picture((190, 180, 180), kind))
    assert bright.valence > 0.3 > -0.3 > dark.valence
    assert vivid.arousal > 0.2 > pale.arousal
    assert vivid.arousal > bright.arousal


def test_kinds_of_pixels_and_sizes():
    whole = look_at(picture(255, mode="L"))
    assert (whole.brightness, whole.colourfulness) == (1.0, 0.0)
    assert look_at(picture((0, 0, 0, 0), mode="RGBA")).brightness == 1.0
    assert look_at(picture((0, 0, 0, 0), "JPEG", mode="CMYK")).brightness > 0.95
    assert look_at(picture((255, 0, 0), size=(1, 1))).colourfulness == 1.0
    assert look_at(picture((255, 0, 0), size=(3000, 2))).colourfulness == 1.0
    rng = np.random.default_rng(0)
    data = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (900, 700, 3), np.uint8)).save(data, "JPEG")
    assert 0.4 < look_at(data.getvalue()).brightness < 0.9


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (b"x", "it is neither"),
        (picture((0, 0, 0), "GIF"), "it is neither"),
        (picture((9, 9, 9), "JPEG", (500, 500))[:900], "it is broken"),
        (header_of(9000, 9000), "9000 x 9000 pixels"),
        (header_of(100_000, 100_000), "pixels"),
        (b"\x89PNG" + b"0" * MOST_BYTES, f"can have at most {MOST_BYTES}"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(image, text):
    with pytest.raises(InvalidField, match=text) as error:
        look_at(image)
    assert error.value.violations[0][0] == "image"


def test_an_emotion_in_words_wins():
    image = picture((255, 60, 0))
    filled, understood, notices = fill_emotion(generate_pb2.GenerateRequest(image=image))
    assert filled.emotion.arousal > 0
    assert "suggest valence" in understood[0]
    assert not notices
    request = generate_pb2.GenerateRequest(image=image, emotion=music_pb2.Emotion(quadrant=3))
    filled, understood, notices = fill_emotion(request)
    assert filled.emotion == request.emotion
    assert not understood
    assert notices[0].subject == "image"
    assert not filled.image
    assert request.image
