"""Fixtures: the shipped model, and helpers that ask it."""

import io

import pytest
from PIL import Image
from segue.music import Piece, midi_to_piece
from segue.plugin_api.python_model import Item
from segue.plugins.gan.model import GanModel
from segue.plugins.gan.network import NetworkSettings
from segue.plugins.gan.plugin import Gan, GanOptions
from segue.v1 import generate_pb2, music_pb2

TINY = NetworkSettings(noise=6, private=3, style=4, harmony=6, shared=12, track=10, refiner=8, critic=16)
G_MAJOR = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
D_MINOR = music_pb2.Key(tonic=2, mode=music_pb2.MODE_MINOR)


@pytest.fixture(scope="session")
def model() -> GanModel:
    folder = Gan.models[0].shipped
    assert folder is not None
    loaded = GanModel()
    loaded.load(folder / "1", "cpu")
    return loaded


def item(seed: int = 1, options: dict | None = None, **fields) -> Item:
    return Item(generate_pb2.GenerateRequest(**fields), GanOptions().model_dump() | (options or {}), seed)


def ask(model: GanModel, one: Item) -> generate_pb2.GenerateResponse:
    return model.answer([one])[0]


def read(piece: generate_pb2.Piece) -> Piece:
    return midi_to_piece(piece.music.midi)[0]


def asked_chords(*symbols: str) -> list[music_pb2.Chord]:
    """Return chords of a bar each."""
    return [
        music_pb2.Chord(symbol=symbol, span=music_pb2.Span(start=4 * bar, end=4 * bar + 4))
        for bar, symbol in enumerate(symbols)
    ]


def picture(colour: str) -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()
