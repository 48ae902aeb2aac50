"""Fixtures: the shipped model, and helpers that ask it."""

import io

import pytest
from PIL import Image
from segue.music import Meter, Piece, midi_to_piece, piece_to_midi
from segue.plugin_api.python_model import Item
from segue.plugins.vae.model import VaeModel
from segue.plugins.vae.network import NetworkSettings
from segue.plugins.vae.plugin import Vae, VaeOptions
from segue.v1 import generate_pb2, music_pb2

TINY = NetworkSettings(latent=12, embedding=6, encoder=12, conductor=12, decoder=16, long_latent=10, long_hidden=12)
G_MAJOR = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
D_MINOR = music_pb2.Key(tonic=2, mode=music_pb2.MODE_MINOR)
SAD, HAPPY = (
    music_pb2.Emotion(quadrant=quadrant)
    for quadrant in (music_pb2.EMOTION_QUADRANT_SAD, music_pb2.EMOTION_QUADRANT_HAPPY)
)
# The second line of "Ode to Joy" (L. van Beethoven, 1824), in quarter notes but for its end.
JOY = [64, 64, 65, 67, 67, 65, 64, 62, 60, 60, 62, 64, 62, 60, 60]
JOY_BEATS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13.5, 14]
JOY_LENGTHS = [1] * 12 + [1.5, 0.5, 2]


@pytest.fixture(scope="session")
def model() -> VaeModel:
    folder = Vae.models[0].shipped
    assert folder is not None
    loaded = VaeModel()
    loaded.load(folder / "1", "cpu")
    return loaded


def item(seed: int = 1, options: dict | None = None, **fields) -> Item:
    return Item(generate_pb2.GenerateRequest(**fields), VaeOptions().model_dump() | (options or {}), seed)


def ask(model: VaeModel, one: Item) -> generate_pb2.GenerateResponse:
    return model.answer([one])[0]


def read(piece: generate_pb2.Piece) -> Piece:
    return midi_to_piece(piece.music.midi)[0]


def joy(transpose: int = 0, **about) -> Piece:
    about = {"meters": (Meter(0.0, 4, 4),)} | about
    return Piece.of(JOY_BEATS, JOY_LENGTHS, [pitch + transpose for pitch in JOY], 90, **about)


def motif(piece: Piece, role: int = generate_pb2.GIVEN_ROLE_MOTIF, **fields) -> generate_pb2.GivenMusic:
    return generate_pb2.GivenMusic(role=role, music=music_pb2.Music(midi=piece_to_midi(piece)), **fields)


def picture(colour: str) -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()
