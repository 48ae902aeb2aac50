"""The calls of CatalogService. What the answer wraps is returned itself."""

from __future__ import annotations

from segue.client._calls._call import Call, build
from segue.client._parse import enum_number
from segue.v1.catalog_pb2 import (
    Algorithm,
    Capability,
    GetAlgorithmRequest,
    ListAlgorithmsRequest,
    ListPluginsRequest,
    Plugin,
)
from segue.v1.catalog_pb2_grpc import CatalogServiceStub


def algorithms(*, capability: str | int = "", timeout: float | None = None) -> Call[list[Algorithm]]:
    """List algorithms, by capability and name, without schemas and model cards.

    Parameters
    ----------
    capability
        Only those that "recommend", "generate", "transfer" or "analyze"; empty means all.
    timeout
        Seconds for the call with all its retries; by default the client's, or 10.
    """
    number = enum_number(Capability, capability, "capability") if capability else None
    request = build(ListAlgorithmsRequest, capability=number)
    return Call(CatalogServiceStub, "ListAlgorithms", request, lambda r: list(r.algorithms), timeout, 10.0)


def algorithm(name: str, *, timeout: float | None = None) -> Call[Algorithm]:
    """Describe one algorithm in full: options, limits, licence, models with their cards."""
    request = build(GetAlgorithmRequest, name=name)
    return Call(CatalogServiceStub, "GetAlgorithm", request, lambda r: r.algorithm, timeout, 10.0)


def plugins(*, timeout: float | None = None) -> Call[list[Plugin]]:
    """List plugins, quarantined ones with their cause."""
    return Call(CatalogServiceStub, "ListPlugins", ListPluginsRequest(), lambda r: list(r.plugins), timeout, 10.0)
