"""Every line is one JSON object, or text; a call's line is the same whichever way it was written."""

import io
import json
import logging

import pytest
from segue.server.logs import JsonFormatter, TextFormatter, log_call

CALL = ("/segue.v1.MusicService/Analyze", "OK", 0.00125, "ab" * 16)


@pytest.fixture
def stream(monkeypatch):
    """Send the log of calls into memory: the root logger's first handler is the one that was set up."""
    handler = logging.StreamHandler(io.StringIO())
    monkeypatch.setattr(logging.root, "handlers", [handler])
    monkeypatch.setattr(logging.root, "level", logging.INFO)
    logging.getLogger("segue.calls").manager._clear_cache()
    yield handler
    logging.getLogger("segue.calls").manager._clear_cache()


def test_a_call_leaves_one_json_line(stream):
    stream.setFormatter(JsonFormatter())
    log_call(*CALL)
    logging.getLogger("segue.calls").info(
        "call", extra={"method": CALL[0], "reason": "OK", "ms": 1.25, "call_id": CALL[3]}
    )
    written, formatted = map(json.loads, stream.stream.getvalue().splitlines())
    assert list(written) == list(formatted)
    assert written | {"time": ""} == formatted | {"time": ""}
    assert len(written["time"]) == len("2000-01-01T00:00:00.000Z")


def test_a_call_leaves_one_line_for_people(stream):
    stream.setFormatter(TextFormatter())
    log_call(*CALL)
    assert f"INFO    call method={CALL[0]} reason=OK ms=1.25 call_id={CALL[3]}\n" in stream.stream.getvalue()


def test_a_quiet_log_is_quiet_and_a_closed_one_harms_nobody(stream, monkeypatch):
    stream.setFormatter(JsonFormatter())
    logging.getLogger("segue.calls").setLevel(logging.WARNING)
    try:
        log_call(*CALL)
        assert stream.stream.getvalue() == ""
    finally:
        logging.getLogger("segue.calls").setLevel(logging.NOTSET)
    stream.stream.close()
    log_call(*CALL)
