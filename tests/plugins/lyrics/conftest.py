"""Fixtures: the shipped model, and helpers that run it in this process."""

from collections.abc import Sequence

import numpy as np
import pytest
from segue.music import Meter, Piece, Tempo, piece_to_midi
from segue.plugin_api.python_model import Item
from segue.plugins.lyrics.model import LyricsModel
from segue.plugins.lyrics.plugin import Lyrics, LyricsOptions
from segue.v1 import generate_pb2, music_pb2

from ..in_process import run_to_the_end


@pytest.fixture(scope="session")
def model() -> LyricsModel:
    folder = Lyrics.models[0].shipped
    assert folder is not None
    loaded = LyricsModel()
    loaded.load(folder / "1", "cpu")
    return loaded


def tune(lines: Sequence[int] = (8, 6, 8, 6), meter: tuple[int, int] = (4, 4)) -> Piece:
    """A melody in quarter notes, the last of each line held over a rest."""
    starts, durations, at = [], [], 0.0
    for count in lines:
        starts += [at + index for index in range(count)]
        durations += [1.0] * (count - 1) + [2.0]
        at += count + 4
    pitches = 60 + np.arange(len(starts)) * 2 % 13
    return Piece.of(starts, durations, pitches, 80, meters=(Meter(0.0, *meter),), tempos=(Tempo(0.0, 100.0),))


def given(piece: Piece, **fields) -> list[generate_pb2.GivenMusic]:
    music = music_pb2.Music(midi=piece_to_midi(piece))
    role = fields.pop("role", generate_pb2.GIVEN_ROLE_MELODY)
    return [generate_pb2.GivenMusic(role=role, music=music, **fields)]


def item(seed: int = 1, options: dict | None = None, **fields) -> Item:
    defaults = LyricsOptions().model_dump()
    return Item(generate_pb2.GenerateRequest(**fields), defaults | (options or {}), seed)


def answer(model: LyricsModel, one: Item) -> generate_pb2.GenerateResponse:
    return run_to_the_end(model, [one])[0][-1].complete
