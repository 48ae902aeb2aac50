"""An address that is kept is for who asks to share it, and for nobody else."""

import socket

import pytest
from segue.server.ports import hold, port_of


@pytest.fixture(params=["127.0.0.1", "localhost", "0.0.0.0"])
def kept(request):
    with hold(f"{request.param}:0") as held:
        yield held, f"{request.param}:{port_of(held)}"


def listening(place, *, share):
    other = socket.socket(socket.AF_INET6 if len(place) > 2 else socket.AF_INET)
    try:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
        other.bind(place)
        other.listen()
    except OSError:
        other.close()
        raise
    return other


def test_children_listen_there_and_no_other_server(kept):
    held, address = kept
    for _ in range(2):
        with pytest.raises(OSError, match="in use"):
            hold(address)
        with pytest.raises(OSError, match="in use"):
            listening(held.getsockname(), share=False)
        with (
            listening(held.getsockname(), share=True),
            listening(held.getsockname(), share=True),
            pytest.raises(OSError, match="in use"),
        ):
            hold(address)


def test_connections_that_linger_keep_nobody_from_the_address(kept):
    held, address = kept
    with listening(held.getsockname(), share=True) as server:
        caller = socket.create_connection(("localhost", port_of(held)))
        server.accept()[0].close()  # who closes first lingers
        caller.close()
    held.close()
    hold(address).close()
