"""The gateway half, with a stand-in for the gateway: what arrives at the model, and what ships."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from segue.plugin_api import Call, NotFound, Recommender
from segue.plugin_api.python_model import Item
from segue.plugins.recommend.model import RecommendModel
from segue.plugins.recommend.plugin import register_algorithms
from segue.v1.listening_pb2 import Play
from segue.v1.recommend_pb2 import HistoryItem, RecommendRequest

ALGORITHMS: dict[str, Recommender] = {a.name: a for a in register_algorithms() if isinstance(a, Recommender)}
LIMIT_BYTES = 12 * 2**20


class LocalModels:
    """Runs the shipped version in this process."""

    def __init__(self, algorithm: Recommender) -> None:
        self.model = RecommendModel()
        shipped = algorithm.models[0].shipped
        assert shipped is not None
        self.model.load(shipped / "1", "cpu")

    async def infer(self, model: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        request = RecommendRequest.FromString(inputs["request"])
        answer = self.model.answer([Item(request, json.loads(inputs["options"]), inputs["seed"][0])])[0]
        if isinstance(answer, Exception):
            raise answer
        return {"response": [answer.SerializeToString()]}


class Recorded:
    """Plays of one listener."""

    def __init__(self, *plays: Play) -> None:
        self.plays = plays

    async def recent(self, listener_id: str, limit: int) -> Sequence[Play]:
        return self.plays[:limit] if listener_id == "recorded" else ()


@pytest.fixture(scope="module", params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> Recommender:
    return ALGORITHMS[request.param]


@pytest.fixture(scope="module")
def models(algorithm: Recommender) -> LocalModels:
    return LocalModels(algorithm)


def call(algorithm: Recommender, models: LocalModels, *plays: Play) -> Call:
    return Call(options=algorithm.Options(), seed=0, models=models, plays=Recorded(*plays))  # type: ignore[arg-type]


async def test_the_shipped_version_answers_its_probe(algorithm: Recommender, models: LocalModels) -> None:
    algorithm.check_probe(await algorithm.recommend(algorithm.probe(), call(algorithm, models)))


async def test_a_listener_of_the_training_data_is_known(algorithm: Recommender, models: LocalModels) -> None:
    found = await algorithm.recommend(RecommendRequest(listener_id="2"), call(algorithm, models))
    assert len(found.recommendations) == 10
    assert all(track.reason for track in found.recommendations)


async def test_a_recorded_play_changes_the_answer(algorithm: Recommender, models: LocalModels) -> None:
    if algorithm.name == "popularity":
        return
    request = RecommendRequest(listener_id="recorded", history=[HistoryItem(track_id="51")])
    play = Play(listener_id="recorded", track_id="1400", time=Timestamp(seconds=1_700_000_000))
    before = await algorithm.recommend(request, call(algorithm, models))
    after = await algorithm.recommend(request, call(algorithm, models, play))
    assert before.recommendations != after.recommendations
    assert not request.history[1:], "the caller's request is left alone"


async def test_a_stranger_is_not_found(algorithm: Recommender, models: LocalModels) -> None:
    if algorithm.name == "popularity":
        return
    with pytest.raises(NotFound, match="stranger"):
        await algorithm.recommend(RecommendRequest(listener_id="stranger"), call(algorithm, models))


def test_what_ships_as_a_link_is_of_the_same_data(algorithm: Recommender) -> None:
    shipped = algorithm.models[0].shipped
    assert shipped is not None
    digests = {
        json.loads((path.resolve().parent / "card.json").read_text())["data"][0]["digest"]
        for path in (shipped / "1").iterdir()
    }
    assert len(digests) == 1


def test_what_ships_is_small_and_labelled(algorithm: Recommender) -> None:
    shipped = algorithm.models[0].shipped
    assert shipped is not None
    card = json.loads((shipped / "1" / "card.json").read_text())
    assert card["data"][0]["non_commercial"]
    assert sum(path.stat().st_size for path in shipped.rglob("*")) < LIMIT_BYTES
