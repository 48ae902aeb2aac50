"""Triton or a model's process hangs while the first models load: it is noticed, and everything serves."""

import signal
import threading
import time

import psutil
import pytest
from segue.v1 import admin_pb2, generate_pb2

from .server import LOADING, READY, Server, alive, failure

HEALS = 20.0
"""Seconds within which it serves; the limit of sleep is two."""
REQUEST = generate_pb2.GenerateRequest(algorithm="drone", bars=1)


@pytest.fixture
def server(tmp_path, site):
    """A server with one small model, which starts in a thread of its own."""
    running = Server(tmp_path, site, SEGUE_PLUGINS='["drone"]', SEGUE_STALL_SECONDS="2")
    starting = threading.Thread(target=running.start)
    starting.start()
    yield running
    starting.join()
    running.stop()


@pytest.mark.parametrize("word", ["bin/tritonserver", "model.py"])
def test_triton_hangs_at_its_start(server, word):
    """Stopped are Triton, before it answers, and the first process of a model, before Python runs in it."""
    hung = stop_at_once(server, word)
    triton = server.triton().pid
    server.wait(lambda: server.states() == {"drone": LOADING})
    assert not server.serving("drone")
    code, reason, _, retry, _ = failure(server.music.Generate, REQUEST, timeout=5)
    assert (code, reason) == ("UNAVAILABLE", "ALGORITHM_UNAVAILABLE")
    assert retry > 0
    server.wait(lambda: server.states() == {"drone": READY}, HEALS)
    assert server.music.Generate(REQUEST, timeout=5).pieces
    assert not alive(hung)
    assert server.triton().pid != triton
    assert [record["pid"] for record in server.records() if record["message"] == "tritonserver hangs"] == [triton]
    assert "FAILING" not in server.log.read_text()


def stop_at_once(server, word):
    """Stop the first process with a word in its command as soon as it is there: it never does what it is for."""
    end = time.monotonic() + HEALS
    while time.monotonic() < end:
        for process in server.processes():
            try:
                if any(word in part for part in process.cmdline()):
                    process.send_signal(signal.SIGSTOP)
                    return process
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.005)
    raise AssertionError(f"no process with {word} within {HEALS} s")


def test_a_model_that_hangs_while_it_loads_is_loaded_again_and_others_do_not_notice(start, tmp_path):
    marker = tmp_path / "marker"
    server = start(SEGUE_PLUGINS='["drone","dying"]', SEGUE_STALL_SECONDS="2", MORTAL_HANGS_UNLESS_THERE=str(marker))
    server.wait(lambda: server.serving("mortal") and server.serving("drone"), HEALS)
    assert marker.exists()
    messages = [record["message"] for record in server.records()]
    assert messages.count("a model's process hangs") == 1
    assert "tritonserver hangs" not in messages
    assert "algorithm drone is FAILING" not in messages


def test_a_reload_that_hangs_fails_and_what_served_goes_on(start, tmp_path):
    marker = tmp_path / "marker"
    marker.touch()
    server = start(SEGUE_PLUGINS='["dying"]', SEGUE_LOAD_TIMEOUT_SECONDS="4", MORTAL_HANGS_UNLESS_THERE=str(marker))
    marker.unlink()
    code, reason, _, _, text = failure(
        server.admin.ReloadAlgorithm, admin_pb2.ReloadAlgorithmRequest(name="mortal"), timeout=10
    )
    assert (code, reason) == ("UNAVAILABLE", "ALGORITHM_UNAVAILABLE")
    assert "did not load within 4 s" in text
    assert marker.exists()
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert server.serving("mortal")
        assert server.music.Generate(generate_pb2.GenerateRequest(algorithm="mortal"), timeout=5).pieces
        time.sleep(0.2)
