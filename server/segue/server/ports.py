"""Addresses that are kept for a child to listen at.

A port that was found free and let go may be another's by the time a child listens, and is so again while the child is
down. And whoever shares an address with its children, as workers do, shares it with the children of others unawares.
"""

from __future__ import annotations

import socket


def hold(address: str) -> socket.socket:
    """Keep an address until the socket returned is closed; who sets SO_REUSEPORT, as a child does, can listen there.

    Parameters
    ----------
    address
        HOST:PORT; port 0 picks a free one.

    Raises
    ------
    OSError
        If there is no such address, or another keeps it or listens there.
    """
    host, _, port = address.rpartition(":")
    family, kind, _, _, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    held = socket.socket(family, kind)
    try:
        # Connections that a server before has closed may linger.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(place)
    except OSError:
        held.close()
        raise
    # Only now: it was to be nobody's, and now it is ours to share.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return held


def port_of(held: socket.socket) -> int:
    """Return the port that a socket keeps."""
    return int(held.getsockname()[1])


def free_port() -> int:
    """Return a loopback port that nobody listens at."""
    with hold("127.0.0.1:0") as held:
        return port_of(held)
