"""AdminService: moves models and traffic without a lost request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segue.plugin_api.errors import InvalidField, NotFound
from segue.plugin_api.store import ModelStore
from segue.server.catalog import describe
from segue.server.desired import DesiredFile, TrafficRule
from segue.server.fleet import VERBS, Fleet
from segue.server.routing import Router
from segue.server.served import ServedModel
from segue.v1 import admin_pb2, admin_pb2_grpc, catalog_pb2


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Answers AdminService.

    Parameters
    ----------
    fleet, router, store, desired
        What is moved.
    drain
        Starts to drain the server and returns the number of calls under way.
    """

    def __init__(
        self, fleet: Fleet, router: Router, store: ModelStore, desired: DesiredFile, drain: Callable[[], int]
    ) -> None:
        self._fleet = fleet
        self._router = router
        self._store = store
        self._desired = desired
        self._drain = drain

    def _describe(self, name: str) -> catalog_pb2.Algorithm:
        return describe(self._fleet.find(name), self._router, full=False)

    async def LoadAlgorithm(  # noqa: N802, D102
        self, request: admin_pb2.LoadAlgorithmRequest, context: Any
    ) -> admin_pb2.LoadAlgorithmResponse:
        await self._fleet.load(self._fleet.find(request.name))
        return admin_pb2.LoadAlgorithmResponse(algorithm=self._describe(request.name))

    async def UnloadAlgorithm(  # noqa: N802, D102
        self, request: admin_pb2.UnloadAlgorithmRequest, context: Any
    ) -> admin_pb2.UnloadAlgorithmResponse:
        await self._fleet.unload(self._fleet.find(request.name))
        return admin_pb2.UnloadAlgorithmResponse(algorithm=self._describe(request.name))

    async def ReloadAlgorithm(  # noqa: N802, D102
        self, request: admin_pb2.ReloadAlgorithmRequest, context: Any
    ) -> admin_pb2.ReloadAlgorithmResponse:
        await self._fleet.load(self._fleet.find(request.name))
        return admin_pb2.ReloadAlgorithmResponse(algorithm=self._describe(request.name))

    async def PromoteModel(  # noqa: N802, D102
        self, request: admin_pb2.PromoteModelRequest, context: Any
    ) -> admin_pb2.PromoteModelResponse:
        model = self._model(request.model)
        version = request.version or max(self._store.versions(model.spec), default=0)
        self._store.path(model.spec, version)
        await self._fleet.switch(model, lambda: self._store.promote(model.spec, version))
        return admin_pb2.PromoteModelResponse(model=model.describe(card=False))

    async def RollBackModel(  # noqa: N802, D102
        self, request: admin_pb2.RollBackModelRequest, context: Any
    ) -> admin_pb2.RollBackModelResponse:
        model = self._model(request.model)
        await self._fleet.switch(model, lambda: self._store.roll_back(model.spec))
        return admin_pb2.RollBackModelResponse(model=model.describe(card=False))

    def _model(self, name: str) -> ServedModel:
        if name not in self._fleet.models:
            raise NotFound(f"no model {name!r}; there are: {', '.join(sorted(self._fleet.models)) or 'none'}")
        return self._fleet.models[name]

    async def SetTraffic(  # noqa: N802, D102
        self, request: admin_pb2.SetTrafficRequest, context: Any
    ) -> admin_pb2.SetTrafficResponse:
        traffic = request.traffic
        for field, name in [
            *((f"traffic.shares[{i}].algorithm", share.algorithm) for i, share in enumerate(traffic.shares)),
            *([("traffic.shadow", traffic.shadow)] if traffic.shadow else []),
        ]:
            served = self._fleet.algorithms.get(name)
            if served is None or served.algorithm.capability != traffic.capability:
                raise InvalidField(field, f"is {name!r}, which is no algorithm that can {VERBS[traffic.capability]}")
        shares = {share.algorithm: share.weight for share in traffic.shares}
        if not sum(shares.values()):
            raise InvalidField("traffic.shares", "have no weight at all; at least one must be above 0")
        with self._desired.change() as desired:
            desired.traffic[VERBS[traffic.capability]] = TrafficRule(shares=shares, shadow=traffic.shadow)
        return admin_pb2.SetTrafficResponse(traffic=self._traffic())

    async def GetTraffic(  # noqa: N802, D102
        self, request: admin_pb2.GetTrafficRequest, context: Any
    ) -> admin_pb2.GetTrafficResponse:
        return admin_pb2.GetTrafficResponse(traffic=self._traffic())

    def _traffic(self) -> list[admin_pb2.Traffic]:
        capabilities = {verb: capability for capability, verb in VERBS.items()}
        return [
            admin_pb2.Traffic(
                capability=capabilities[verb],
                shares=[admin_pb2.TrafficShare(algorithm=name, weight=weight) for name, weight in rule.shares.items()],
                shadow=rule.shadow,
            )
            for verb, rule in sorted(self._desired.state.traffic.items())
        ]

    async def Drain(self, request: admin_pb2.DrainRequest, context: Any) -> admin_pb2.DrainResponse:  # noqa: N802, D102
        return admin_pb2.DrainResponse(in_flight=self._drain())
