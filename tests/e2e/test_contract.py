"""What holds for every shipped algorithm, whatever it computes: the contract, on the real server."""

import random

import pytest
from google.protobuf.json_format import MessageToDict
from segue.plugin_api import Transferrer
from segue.server.fleet import VERBS
from segue.server.plugins import load_plugins
from segue.v1 import catalog_pb2, transfer_pb2

from .server import READY, failure

SHIPPED = {
    algorithm.name: algorithm
    for plugin in load_plugins()
    if plugin.distribution.startswith("segue ")
    for algorithm in plugin.algorithms
}


@pytest.fixture(params=sorted(SHIPPED))
def algorithm(request):
    return SHIPPED[request.param]


def call(server, algorithm, message, **keywords):
    return getattr(server.music, VERBS[algorithm.capability].capitalize())(message, **keywords)


def probe(algorithm):
    message = algorithm.probe()
    message.algorithm = algorithm.name
    return message


def test_it_serves_and_is_described(server, algorithm):
    described = server.catalog.GetAlgorithm(catalog_pb2.GetAlgorithmRequest(name=algorithm.name)).algorithm
    assert described.state == READY, described.cause
    assert server.serving(algorithm.name)
    assert described.summary
    assert described.plugin.startswith("segue ")
    assert MessageToDict(described.options_schema)["additionalProperties"] is False
    for model in described.models:
        assert len(model.digest) == 64
        card = MessageToDict(model.card)
        assert card["data"] or not algorithm.trainer
        assert all(source["licence"] for source in card["data"])


def test_it_answers_with_its_lineage(server, algorithm):
    message = probe(algorithm)
    message.seed = 7
    response = call(server, algorithm, message)
    algorithm.check_probe(response)
    lineage = response.lineage
    assert (lineage.algorithm, lineage.seed, lineage.variant) == (algorithm.name, 7, "named")
    assert [model.name for model in lineage.models] == [spec.name for spec in algorithm.models]
    assert all(model.version >= 1 and len(model.digest) == 64 for model in lineage.models)


def test_the_same_seed_gives_the_same_answer_alone_and_among_others(server, algorithm):
    message = probe(algorithm)
    message.seed = random.getrandbits(32)
    calls = [getattr(server.music, VERBS[algorithm.capability].capitalize()).future(message) for _ in range(6)]
    answers = [call.result() for call in calls] + [call(server, algorithm, message)]
    for answer in answers:
        answer.ClearField("lineage")
    assert all(rounded(MessageToDict(answer)) == rounded(MessageToDict(answers[-1])) for answer in answers)


def rounded(value):
    """Round every number to four digits: a sum over a batch may differ in its last bits from that over one item."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.3e}") if isinstance(value, float) else value


def test_an_unknown_option_is_refused(server, algorithm):
    message = probe(algorithm)
    message.options["no_such_option"] = 1
    code, reason, fields, _, _ = failure(call, server, algorithm, message)
    assert (code, reason, fields) == ("INVALID_ARGUMENT", "INVALID_OPTION", ["options.no_such_option"])


def test_the_same_request_id_is_answered_once(server, algorithm):
    message = probe(algorithm)
    message.request_id = f"{algorithm.name}-{random.getrandbits(64)}"
    first, second = call(server, algorithm, message), call(server, algorithm, message)
    assert first == second
    message.seed = 99
    code, reason, *_ = failure(call, server, algorithm, message)
    assert (code, reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


@pytest.mark.parametrize("name", sorted(a.name for a in SHIPPED.values() if isinstance(a, Transferrer)))
def test_a_transfer_says_how_far_it_has_come_and_ends_with_the_same_answer(server, name):
    message = probe(SHIPPED[name])
    message.seed = 11
    *before, last = server.music.TransferStream(transfer_pb2.TransferStreamRequest(request=message))
    shares = [told.progress.fraction for told in before]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    streamed, alone = last.complete, server.music.Transfer(message)
    assert streamed.lineage.algorithm == name
    for answer in (streamed, alone):
        answer.ClearField("lineage")
    assert rounded(MessageToDict(streamed)) == rounded(MessageToDict(alone))
