"""Fixtures: the shipped model, pieces, and helpers that hear and ask."""

import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo, midi_to_piece, piece_to_midi
from segue.plugin_api.python_model import Item
from segue.plugins.score.networks import Networks, shipped_networks
from segue.plugins.style.hearing import hear
from segue.plugins.style_gan.model import StyleGanModel
from segue.plugins.style_gan.network import NetworkSettings
from segue.plugins.style_gan.plugin import StyleGan, StyleGanOptions
from segue.v1 import music_pb2, transfer_pb2

TINY = NetworkSettings(channels=12, dilations=(1, 2), style=4, critic=12)
TUNE = (72, 74, 76, 77, 79, 77, 76, 74, 72, 74, 76, 74, 72, 71, 72, 72)
ROOTS = (48, 53, 55, 48)


@pytest.fixture(scope="session")
def networks() -> Networks:
    return shipped_networks()


@pytest.fixture(scope="session")
def model() -> StyleGanModel:
    loaded = StyleGanModel()
    loaded.load(StyleGan.models[0].shipped / "1", "cpu")
    return loaded


def song(bars: int = 8, beats: int = 4, denominator: int = 4, drums: bool = True) -> Piece:
    """A tune in quarters over block chords, one a bar, and a drum on every beat."""
    length = beats * 4 / denominator
    rows = []
    for bar in range(bars):
        root, begin = ROOTS[bar % 4], bar * length
        rows += [(begin, length, root + step, 1) for step in (0, 4, 7)]
        for beat in np.arange(0, length, 1.0):
            rows.append((begin + beat, min(0.9, length - beat), TUNE[(4 * bar + int(beat)) % 16], 0))
            rows.append((begin + beat, 0.1, 38, 2))
    start, duration, pitch, track = (np.array(column) for column in zip(*rows, strict=True))
    tracks = (TrackInfo("Tune", 73), TrackInfo("Piano"), TrackInfo("Drums", 0, True))
    piece = Piece.of(start, duration, pitch, 80, track, tracks=tracks, meters=(Meter(0.0, beats, denominator),))
    return piece if drums else piece.select(piece.track < 2)


def item(piece: Piece, networks: Networks, seed: int = 1, options: dict | None = None, **fields) -> Item:
    midi = piece_to_midi(piece)
    request = transfer_pb2.TransferRequest(music=music_pb2.Music(midi=midi), **fields)
    context = hear(midi, networks).SerializeToString()
    return Item(request, StyleGanOptions().model_dump() | (options or {}), seed, context)


def read(response: transfer_pb2.TransferResponse) -> Piece:
    return midi_to_piece(response.music.midi)[0]


def notes(piece: Piece, *tracks: str) -> list[tuple[float, float, int]]:
    """Start, duration and pitch of the notes of some tracks."""
    own = np.isin(piece.track, [index for index, info in enumerate(piece.tracks) if info.name in tracks])
    columns = (np.round(piece.start[own], 2), np.round(piece.duration[own], 2), piece.pitch[own])
    return list(zip(*(column.tolist() for column in columns), strict=True))
