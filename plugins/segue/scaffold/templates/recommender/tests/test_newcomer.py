"""The algorithm without a server: what it learns, what it answers, what it refuses."""

from pathlib import Path

import pytest
from rich.console import Console
from segue.plugin_api import InvalidField, InvalidRequest
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Run
from segue.v1 import recommend_pb2

from segue_plugin_newcomer import example_data
from segue_plugin_newcomer.co_occurrence import CoOccurrence
from segue_plugin_newcomer.model import CoOccurrenceModel
from segue_plugin_newcomer.plugin import CoOccurrenceOptions, CoOccurrenceRecommender
from segue_plugin_newcomer.train import (
    CoOccurrenceSettings,
    CoOccurrenceTrainer,
    read_plays,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    example_data.write(folder / "data")
    artifacts = folder / "version"
    artifacts.mkdir()
    run = Run(folder / "data", artifacts, folder, 0, Console(quiet=True))
    reports = CoOccurrenceTrainer().train(run, CoOccurrenceSettings())
    return artifacts, reports, run


@pytest.fixture(scope="module")
def ask(trained):
    model = CoOccurrenceModel()
    model.load(trained[0], "cpu")
    options = CoOccurrenceOptions().model_dump()
    return lambda **fields: model.answer([Item(recommend_pb2.RecommendRequest(**fields), options, 0)])[0]


def test_it_beats_the_most_played_on_held_out_listeners(trained):
    rows = trained[1][0].rows
    assert rows["newcomer"]["hr@10"] > 1.2 * rows["most played"]["hr@10"]
    assert CoOccurrenceTrainer().evaluate(trained[2].data, trained[0], Console(quiet=True))[0].rows == rows


def test_tracks_of_the_same_listeners_are_recommended_with_exact_causes(ask):
    response = ask(seed_tracks=["track-1"], count=5)
    assert len(response.recommendations) == 5
    assert all(track.track_id != "track-1" for track in response.recommendations)
    first = response.recommendations[0]
    assert first.causes[0].track_id == "track-1"
    assert first.causes[0].contribution == pytest.approx(first.score, rel=1e-3)


def test_the_probe_is_answered(ask):
    algorithm = CoOccurrenceRecommender()
    probe = algorithm.probe()
    algorithm.check_probe(ask(seed_tracks=probe.seed_tracks, count=probe.count))
    with pytest.raises(ValueError, match="descending"):
        algorithm.check_probe(recommend_pb2.RecommendResponse())


def test_what_is_unknown_is_said(ask):
    response = ask(seed_tracks=["nobody knows it", "track-1"])
    assert list(response.unknown_track_ids) == ["nobody knows it"]
    assert ask(seed_tracks=["nobody knows it"]).notices


@pytest.mark.parametrize(
    ("fields", "field"), [({}, "history"), ({"seed_tracks": ["track-1"], "diversity": 0.5}, "diversity")]
)
def test_what_it_cannot_do_is_refused_by_name(ask, fields, field):
    error = ask(**fields)
    assert isinstance(error, InvalidField)
    assert error.violations[0][0] == field


def test_data_that_is_none_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match=r"plays\.csv"):
        read_plays(tmp_path)
    (tmp_path / "plays.csv").write_text("listener_id,song\n1,2\n")
    with pytest.raises(InvalidRequest, match="track_id"):
        read_plays(tmp_path)


def test_the_shipped_version_can_be_read():
    (spec,) = CoOccurrenceRecommender.models
    assert spec.shipped is not None
    assert len(CoOccurrence.load(Path(spec.shipped) / "1").tracks) > 10
