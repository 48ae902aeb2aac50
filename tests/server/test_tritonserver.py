"""The port at which the embedded Triton is found."""

import socket

import pytest
from segue.server.tritonserver import TritonServer


async def test_while_triton_does_not_listen_its_port_is_nobody_elses(tmp_path):
    server = TritonServer(tmp_path, tmp_path)
    host, _, port = server.address.rpartition(":")
    with socket.socket() as other:
        with pytest.raises(OSError, match="in use"):
            other.bind((host, int(port)))
        await server.stop()
        other.bind((host, int(port)))
