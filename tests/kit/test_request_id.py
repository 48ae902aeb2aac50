"""A gateway that forgets request ids is caught: no plugin can make the real one do so, so this one is made up."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from segue.conformance import Bounds, Subject, Verdict
from segue.conformance.checks.request_id import REQUEST_ID
from segue.plugin_api import Analyzer
from segue.plugin_api.errors import RequestIdReused
from segue.server.errors import status_of
from segue.v1 import analyze_pb2, catalog_pb2, catalog_pb2_grpc, lineage_pb2, music_service_pb2_grpc


class Deaf(Analyzer):
    name, version, summary = "deaf", "1", "Hears nothing"

    async def analyze(self, request, call):
        raise AssertionError

    def probe(self):
        return analyze_pb2.AnalyzeRequest()

    def check_probe(self, response):
        raise AssertionError


class Gateway(music_service_pb2_grpc.MusicServiceServicer, catalog_pb2_grpc.CatalogServiceServicer):
    """Keeps answers by request id, or forgets them; notices that an id is used again, or does not."""

    def __init__(self, *, keeps: bool, notices: bool) -> None:
        self.keeps, self.notices = keeps, notices
        self.kept, self.calls = {}, 0

    def Analyze(self, request, context):
        known = self.kept.get(request.request_id)
        if known and self.notices and known[0] != request:
            code, text, trailers = status_of(RequestIdReused("used before"), "1")
            context.set_trailing_metadata(trailers)
            context.abort(code, text)
        if known and self.keeps:
            return known[1]
        self.calls += 1
        response = analyze_pb2.AnalyzeResponse(lineage=lineage_pb2.Lineage(response_id=str(self.calls)))
        self.kept[request.request_id] = (request, response)
        return response

    def GetAlgorithm(self, request, context):
        ready = catalog_pb2.Algorithm(name="deaf", state=catalog_pb2.ALGORITHM_STATE_READY)
        return catalog_pb2.GetAlgorithmResponse(algorithm=ready)


@pytest.mark.parametrize(
    ("keeps", "notices", "wrong"),
    [(True, True, ""), (False, True, "was run anew"), (True, False, "got an answer")],
)
def test_a_gateway_that_forgets_is_caught(keeps, notices, wrong):
    server = grpc.server(ThreadPoolExecutor(2))
    gateway = Gateway(keeps=keeps, notices=notices)
    music_service_pb2_grpc.add_MusicServiceServicer_to_server(gateway, server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(gateway, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        result = REQUEST_ID.run(Subject(Deaf(), "nowhere", channel, bounds=Bounds(seconds=1)))
    server.stop(None)
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS)
    assert wrong in result.wrong
