"""The documented reasons, provoked on the real server; no path, no traceback ever leaves it."""

import grpc
import pytest
from segue.v1 import admin_pb2, catalog_pb2, generate_pb2, listening_pb2, music_pb2, recommend_pb2, transfer_pb2

from .server import failure


def generate(**fields):
    return generate_pb2.GenerateRequest(**{"algorithm": "mortal"} | fields)


@pytest.mark.parametrize(
    ("call", "request_message", "expected"),
    [
        ("music.Generate", generate(bars=10_000), ("INVALID_ARGUMENT", "INVALID_FIELD", ["bars"])),
        ("music.Generate", generate(tempo=float("nan")), ("INVALID_ARGUMENT", "INVALID_FIELD", ["tempo"])),
        ("music.Generate", generate(algorithm="nobody"), ("NOT_FOUND", "UNKNOWN_ALGORITHM", [])),
        ("music.Generate", generate(algorithm="score"), ("NOT_FOUND", "UNKNOWN_ALGORITHM", [])),
        ("music.Generate", generate(theme="refuse"), ("INVALID_ARGUMENT", "INVALID_FIELD", ["theme"])),
        ("music.Generate", generate(theme="crash"), ("INTERNAL", "INTERNAL", [])),
        (
            "music.Recommend",
            recommend_pb2.RecommendRequest(seed_tracks=["a"], count=1_000_000_000),
            ("INVALID_ARGUMENT", "INVALID_FIELD", ["count"]),
        ),
        (
            "music.Transfer",
            transfer_pb2.TransferRequest(music=music_pb2.Music(midi=bytes(20))),
            ("INVALID_ARGUMENT", "INVALID_FIELD", ["target"]),
        ),
        ("catalog.GetAlgorithm", catalog_pb2.GetAlgorithmRequest(name="nobody"), ("NOT_FOUND", "NOT_FOUND", [])),
        (
            "listening.RecordPlays",
            listening_pb2.RecordPlaysRequest(plays=[listening_pb2.Play(event_id="1", listener_id="l")]),
            ("INVALID_ARGUMENT", "INVALID_FIELD", ["plays[0].track_id"]),
        ),
        ("admin.PromoteModel", admin_pb2.PromoteModelRequest(model="nobody"), ("NOT_FOUND", "NOT_FOUND", [])),
        (
            "admin.RollBackModel",
            admin_pb2.RollBackModelRequest(model="mortal"),
            ("FAILED_PRECONDITION", "FAILED_PRECONDITION", []),
        ),
    ],
)
def test_a_reason(server, call, request_message, expected):
    service, _, method = call.partition(".")
    code, reason, fields, _, text = failure(getattr(getattr(server, service), method), request_message)
    assert (code, reason, fields) == expected
    assert text
    for secret in ("/", "Traceback", "secret", "File "):
        assert secret not in text


def test_the_log_knows_an_internal_error_by_its_id(server):
    *_, text = failure(server.music.Generate, generate(theme="crash"))
    call_id = text.rpartition(" ")[2].rstrip(".")
    (failed,) = (r for r in server.records() if r.get("call_id") == call_id and r["level"] == "ERROR")
    incident = failed["exception"].split()[-1]
    (trace,) = (r for r in server.records() if r["logger"] == "triton" and f"incident {incident}" in r["message"])
    assert trace["level"] == "ERROR"
    assert "Traceback" in trace["message"]


def test_a_stream_of_an_algorithm_that_does_not_stream(server):
    request = generate_pb2.GenerateStreamRequest(request=generate())
    code, reason, *_ = failure(lambda: list(server.music.GenerateStream(request)))
    assert (code, reason) == ("UNIMPLEMENTED", "UNSUPPORTED")


@pytest.mark.parametrize("data", [b"\xff" * 50, b"\x0a\xff\x01", b"\x0a"])
def test_a_truncated_request_is_named(server, data):
    method = server.channel.unary_unary("/segue.v1.MusicService/Generate")
    code, reason, fields, _, _ = failure(method, data)
    assert (code, reason, fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["request"])


def test_a_payload_beyond_the_limit(server):
    with pytest.raises(grpc.RpcError) as caught:
        server.music.Generate(generate(image=bytes(100 << 20)), timeout=30)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    code, reason, fields, _, text = failure(server.music.Generate, generate(image=bytes(20 << 20)))
    assert (code, reason, fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["image"])
    assert "20,971,520 bytes" in text
