"""A model that has learnt three pieces by heart is caught by the originality index, and one that has not is not."""

import numpy as np
import pytest
import torch
from rich.console import Console
from segue.music.bar_lines import Metre
from segue.music.originality import OriginalityIndex
from segue.plugin_api.training import Run
from segue.plugins.chorale.artifacts import reference_counts
from segue.plugins.chorale.data import Chorale, Draw
from segue.plugins.chorale.likeness import compose
from segue.plugins.chorale.measure import nats
from segue.plugins.chorale.network import Network, NetworkSettings
from segue.plugins.chorale.present import to_piece
from segue.plugins.chorale.train import ChoraleSettings, fit
from segue.plugins.chorale.voices import frames_to_piece
from segue.plugins.training import Processes
from segue.v1 import generate_pb2, music_pb2

BY_HEART = NetworkSettings(
    embedding=32,
    hidden=64,
    head=32,
    context=8,
    dropout=0,
    embedding_dropout=0,
    head_dropout=0,
    feature_dropout=0,
    recurrent_dropout=0,
)
SETTINGS = ChoraleSettings.model_validate(
    {"steps": 150, "batch": 3, "learning_rate": 1e-2, "weight_decay": 0, "average": 0.9, "network": BY_HEART}
)
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])
BEATS = 16


def made_piece(seed: int) -> np.ndarray:
    """Four voices that walk about in C major, a note or two a beat, from the tonic and back; shape (frames, 4)."""
    rng = np.random.default_rng(seed)
    lines = []
    for middle in (40, 35, 32, 26):  # degrees counted from C-1
        degrees = middle + np.cumsum(rng.choice([-2, -1, 1, 2], 2 * BEATS))
        degrees = middle + (degrees - middle + 3) % 7 - 3
        line = 12 * (degrees // 7) + SCALE[degrees % 7]
        quick = rng.random(BEATS) < 0.3
        line[1::2] = np.where(quick, line[1::2], line[::2])
        lines.append(line.repeat(2))
    frames = np.stack(lines, 1)
    frames[:4], frames[-8:] = [72, 64, 55, 48], [72, 64, 55, 48]
    return frames


@pytest.fixture(scope="module")
def pieces() -> list[Chorale]:
    return [Chorale.of(made_piece(seed), Metre(16, 0)) for seed in range(40)]


@pytest.fixture(scope="module")
def index(pieces) -> OriginalityIndex:
    return OriginalityIndex.build([frames_to_piece(piece.frames) for piece in pieces], [str(n) for n in range(40)])


def copied(network: Network, pieces, index) -> np.ndarray:
    wish = {"bars": 4, "key": {"tonic": 0, "mode": music_pb2.MODE_MAJOR}}
    composed = compose(network, reference_counts(pieces), [generate_pb2.GenerateRequest(**wish)] * 8)
    return np.array([index.compare(to_piece(*one)).copied_fraction for one in composed])


def test_a_model_that_learnt_three_pieces_by_heart_is_caught(pieces, index, tmp_path):
    bound = float(np.quantile(index.human_excerpts(50), 0.95))
    assert bound < 0.2
    run = Run(tmp_path, tmp_path, tmp_path, 0, Console(quiet=True))
    told = Draw(metre=True, mode=True, remaining=True)
    with Processes() as alone:
        learnt = fit(pieces[:3], run, SETTINGS, alone, nats, lambda piece, rng: told, lambda network: 0.0)
    caught = copied(learnt, pieces[:3], index)
    assert (caught > bound).mean() >= 0.75
    assert caught.mean() > 0.3
    torch.manual_seed(0)
    assert (copied(Network(BY_HEART).eval(), pieces[:3], index) <= bound).all()
