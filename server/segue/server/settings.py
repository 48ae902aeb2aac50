"""Every setting of the server, in one frozen place.

Each field is read from the environment as ``SEGUE_<NAME>``; flags of ``segue serve`` win. The table in
``server/README.md`` is made from the docstrings below each field.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from segue.plugin_api.errors import FailedPrecondition

_ENDPOINT: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})")


def _endpoint(value: str) -> str:
    """Check a HOST:PORT; a larger port would be cut to 16 bits in silence."""
    match = _ENDPOINT.fullmatch(value)
    if value and (match is None or int(match[2]) > 65535):
        raise ValueError(f"is {value!r}, must be HOST:PORT with a port up to 65535, e.g. 127.0.0.1:8700")
    return value


Endpoint = Annotated[str, AfterValidator(_endpoint)]


def default_data_folder() -> Path:
    """Return the folder for models and plays of this user.

    Raises
    ------
    FailedPrecondition
        If this user has no home folder, as in a container that runs under any number.
    """
    try:
        return Path("~/.local/share/segue").expanduser()
    except RuntimeError:
        raise FailedPrecondition(
            "this user has no home folder for models and plays: name a folder in SEGUE_STORE"
        ) from None


class Settings(BaseSettings):
    """Settings of the server; units are in the names, defaults are safe."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_", frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    address: Endpoint = Field(default="127.0.0.1:8700", min_length=1)
    """HOST:PORT to serve at; port 0 picks a free one. Beyond loopback, give TLS files and an admin token."""

    triton: Endpoint = ""
    """HOST:PORT of a Triton (gRPC) that runs elsewhere; empty starts the embedded one."""

    store: Path = Field(default_factory=lambda: default_data_folder() / "store")
    """Folder of the model store."""

    workers: int = Field(default=1, ge=1, le=64)
    """Gateway processes that share the address."""

    commercial: bool = False
    """Refuse models trained on data that forbids commercial use."""

    default_algorithms: dict[Literal["recommend", "generate", "transfer", "analyze"], str] = Field(default_factory=dict)
    """Capability to the algorithm that answers calls naming none, as JSON; the shipped ones otherwise."""

    plugins: list[str] | None = None
    """Entry points to load, as JSON; absent loads all."""

    deadline_seconds: float = Field(default=60.0, gt=0, le=3600)
    """Longest a call may take, whatever deadline the caller sets; a stream of plays, between two of its messages."""

    max_message_bytes: int = Field(default=64 << 20, ge=1 << 16, le=1 << 30)
    """Largest message accepted or sent."""

    max_in_flight: int = Field(default=512, ge=1, le=100_000)
    """Calls under way in one worker; a further one is refused as overloaded."""

    max_connection_age_seconds: int = Field(default=0, ge=0)
    """Age at which a connection is closed gracefully, so that clients find new servers; 0 never closes one."""

    keepalive_seconds: float = Field(default=60.0, ge=1, le=86400)
    """Silence after which a client is asked whether it is there; closed if it says nothing for a third of that."""

    drain_seconds: float = Field(default=0.0, ge=0, le=3600)
    """On SIGTERM: how long to report NOT_SERVING while still answering, before new calls are refused."""

    stop_seconds: float = Field(default=30.0, ge=0, le=3600)
    """On SIGTERM: how long calls under way may take to finish after draining."""

    probe_seconds: float = Field(default=1.5, ge=0.1, le=3600)
    """Pause between two probes of an algorithm; stretched so that probing takes at most a fiftieth of the time."""

    probe_timeout_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """Longest a probe may take before its algorithm counts as failing."""

    load_timeout_seconds: float = Field(default=120.0, ge=1, le=3600)
    """Longest a model may take to load, once it is its turn; others may be before it."""

    stall_seconds: float = Field(default=30.0, ge=1, le=3600)
    """How long what loads or does not answer may sleep without using the processor, before it is started anew."""

    device: Literal["cpu", "gpu"] = "cpu"
    """Where the embedded Triton places model instances."""

    tls_certificate: Path | None = None
    """PEM file of the server's certificate chain; with tls_key, the server speaks TLS."""

    tls_key: Path | None = None
    """PEM file of the private key."""

    tls_client_ca: Path | None = None
    """PEM file of the authority that client certificates must come from (mutual TLS)."""

    admin_token: SecretStr | None = None
    """Bearer token that AdminService asks for; without one it answers on loopback alone."""

    database_url: str = ""
    """SQLAlchemy URL of the database of plays; empty means a SQLite file beside the store."""

    listener_key_file: Path | None = None
    """File with the secret that listener ids are hashed with; made beside the store if absent."""

    answers_ttl_seconds: float = Field(default=3600.0, gt=0, le=7 * 86400)
    """How long the answer to a request_id is kept."""

    answers_max_bytes: int = Field(default=256 << 20, ge=1 << 20)
    """Most bytes of kept answers, in all; the oldest go first."""

    metrics_address: Endpoint = ""
    """HOST:PORT to serve Prometheus metrics at; empty serves none. Of several workers, each takes the next port."""

    health_address: Endpoint = ""
    """HOST:PORT to serve grpc.health.v1 alone at, without TLS, for probes that speak none; empty serves none."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least important level that is logged."""

    log_format: Literal["json", "text"] = "json"
    """One JSON object a line for machines, or text for people."""
