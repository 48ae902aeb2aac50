"""Fixtures: the shipped model, and a tiny network with weights drawn at random."""

import pytest
import torch
from segue.plugin_api.python_model import Item
from segue.plugins.chorale.model import ChoraleModel
from segue.plugins.chorale.network import Network, NetworkSettings
from segue.plugins.chorale.plugin import Chorale, ChoraleOptions
from segue.v1 import generate_pb2

from ..in_process import run_to_the_end

TINY = NetworkSettings(embedding=8, hidden=16, head=8, context=8)


@pytest.fixture(scope="session")
def model() -> ChoraleModel:
    folder = Chorale.models[0].shipped
    assert folder is not None
    loaded = ChoraleModel()
    loaded.load(folder / "1", "cpu")
    return loaded


@pytest.fixture
def tiny_network() -> Network:
    torch.manual_seed(0)
    return Network(TINY).eval()


def item(seed: int = 1, options: dict | None = None, **fields) -> Item:
    defaults = ChoraleOptions().model_dump()
    return Item(generate_pb2.GenerateRequest(**fields), defaults | (options or {}), seed)


def compose_piece(model: ChoraleModel, one: Item) -> generate_pb2.Piece:
    return run_to_the_end(model, [one])[0][-1].complete.pieces[0]
