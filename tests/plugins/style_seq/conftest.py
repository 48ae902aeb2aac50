"""Fixtures: a band that plays a tune over chords, what score hears in a piece, the shipped model."""

import numpy as np
import pytest
import torch
from segue.music import Meter, Piece, TrackInfo, midi_to_piece, piece_to_midi
from segue.plugin_api.python_model import Item
from segue.plugins.score.networks import shipped_networks
from segue.plugins.style.hearing import hear
from segue.plugins.style_seq.model import StyleSeqModel
from segue.plugins.style_seq.network import Network, NetworkSettings
from segue.plugins.style_seq.plugin import StyleSeq, StyleSeqOptions
from segue.v1 import music_pb2, transfer_pb2

from ..in_process import run_to_the_end

TINY = NetworkSettings(width=32, layers=1, heads=2, groups=1, inner=32, head=16, style=8, half=8)
TUNE = (72, 74, 76, 77, 79, 77, 76, 74, 72, 74, 76, 74, 72, 71, 72, 72)


def band(bars=8, meter=(4, 4), drums=True, tune=True, chords=True, **about):
    """A tune of varied rhythm over the chords C F G C, one a bar, a bass and a drum on every beat."""
    metre = Meter(0.0, *meter)
    length, rows = metre.bar_beats, []
    for bar in range(bars):
        at, root = bar * length, (48, 53, 55, 48)[bar % 4]
        cuts = np.arange(0, length, (1.0, 0.5, 1.5, 0.75)[bar % 4])
        if tune:
            rows += [(at + cut, 0.5, TUNE[(bar + n) % 16], 90, 0) for n, cut in enumerate(cuts.tolist())]
        if chords:
            rows += [(at, length, root + step, 70, 1) for step in (0, 4, 7)] + [(at, length, root - 12, 80, 2)]
        if drums:
            rows += [(at + beat, 0.1, 36, 90, 3) for beat in range(int(length))]
    start, duration, pitch, velocity, track = zip(*rows, strict=True)
    tracks = (TrackInfo("Tune", 73), TrackInfo("Piano"), TrackInfo("Bass", 33), TrackInfo("Kit", drums=True))
    return Piece.of(start, duration, pitch, velocity, track, tracks=tracks, meters=(metre,), **about)


@pytest.fixture(scope="session")
def networks():
    return shipped_networks()


@pytest.fixture(scope="session")
def model():
    loaded = StyleSeqModel()
    loaded.load(StyleSeq.models[0].shipped / "1", "cpu")
    return loaded


@pytest.fixture(scope="session")
def network():
    torch.manual_seed(0)
    return Network(TINY, 3).eval()


def item(networks, piece, seed=1, temperature=0.6, **fields):
    """What the gateway half sends for a piece."""
    midi = piece if isinstance(piece, bytes) else piece_to_midi(piece)
    request = transfer_pb2.TransferRequest(music=music_pb2.Music(midi=midi), **fields)
    options = StyleSeqOptions(temperature=temperature).model_dump()
    return Item(request, options, seed, hear(midi, networks).SerializeToString())


def ask(model, *items):
    """Run requests side by side; return the answer of each."""
    return [messages[-1].complete for messages in run_to_the_end(model, items)]


def read(response):
    return midi_to_piece(response.music.midi)[0]
