"""The request's features, the same for every method; measured on iALS."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from segue.plugin_api import InvalidField, NotFound
from segue.plugin_api.python_model import Item
from segue.plugins.recommend import ranking
from segue.plugins.recommend.algorithms import find_scorer
from segue.plugins.recommend.dataset import Dataset
from segue.plugins.recommend.model import RecommendModel, save_scorer
from segue.plugins.recommend.plugin import MOST_PLAYED
from segue.v1.recommend_pb2 import HistoryItem, Recommendation, RecommendFilter, RecommendRequest, RecommendResponse


@pytest.fixture(scope="module")
def model(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> RecommendModel:
    folder = tmp_path_factory.mktemp("version")
    method = find_scorer("ials")
    scorer = method(method.Settings(factors=8))
    scorer.fit(data, seed=0)
    save_scorer(scorer, data, folder)
    model = RecommendModel()
    model.load(folder, "cpu")
    return model


def answer(model: RecommendModel, *requests: RecommendRequest, causes: int = 5) -> list[Any]:
    return model.answer([Item(request, {"causes": causes}, 0) for request in requests])


def ask(model: RecommendModel, causes: int = 5, **fields: Any) -> RecommendResponse:
    found = answer(model, RecommendRequest(**fields), causes=causes)[0]
    if isinstance(found, Exception):
        raise found
    assert isinstance(found, RecommendResponse)
    return found


def ids(response: RecommendResponse) -> list[str]:
    return [track.track_id for track in response.recommendations]


def is_rock(track: Recommendation) -> bool:
    return "rock" in track.tags


def test_a_listener_gets_ten_unknown_tracks_best_first(model: RecommendModel, data: Dataset) -> None:
    found = ask(model, listener_id="listener-0").recommendations
    scores = [track.score for track in found]
    assert len(found) == 10
    assert scores == sorted(scores, reverse=True)
    assert {data.catalogue.ids[row] for row in data.history(0).tracks}.isdisjoint(
        ids(ask(model, listener_id="listener-0"))
    )
    assert sum(map(is_rock, found)) >= 9


def test_a_history_never_seen_is_folded_in(model: RecommendModel) -> None:
    found = ask(model, history=[HistoryItem(track_id="t33"), HistoryItem(track_id="t35", plays=9)], count=5)
    assert not any(map(is_rock, found.recommendations))


def test_history_joins_what_the_model_knows(model: RecommendModel) -> None:
    alone = ask(model, listener_id="listener-0", count=3)
    joined = ask(
        model, listener_id="listener-0", history=[HistoryItem(track_id=t) for t in ("t31", "t32", "t34")], count=3
    )
    assert ids(alone) != ids(joined)
    assert any(cause.track_id == "t31" for r in ask(
        model, listener_id="listener-0", history=[HistoryItem(track_id="t31")], causes=100
    ).recommendations for cause in r.causes)  # fmt: skip


def test_causes_are_an_exact_decomposition(model: RecommendModel) -> None:
    for track in ask(model, causes=100, listener_id="listener-5").recommendations:
        assert track.causes_exact
        assert sum(cause.contribution for cause in track.causes) == pytest.approx(track.score, rel=1e-3)
        assert sum(cause.share for cause in track.causes) == pytest.approx(1)
        positive = sum(max(cause.contribution, 0) for cause in track.causes)
        for cause in track.causes:
            assert cause.share == pytest.approx(max(cause.contribution, 0) / positive, rel=1e-4)


def test_seeds_ask_for_more_like_them_and_are_left_out(model: RecommendModel) -> None:
    found = ask(model, listener_id="listener-0", seed_tracks=["t30", "t31"], count=5, exclude_known=False)
    assert not any(map(is_rock, found.recommendations))
    assert {"t30", "t31"}.isdisjoint(ids(found))
    assert {cause.track_id for track in found.recommendations for cause in track.causes} <= {"t30", "t31"}


def test_unknown_tracks_are_named(model: RecommendModel) -> None:
    found = ask(model, history=[HistoryItem(track_id="t1"), HistoryItem(track_id="nope")], seed_tracks=["t2", "no"])
    assert list(found.unknown_track_ids) == ["nope", "no"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"listener_id": "stranger"}, "'stranger' is not known"),
        ({"history": [HistoryItem(track_id="nope")]}, "none of the tracks given: nope"),
    ],
)
def test_nothing_known_is_not_found(model: RecommendModel, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(NotFound, match=words):
        ask(model, **fields)


def test_a_request_that_gives_nothing_is_told_what_to_give(model: RecommendModel) -> None:
    with pytest.raises(InvalidField, match="listener_id"):
        ask(model)


def test_a_stranger_with_a_history_gets_a_notice(model: RecommendModel) -> None:
    found = ask(model, listener_id="stranger", history=[HistoryItem(track_id="t1")])
    assert "was not there in training" in found.notices[0]


def test_known_tracks_come_only_when_asked_for(model: RecommendModel) -> None:
    history = [HistoryItem(track_id="t0"), HistoryItem(track_id="t1")]
    assert {"t0", "t1"}.isdisjoint(ids(ask(model, history=history, count=500)))
    assert {"t0", "t1"} <= set(ids(ask(model, history=history, count=500, exclude_known=False)))


def test_filters(model: RecommendModel) -> None:
    def filtered(**lists: Any) -> RecommendResponse:
        return ask(model, listener_id="listener-0", count=500, filter=RecommendFilter(**lists))

    assert {track.tags[0] for track in filtered(tags=["JAZZ"]).recommendations} == {"jazz"}
    assert all(map(is_rock, filtered(excluded_tags=["jazz"]).recommendations))
    assert {track.artist for track in filtered(artists=["artist 12"]).recommendations} == {"Artist 12"}
    assert "Artist 12" not in {track.artist for track in filtered(excluded_artists=["Artist 12"]).recommendations}
    assert "t40" not in ids(filtered(excluded_tracks=["t40", "nope"]))
    nothing = filtered(tags=["polka"])
    assert not nothing.recommendations
    assert "no tag 'polka'" in nothing.notices[0]
    assert "no track is left" in nothing.notices[1]


def test_pages_join_to_the_whole_without_overlap(model: RecommendModel) -> None:
    for extra in ({}, {"diversity": 0.6, "novelty": 0.2}):
        whole = ids(ask(model, listener_id="listener-1", count=500, **extra))
        pages: list[str] = []
        token = ""
        while True:
            page = ask(model, listener_id="listener-1", count=7, page_token=token, **extra)
            pages += ids(page)
            token = page.next_page_token
            if not token:
                break
        assert pages == whole
        assert len(whole) > 40


def test_a_foreign_page_token_is_refused(model: RecommendModel) -> None:
    token = ask(model, listener_id="listener-1", count=3).next_page_token
    for wrong in ("!", "AAAA", token):
        with pytest.raises(InvalidField, match="page_token"):
            ask(model, listener_id="listener-2", page_token=wrong)


def test_diversity_and_novelty_trade_as_they_say(model: RecommendModel, data: Dataset) -> None:
    def measure(**fields: float) -> tuple[float, float]:
        rows = np.array([data.catalogue.index[t] for t in ids(ask(model, listener_id="listener-0", **fields))])
        alike = data.catalogue.similarity(rows)
        return float(alike[~np.eye(len(rows), dtype=bool)].mean()), float(data.audience[rows].mean())

    similar, popular = measure()
    assert measure(diversity=0.8)[0] < similar * 0.8
    assert measure(novelty=0.8)[1] < popular * 0.8


def test_wrong_numbers_never_get_through(model: RecommendModel) -> None:
    for bad in (math.nan, math.inf, -1.0):
        with pytest.raises(InvalidField, match=r"history\[1\]"):
            ask(model, history=[HistoryItem(track_id="t0"), HistoryItem(track_id="t1", plays=bad)])
        with pytest.raises(InvalidField, match="diversity"):
            ask(model, listener_id="listener-0", diversity=bad)
    assert len(ask(model, listener_id="listener-0", count=10**9).recommendations) <= 500
    assert all(math.isfinite(t.score) for t in ask(
        model, history=[HistoryItem(track_id="t0", plays=1e9)] * 10_000
    ).recommendations)  # fmt: skip


def test_a_bad_item_fails_alone_and_a_batch_equals_singles(model: RecommendModel) -> None:
    requests = [
        RecommendRequest(listener_id="listener-0"),
        RecommendRequest(listener_id="stranger"),
        RecommendRequest(seed_tracks=["t40"], count=3),
    ]
    together = answer(model, *requests)
    assert isinstance(together[1], NotFound)
    for request, found in ((requests[0], together[0]), (requests[2], together[2])):
        assert ids(found) == ids(answer(model, request)[0])


def test_the_probe_id_is_the_most_played_track(model: RecommendModel, data: Dataset) -> None:
    found = ask(model, history=[HistoryItem(track_id=MOST_PLAYED)], count=1)
    assert found.recommendations[0].causes[0].track_id == data.catalogue.ids[int(data.audience.argmax())]


def test_load_reads_nothing_but_its_folder(model: RecommendModel, data: Dataset, tmp_path: Path) -> None:
    data.save(tmp_path)
    loaded = Dataset.load(tmp_path)
    assert loaded.catalogue.titles == data.catalogue.titles
    assert (loaded.catalogue.tags != data.catalogue.tags).nnz == 0
    assert (loaded.plays != data.plays).nnz == 0
    np.testing.assert_array_equal(loaded.times, data.times)
    np.testing.assert_array_equal(loaded.catalogue.features, data.catalogue.features)


def test_similar_artists_are_found_without_their_own_tracks(model: RecommendModel) -> None:
    answer = ask(model, listener_id="listener-0", seed_artists=["ARTIST 10", "nobody"], count=5)
    assert not any(map(is_rock, answer.recommendations))  # listener-0 plays rock, but artist 10 plays jazz
    assert {track.artist for track in answer.recommendations}.isdisjoint({"Artist 10"})
    assert all("Artist 10" in track.reason for track in answer.recommendations)
    assert list(answer.notices) == ["seed_artists: the catalogue has no artist 'nobody'"]


def test_seeds_that_are_not_known_are_no_reason(model: RecommendModel) -> None:
    answer = ask(model, listener_id="listener-0", seed_tracks=["no"], count=3)
    assert all(track.reason.startswith("Because you play") for track in answer.recommendations)


@pytest.mark.parametrize("size", [5, 600, 60_000])
@pytest.mark.parametrize("count", [1, 11, 500])
def test_the_best_of_a_catalogue_are_those_of_sorting_it(size: int, count: int) -> None:
    rng = np.random.default_rng(size)
    audience = rng.integers(0, 50, size)
    plain = rng.normal(size=size).astype(np.float32)
    few = np.where(rng.random(size) < 0.01, plain, -np.inf).astype(np.float32)
    for scores in (plain, np.round(plain, 1), few):
        expected = np.lexsort((np.arange(size), -audience, -scores))[:count]
        np.testing.assert_array_equal(ranking._best(scores, audience, count), expected)
