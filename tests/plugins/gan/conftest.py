"""Fixtures: the shipped model, and helpers that ask it."""

import pytest
from segue.music import Piece, midi_to_piece
from segue.plugin_api.python_model import Item
from segue.plugins.gan.model import GanModel
from segue.plugins.gan.network import NetworkSettings
from segue.plugins.gan.plugin import Gan, GanOptions
from segue.v1 import generate_pb2, music_pb2

TINY = NetworkSettings(noise=6, private=3, style=4, shared=12, track=10, refiner=8, critic=16)
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
