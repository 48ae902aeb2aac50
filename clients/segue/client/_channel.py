"""How both clients connect: address, limits, keepalive, credentials and token."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import grpc
from segue.client._errors import InvalidField

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest message sent or received; gRPC's own default of 4 MiB is too small for audio."""

Metadata = tuple[tuple[str, str], ...]


def channel_options() -> list[tuple[str, str | int]]:
    """Return the gRPC arguments of every channel that the clients make."""
    return [
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        # A headless Kubernetes service resolves to every gateway; the default policy would stay with the first.
        ("grpc.lb_policy_name", "round_robin"),
        # Finds out that a peer vanished in the middle of a call.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Otherwise a retry within the first second would meet the failed connection again.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.primary_user_agent", f"segue-python/{version('segue')}"),
    ]


def checked_address(address: str) -> str:
    """Return a ``host:port`` or gRPC target unchanged, or raise InvalidField saying what an address looks like."""
    if "://" in address and not address.startswith(("dns://", "unix://")):
        raise InvalidField.at("address", f"{address!r} is a URL; write host:port, e.g. 127.0.0.1:8700")
    if not re.search(r":\d+$", address) and not address.startswith("unix:"):
        raise InvalidField.at("address", f"{address!r} names no port; write host:port, e.g. 127.0.0.1:8700")
    return address


def channel_credentials(
    *, secure: bool, root_certificates: str | Path | bytes | None, credentials: grpc.ChannelCredentials | None
) -> grpc.ChannelCredentials | None:
    """Return the credentials of a channel; None means plaintext."""
    if credentials is not None:
        return credentials
    if isinstance(root_certificates, str | Path):
        try:
            root_certificates = Path(root_certificates).read_bytes()
        except OSError as error:
            raise InvalidField.at("root_certificates", f"can't be read: {error}") from error
    if secure or root_certificates:
        return grpc.ssl_channel_credentials(root_certificates)
    return None


def call_metadata(token: str | None) -> Metadata:
    """Return the metadata of every call."""
    if token and not (token.isascii() and token.isprintable()):
        raise InvalidField.at("token", "has a character that is no printable ASCII; gRPC takes no other")
    return (("authorization", f"Bearer {token}"),) if token else ()
