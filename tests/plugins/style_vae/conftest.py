"""Fixtures: the shipped model, a small band, and helpers that ask."""

import numpy as np
import pytest
from segue.music import Control, Meter, Piece, Syllable, Tempo, TrackInfo, midi_to_piece, piece_to_midi
from segue.plugin_api.python_model import Item
from segue.plugins.score.networks import Networks, shipped_networks
from segue.plugins.style.hearing import hear
from segue.plugins.style_vae.model import StyleVaeModel
from segue.plugins.style_vae.network import NetworkSettings
from segue.plugins.style_vae.plugin import StyleVae, StyleVaeOptions
from segue.v1 import music_pb2, transfer_pb2

TINY = NetworkSettings(latent=8, width=16, inner=16, heads=2, encoder=1, decoder=1)
TUNE = (72, 74, 76, 77, 79, 77, 76, 74, 72, 74, 76, 74, 72, 71, 72, 72)
ROOTS = (48, 53, 55, 48)
DRUM = 36


@pytest.fixture(scope="session")
def networks() -> Networks:
    return shipped_networks()


@pytest.fixture(scope="session")
def model() -> StyleVaeModel:
    loaded = StyleVaeModel()
    loaded.load(StyleVae.models[0].shipped / "1", "cpu")
    return loaded


CONTROLS = (
    Control(0.0, music_pb2.CONTROL_KIND_CONTROLLER, 64, 127),
    Control(3.0, music_pb2.CONTROL_KIND_PITCH_BEND, 0, 900),
    Control(3.5, music_pb2.CONTROL_KIND_CONTROLLER, 64, 0),
)


def band(bar: int = 4, bars: int = 8, drums: bool = True, chords: bool = True) -> Piece:
    """A tune over broken chords, one a bar, with a pedal, words, two tempos, and a drum on every beat."""
    rows = []
    for beat in range(bar * bars):
        root = ROOTS[beat // bar % 4]
        rows.append((beat, 0.9, TUNE[beat % 16], 90, 0))
        if chords:
            rows += [(beat + half / 2, 0.5, root + step, 70, 1) for half, step in ((0, 0), (0, 7), (1, 4))]
        if drums:
            rows.append((beat, 0.1, DRUM, 80, 2))
    start, duration, pitch, velocity, track = np.array(rows).T
    tracks = (TrackInfo("Tune", 73), TrackInfo("Piano", 0, False, CONTROLS), TrackInfo("Drums", 0, True))
    return Piece.of(
        start,
        duration,
        pitch,
        velocity,
        track,
        tracks=tracks,
        meters=(Meter(0.0, bar, 4),),
        tempos=(Tempo(0.0, 100.0), Tempo(8.0, 120.0)),
        lyrics=(Syllable(0.0, "la"), Syllable(1.0, "li")),
    )


def item(piece: Piece, networks: Networks, options: dict | None = None, **fields) -> Item:
    midi = piece_to_midi(piece)
    request = transfer_pb2.TransferRequest(music=music_pb2.Music(midi=midi), **fields)
    context = hear(midi, networks).SerializeToString()
    return Item(request, StyleVaeOptions().model_dump() | (options or {}), 1, context)


def ask(model: StyleVaeModel, one: Item) -> transfer_pb2.TransferResponse:
    return model.answer([one])[0]


def read(response: transfer_pb2.TransferResponse) -> Piece:
    return midi_to_piece(response.music.midi)[0]


def attributes(**sliders) -> dict:
    return {"attributes": music_pb2.Attributes(**sliders)}


def rows_of(piece: Piece) -> set:
    columns = (np.round(piece.start, 3), np.round(piece.duration, 2), piece.pitch)
    return set(zip(*(column.tolist() for column in columns), strict=True))
