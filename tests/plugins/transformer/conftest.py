"""Fixtures: a model of a tiny network with weights drawn at random, and songs made here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from segue.music import Meter, Piece, Tempo, TrackInfo
from segue.plugin_api.python_model import Item
from segue.plugins.transformer import artifacts
from segue.plugins.transformer.data import Song, to_song
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.network import Network, NetworkSettings
from segue.plugins.transformer.plugin import Transformer, TransformerOptions
from segue.v1 import generate_pb2

from ..in_process import run_to_the_end

TINY = NetworkSettings(width=16, layers=2, heads=4, groups=2, inner=16, head=16)
COMMON = Meter(0.0, 4, 4)
TRACKS = (TrackInfo("tune", 73), TrackInfo("chords", 0), TrackInfo("drums", 0, drums=True))


def made_piece(seed: int = 0, bars: int = 8, meter: Meter = COMMON) -> Piece:
    """A tune over chords and drums, in C major; faster, higher and louder by turns."""
    rng = np.random.default_rng(seed)
    rows = []
    quick, high, loud = 2 ** (seed % 3), 12 * (seed % 2), 30 * (seed % 2)
    beats = int(meter.bar_beats)
    for bar in range(bars):
        root = int(rng.choice((0, 5, 7))) if bar < bars - 1 else 0
        start = bar * meter.bar_beats
        rows += [(start, beats, 48 + root + step, 60, 1) for step in (0, 4, 7)]
        rows += [(start + beat, 0.25, 36, 90, 2) for beat in range(beats)]
        rows += [
            (start + step / quick, 1 / quick, 60 + high + int(rng.choice((0, 2, 4, 5, 7, 9))), 80 + loud, 0)
            for step in range(quick * beats)
        ]
    return Piece.of(*np.array(rows).T, tracks=TRACKS, meters=(meter,), tempos=(Tempo(0.0, 100.0),))


def made_song(seed: int = 0, style: str = "pop_piano", **about) -> Song:
    song = to_song(made_piece(seed, **about), f"song {seed}", style, "train", lead=True)
    assert song is not None
    return song


@pytest.fixture(scope="session")
def shipped() -> TransformerModel:
    """The shipped weights."""
    folder = Transformer.models[0].shipped
    assert folder is not None
    loaded = TransformerModel()
    loaded.load(folder / "1", "cpu")
    return loaded


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A version with an untrained network."""
    torch.manual_seed(0)
    found = tmp_path_factory.mktemp("transformer")
    songs = [made_song(seed, style) for seed in range(3) for style in ("pop_piano", "chorale")]
    artifacts.save(Network(TINY).eval(), songs, found)
    return found


@pytest.fixture(scope="session")
def model(folder) -> TransformerModel:
    loaded = TransformerModel()
    loaded.load(folder, "cpu")
    return loaded


def item(seed: int = 1, options: dict | None = None, **fields) -> Item:
    return Item(generate_pb2.GenerateRequest(**fields), TransformerOptions().model_dump() | (options or {}), seed)


def compose_response(model: TransformerModel, one: Item) -> generate_pb2.GenerateResponse:
    return run_to_the_end(model, [one])[0][-1].complete
