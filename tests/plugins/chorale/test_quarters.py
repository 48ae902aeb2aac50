import json

import numpy as np
import pytest
import torch
from rich.console import Console
from segue.plugin_api import InvalidRequest
from segue.plugins.chorale.data import Draw, collate
from segue.plugins.chorale.network import CLASSES, Network
from segue.plugins.chorale.quarters import (
    FILE,
    measure,
    nats_per_frame,
    possible_tokens,
    read_quarters,
    set_nats,
    to_frame,
)
from segue.plugins.chorale.train import ChoraleSettings

from .conftest import TINY

SETTINGS = ChoraleSettings(steps=4, batch=2, evaluate_every=2, network=TINY)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    pieces = [
        [sorted(set((60 + rng.integers(0, 30, rng.integers(0, 5))).tolist())) for _ in range(12)] for _ in range(6)
    ]
    (tmp_path / FILE).write_text(json.dumps({"train": pieces[:2], "valid": pieces[2:4], "test": pieces[4:]}))
    return tmp_path


def test_a_set_is_the_frame_it_is_written_as():
    sets = [(), (60,), (60, 67), (60, 64, 67), (60, 64, 67, 72)]
    frames = [to_frame(pitches).tolist() for pitches in sets]
    assert frames == [
        [-1, -1, -1, -1],
        [48, -1, -1, -1],
        [55, -1, -1, 48],
        [55, 52, -1, 48],
        [60, 55, 52, 48],
    ]


def test_what_is_possible_is_every_set_once():
    """Count the ways through the first eight tokens: one for each set of at most four of seven pitches."""
    few = 8
    ways = 0
    for highest in range(few):
        for lowest in range(few):
            for second in range(few):
                allowed = possible_tokens(torch.tensor([highest, lowest, second, 0]))[..., :few]
                if allowed[1, lowest] and allowed[2, second]:
                    ways += int(allowed[3].sum())
    assert ways == 1 + 7 + 21 + 35 + 35


def test_a_frame_is_scored_without_what_comes_after_it(data):
    torch.manual_seed(0)
    network = Network(TINY).eval()
    raw = json.loads((data / FILE).read_text())
    before = set_nats(*scored(network, data))
    raw["test"][0][8:] = [[71], [60, 75], [], [80, 82]]
    (data / FILE).write_text(json.dumps(raw))
    after = set_nats(*scored(network, data))
    assert torch.equal(before[:, :8], after[:, :8])
    assert not torch.equal(before[:, 8:], after[:, 8:])


def scored(network, data):
    piece = read_quarters(data)["test"][0]
    batch = collate([piece], [Draw()])
    with torch.no_grad():
        return network(batch), batch


def test_probabilities_of_a_frame_add_up_to_one(data):
    """With uniform scores the nats of a frame are the logarithms of how many tokens are possible."""
    piece = read_quarters(data)["test"][0]
    batch = collate([piece], [Draw()])
    flat = set_nats(torch.zeros(1, len(piece.frames), 4, CLASSES), batch)
    possible = possible_tokens(batch["target"]).sum(-1)
    assert torch.allclose(flat, possible.double().log().float(), atol=1e-5)


def test_training_is_reported_beside_baselines(data, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    report = measure(data, work, Console(quiet=True), SETTINGS)
    assert len(report.rows) == 4
    network = Network(TINY)
    torch.manual_seed(0)
    assert report.rows["chorale network"]["nats/frame"] != nats_per_frame(network, read_quarters(data)["test"])


def test_a_folder_without_the_benchmark_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="jsb-chorales-quarter"):
        read_quarters(tmp_path)
