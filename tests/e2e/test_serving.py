"""Ways to serve: an address that is taken, several workers, commercial use, a client with nothing but the SDK."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from segue.server.leftovers import SHARED_MEMORY
from segue.v1 import admin_pb2, catalog_pb2, generate_pb2

from .server import READY, Server, alive, failure

ROOT = Path(__file__).parents[2]
FEW = {"SEGUE_PLUGINS": '["drone"]'}


def test_every_line_that_a_quiet_server_writes_for_machines_is_json_and_no_alarm(start):
    server = start(SEGUE_PLUGINS="[]")
    server.stop()
    records = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert len(records) > 1
    assert {record["level"] for record in records} == {"INFO"}, records


def test_a_client_that_fell_silent_is_let_go(start):
    server = start(SEGUE_PLUGINS="[]", SEGUE_KEEPALIVE_SECONDS="1")
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    for said in (b"", greeting[:9], greeting):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as silent:
            silent.sendall(said)
            while silent.recv(1 << 16):  # settings, a ping that nobody answers; then the end
                pass
    assert server.states() == {}


def test_an_address_that_is_taken_is_named(server, tmp_path):
    second = Server(tmp_path, **FEW)
    command = [*second._command[:5], server.address]
    result = subprocess.run(command, env=second._environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert f"can't listen at {server.address}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"SEGUE_DATABASE_URL": "nonsense"}, "database_url is no URL"),
        ({"SEGUE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "the database can't be used"),
        ({"SEGUE_METRICS_ADDRESS": "192.0.2.1:1"}, "can't serve metrics at 192.0.2.1:1"),
        ({"SEGUE_HEALTH_ADDRESS": "192.0.2.1:1"}, "can't serve health at 192.0.2.1:1"),
        ({"SEGUE_LISTENER_KEY_FILE": __file__}, "is not the key"),
        ({"SEGUE_TLS_CERTIFICATE": __file__, "SEGUE_TLS_KEY": __file__}, "no PEM files"),
    ],
)
def test_why_it_can_not_start_is_one_sentence(tmp_path, setting, text):
    store = tmp_path / "what? [/red] # store" / "store"
    first = Server(tmp_path, SEGUE_STORE=str(store), SEGUE_PLUGINS="[]")
    if "SEGUE_LISTENER_KEY_FILE" in setting:
        first.start()
        first.stop()
        assert (store.parent / "plays.db").is_file()
    environment = first._environment | setting
    result = subprocess.run(first._command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert text in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_a_health_address_is_not_shared_with_another_server(tmp_path):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        server = Server(tmp_path, SEGUE_PLUGINS="[]", SEGUE_HEALTH_ADDRESS=address)
        result = subprocess.run(server._command, env=server._environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert f"can't serve health at {address}" in result.stderr


@pytest.mark.parametrize("setting", [{"SEGUE_WORKERS": "0"}, {"SEGUE_ADDRESS": "nonsense"}, {"SEGUE_DEVICE": "tpu"}])
def test_a_wrong_setting_is_named(tmp_path, setting):
    server = Server(tmp_path)
    command = [c for c in server._command if c not in ("--address", server.address)]
    environment = server._environment | setting
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert next(iter(setting)) in result.stderr
    assert "Traceback" not in result.stderr


def test_several_workers_share_one_address_and_one_triton(start):
    server = start("--workers", "2", **FEW)
    names = [process.name() for process in server.processes()]
    assert names.count("tritonserver") == 1
    with ThreadPoolExecutor(8) as pool:
        request = generate_pb2.GenerateRequest(algorithm="drone")
        assert all(pool.map(lambda _: server.music.Generate(request, wait_for_ready=True).pieces, range(50)))
    below = server.processes()
    assert server.stop() == 0
    assert not [process for process in below if alive(process)]


def test_a_gateway_that_is_killed_takes_its_triton_along(start):
    server = start(**FEW)
    below = server.processes()
    assert len(below) > 2
    server.process.kill()
    server.process.wait()
    server.process = None
    psutil.wait_procs(below, timeout=15)
    assert not [process for process in below if alive(process)]


def test_workers_that_can_not_start_end_the_server(tmp_path):
    server = Server(tmp_path, None, "--workers", "2", SEGUE_PLUGINS="[]")
    environment = server._environment | {"SEGUE_DATABASE_URL": "nonsense"}
    result = subprocess.run(server._command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "worker can't start: database_url is no URL" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_a_killed_gateway_leaves_is_removed_by_the_next(start):
    server = start(**FEW)
    pattern = f"segue_{server.process.pid}_*"
    server.process.kill()
    server.process.wait()
    server.process = None
    assert list(SHARED_MEMORY.glob(pattern))
    start(**FEW)
    assert not list(SHARED_MEMORY.glob(pattern))


def test_a_commercial_server_refuses_non_commercial_models(start):
    server = start("--commercial", SEGUE_PLUGINS='["drone","recommend"]')
    ials = server.catalog.GetAlgorithm(catalog_pb2.GetAlgorithmRequest(name="ials")).algorithm
    assert ials.state == catalog_pb2.ALGORITHM_STATE_REFUSED
    assert "non-commercial data" in ials.cause
    assert server.states()["drone"] == READY


def test_reflection_lists_every_service(server):
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    reply = next(stub.ServerReflectionInfo(iter([request])))
    names = {service.name for service in reply.list_services_response.service}
    assert {"segue.v1.MusicService", "segue.v1.CatalogService", "grpc.health.v1.Health"} <= names


def test_grpcurl_calls_through_reflection(server):
    command = [Path(sys.executable).parent / "grpcurl", "-plaintext", "-d", '{"algorithm": "drone", "bars": 2}']
    result = subprocess.run(
        [*command, server.address, "segue.v1.MusicService/Generate"], capture_output=True, text=True, timeout=30
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["pieces"][0]["bars"] == 2


def test_the_light_client_alone_makes_all_four_calls(server, tmp_path):
    """``pip install .`` into an empty environment: no torch, no tritonclient, no numpy."""
    environment, uv = tmp_path / "light", Path(sys.executable).parent / "uv"
    python = environment / "bin" / "python"
    settings = os.environ | {"UV_LINK_MODE": "copy"}
    constraints = ["--constraint", ROOT / "constraints.txt"]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True, env=settings)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", python, *constraints, ROOT], check=True, env=settings, timeout=180
    )
    script = (Path(__file__).parent / "light_client.py").read_text()
    result = subprocess.run(
        [python, "-I", "-c", script, server.address], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["recommend", "generate", "transfer", "analyze"]


def test_admin_needs_its_token(start):
    server = start(SEGUE_ADMIN_TOKEN="s3cret", **FEW)
    request = admin_pb2.GetTrafficRequest()
    code, reason, *_ = failure(server.admin.GetTraffic, request)
    assert (code, reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    failure(server.admin.GetTraffic, request, metadata=[("authorization", "Bearer wrong")])
    failure(server.admin.GetTraffic, request, metadata=[("authorization", "Bearer s3cret ")])
    server.admin.GetTraffic(request, metadata=[("authorization", "Bearer s3cret")])
    below = server.processes()[1:]
    assert any(process.name() == "tritonserver" for process in below)
    assert not [process for process in below if "SEGUE_ADMIN_TOKEN" in process.environ()]
