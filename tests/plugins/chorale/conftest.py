"""Fixtures: the shipped model, and a tiny network with weights drawn at random."""

from collections.abc import Sequence

import pytest
import torch
from segue.plugin_api.python_model import Item
from segue.plugins.chorale.model import ChoraleModel
from segue.plugins.chorale.network import Network, NetworkSettings
from segue.plugins.chorale.plugin import Chorale, ChoraleOptions
from segue.v1 import generate_pb2

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


def compose(model: ChoraleModel, items: Sequence[Item]) -> list[list[generate_pb2.GenerateStreamResponse]]:
    """Run sessions to their end, all in one batch."""
    sessions = [model.start(one) for one in items]
    messages: list[list] = [[] for _ in items]
    live = list(range(len(items)))
    while live:
        steps = model.step([sessions[index] for index in live])
        for index, step in zip(live, steps, strict=True):
            messages[index].extend(step.responses)
        live = [index for index, step in zip(live, steps, strict=True) if not step.done]
    return messages


def compose_piece(model: ChoraleModel, one: Item) -> generate_pb2.Piece:
    return compose(model, [one])[0][-1].complete.pieces[0]
