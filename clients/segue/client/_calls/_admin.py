"""The calls of AdminService. What the answer wraps is returned itself."""

from __future__ import annotations

from collections.abc import Mapping

from segue.client._calls._call import Call, build
from segue.client._parse import enum_number
from segue.v1 import admin_pb2 as pb
from segue.v1.admin_pb2_grpc import AdminServiceStub
from segue.v1.catalog_pb2 import Algorithm, Capability, Model

_LOAD_SECONDS = 300.0


def load(name: str, *, timeout: float | None = None) -> Call[Algorithm]:
    """Load an algorithm's models and let it serve once its probe answers."""
    request = build(pb.LoadAlgorithmRequest, name=name)
    return Call(AdminServiceStub, "LoadAlgorithm", request, lambda r: r.algorithm, timeout, _LOAD_SECONDS)


def unload(name: str, *, timeout: float | None = None) -> Call[Algorithm]:
    """Take an algorithm out of service and unload its models."""
    request = build(pb.UnloadAlgorithmRequest, name=name)
    return Call(AdminServiceStub, "UnloadAlgorithm", request, lambda r: r.algorithm, timeout, _LOAD_SECONDS)


def reload(name: str, *, timeout: float | None = None) -> Call[Algorithm]:
    """Reload an algorithm's models from the store; the old ones serve until the new ones do."""
    request = build(pb.ReloadAlgorithmRequest, name=name)
    return Call(AdminServiceStub, "ReloadAlgorithm", request, lambda r: r.algorithm, timeout, _LOAD_SECONDS)


def promote(model: str, *, version: int = 0, timeout: float | None = None) -> Call[Model]:
    """Make a version of a model the one that serves; 0 means the highest in the store."""
    request = build(pb.PromoteModelRequest, model=model, version=version)
    return Call(AdminServiceStub, "PromoteModel", request, lambda r: r.model, timeout, _LOAD_SECONDS)


def roll_back(model: str, *, timeout: float | None = None) -> Call[Model]:
    """Go back to the version that served before the last promotion. Never tried twice: that would go back twice."""
    request = build(pb.RollBackModelRequest, model=model)
    return Call(AdminServiceStub, "RollBackModel", request, lambda r: r.model, timeout, _LOAD_SECONDS, retriable=False)


def set_traffic(
    capability: str | int, shares: str | Mapping[str, float], *, shadow: str = "", timeout: float | None = None
) -> Call[list[pb.Traffic]]:
    """Set who answers calls of a capability that name no algorithm.

    Parameters
    ----------
    capability
        "recommend", "generate", "transfer" or "analyze".
    shares
        The default algorithm by name, or algorithms and their weights, e.g. ``{"ials": 9, "ease": 1}``.
    shadow
        An algorithm that gets a copy of every call and whose answer is thrown away.
    timeout
        Seconds for the call with all its retries; by default the client's, or 30.

    Returns
    -------
    list of Traffic
        The rules of every capability afterwards.
    """
    weights = {shares: 1.0} if isinstance(shares, str) else shares
    traffic = build(
        pb.Traffic,
        capability=enum_number(Capability, capability, "capability"),
        shares=[build(pb.TrafficShare, algorithm=name, weight=weight) for name, weight in weights.items()],
        shadow=shadow,
    )
    request = build(pb.SetTrafficRequest, traffic=traffic)
    return Call(AdminServiceStub, "SetTraffic", request, lambda r: list(r.traffic), timeout, 30.0)


def get_traffic(*, timeout: float | None = None) -> Call[list[pb.Traffic]]:
    """Read the traffic rules of every capability."""
    return Call(AdminServiceStub, "GetTraffic", pb.GetTrafficRequest(), lambda r: list(r.traffic), timeout, 10.0)


def drain(*, timeout: float | None = None) -> Call[int]:
    """Stop taking calls, finish those under way, report NOT_SERVING. Returns the number of calls under way."""
    return Call(AdminServiceStub, "Drain", pb.DrainRequest(), lambda r: int(r.in_flight), timeout, 60.0)
