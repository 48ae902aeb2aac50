"""A call that names no algorithm goes to one that can answer its kind of request."""

from types import SimpleNamespace

import pytest
from segue.plugin_api import Analyzer, InvalidField
from segue.plugin_api.errors import AlgorithmUnavailable, FailedPrecondition, UnknownAlgorithm
from segue.server.desired import TrafficRule
from segue.server.fleet import FAILING, READY, REFUSED, UNLOADED
from segue.server.routing import Router
from segue.server.settings import Settings
from segue.v1 import analyze_pb2, catalog_pb2, music_pb2

ANALYZE = catalog_pb2.CAPABILITY_ANALYZE


def analyzer(name, *accepts):
    class Ear(Analyzer):
        async def analyze(self, request, call):
            raise NotImplementedError

        def probe(self):
            raise NotImplementedError

        def check_probe(self, response):
            raise NotImplementedError

    Ear.name = name
    Ear.accepts = accepts or Analyzer.accepts
    return SimpleNamespace(name=name, algorithm=Ear(), state=READY, cause="")


def router(*served, rule=None, **settings):
    fleet = SimpleNamespace(algorithms={one.name: one for one in served})
    desired = SimpleNamespace(state=SimpleNamespace(traffic={} if rule is None else {"analyze": rule}))
    return Router(Settings(**settings), fleet, desired)


def choose(router, algorithm="", **content):
    request = analyze_pb2.AnalyzeRequest(algorithm=algorithm, music=music_pb2.Music(**content))
    return router.route(ANALYZE, request).served.name


SCORE = {"midi": b"MThd" + bytes(10)}
AUDIO = {"audio": music_pb2.Audio(data=b"RIFF")}


def test_audio_goes_to_who_hears_and_notes_to_who_reads():
    both = router(ear := analyzer("ear", "audio"), eye := analyzer("eye"), other := analyzer("other"))
    assert choose(both, **SCORE) == "eye"
    assert choose(both, **AUDIO) == "ear"
    assert [both.is_default(served) for served in (ear, eye, other)] == [True, True, False]


def test_one_that_leads_comes_before_those_registered_earlier():
    both = router(first := analyzer("first"), leader := analyzer("leader"), ear := analyzer("ear", "audio"))
    type(leader.algorithm).leads = True
    assert (choose(both, **SCORE), choose(both, **AUDIO)) == ("leader", "ear")
    assert [both.is_default(served) for served in (first, leader, ear)] == [False, True, True]


def test_a_default_or_a_split_counts_where_it_can_answer():
    served = analyzer("ear", "audio"), analyzer("eye"), analyzer("other")
    chosen = router(*served, default_algorithms={"analyze": "other"})
    assert (choose(chosen, **SCORE), choose(chosen, **AUDIO)) == ("other", "ear")
    split = router(*served, rule=TrafficRule(shares={"other": 1.0}))
    assert (choose(split, **SCORE), choose(split, **AUDIO)) == ("other", "ear")


def test_who_can_not_is_told_by_name():
    both = router(analyzer("ear", "audio"), analyzer("eye"))
    with pytest.raises(InvalidField, match=r"music: is of a form that algorithm 'eye' can't read; those that can: ear"):
        choose(both, "eye", **AUDIO)
    with pytest.raises(InvalidField, match="music: holds nothing"):
        choose(both)
    with pytest.raises(InvalidField, match="music: is audio, which no algorithm here reads to analyze it so"):
        choose(router(analyzer("eye")), **AUDIO)
    with pytest.raises(UnknownAlgorithm):
        choose(router(), **SCORE)


@pytest.mark.parametrize(
    ("state", "error"), [(FAILING, AlgorithmUnavailable), (UNLOADED, FailedPrecondition), (REFUSED, FailedPrecondition)]
)
def test_only_what_may_come_back_is_worth_a_retry(state, error):
    eye = analyzer("eye")
    eye.state, eye.cause = state, "for a reason"
    with pytest.raises(error, match=r"algorithm eye is \w+: for a reason"):
        choose(router(eye), **SCORE)


def test_a_default_that_nothing_here_is_called_is_logged(caplog):
    assert choose(router(analyzer("ear"), default_algorithms={"analyze": "eer"}), midi=b"x") == "ear"
    assert "names 'eer' to analyze" in caplog.text
