"""Both clients: addresses, TLS and channels, and who answers there."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from segue.client import AsyncClient, Client, ConnectionFailed, DeadlineExceeded, InvalidField, RetryPolicy
from segue.v1 import catalog_pb2_grpc

HERE = Path(__file__).parent


async def test_nothing_at_the_address(unused_address):
    with (
        Client(unused_address, retry=RetryPolicy(attempts=2, first_pause_seconds=0.01)) as client,
        pytest.raises(ConnectionFailed, match=f"nothing answers at {unused_address}"),
    ):
        client.plugins()


async def test_a_retry_meets_a_server_that_has_just_come_up(unused_address, server):
    """The channel's own back-off must not outlast the retries."""
    with Client(unused_address, retry=RetryPolicy(attempts=8)) as client:
        with pytest.raises((ConnectionFailed, DeadlineExceeded)):  # whichever comes first
            client.plugins(timeout=0.3)
        late = grpc.server(ThreadPoolExecutor(1))
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(server[0], late)
        late.add_insecure_port(unused_address)
        late.start()
        try:
            assert client.plugins(timeout=60)
        finally:
            late.stop(0).wait()


@pytest.fixture
def unused_address():
    """Where nothing listens, and nobody will but a server that the test starts: gRPC's may share a port."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "right"), [("http://localhost:8700", "is a URL"), ("localhost", "names no port"), ("", "names no port")]
)
def test_addresses_are_checked(address, right):
    with pytest.raises(InvalidField, match=right):
        Client(address)


def test_certificates_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InvalidField, match="root_certificates"):
        Client("a:1", root_certificates=tmp_path / "none.pem")


@pytest.mark.parametrize("token", ["line\nbreak", "schlüssel"])
def test_a_token_that_can_not_be_sent_is_named(token):
    with pytest.raises(InvalidField, match="token"):
        Client("a:1", token=token)


def test_what_speaks_no_grpc_is_told():
    def answer(listener):
        with listener.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)
            while connection.recv(4096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        pool.submit(answer, listener)
        with (
            Client(address, retry=RetryPolicy(attempts=1), timeout=10) as client,
            pytest.raises(ConnectionFailed, match="speaks no gRPC"),
        ):
            client.plugins()


def test_plaintext_server_is_told_from_tls(address):
    with (
        Client(address, secure=True, retry=RetryPolicy(attempts=1)) as client,
        pytest.raises(ConnectionFailed, match="TLS handshake"),
    ):
        client.plugins(timeout=5)


@pytest.fixture
def tls_address(server):
    """The fake behind TLS, with a certificate of its own."""
    key, certificate = ((HERE / f"localhost-{part}.pem").read_bytes() for part in ("key", "certificate"))
    served = grpc.server(ThreadPoolExecutor(2))
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(server[0], served)
    port = served.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    served.start()
    yield f"127.0.0.1:{port}"
    served.stop(0).wait()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_tls(tls_address, kind):
    certificate = HERE / "localhost-certificate.pem"
    for settings in (
        {"root_certificates": certificate},
        {"root_certificates": certificate.read_bytes()},
        {"credentials": grpc.ssl_channel_credentials(certificate.read_bytes())},
    ):
        client = kind(tls_address, **settings)
        plugins = client.plugins()
        assert await plugins if kind is AsyncClient else plugins
        if kind is AsyncClient:
            await client.close()
        else:
            client.close()


@pytest.mark.parametrize(("settings", "error"), [({"secure": True}, "TLS handshake"), ({}, "must use TLS too")])
def test_a_tls_server_says_what_it_needs(tls_address, settings, error):
    with (
        Client(tls_address, retry=RetryPolicy(attempts=1), **settings) as client,
        pytest.raises(ConnectionFailed, match=error),
    ):
        client.plugins(timeout=5)


def test_a_channel_can_be_passed_in_and_stays_open(address, fake):
    with grpc.insecure_channel(address) as channel:
        with Client(channel=channel) as client:
            client.plugins()
        with Client(channel=channel) as client:
            client.plugins()
