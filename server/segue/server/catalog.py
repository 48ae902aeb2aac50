"""CatalogService: what this server can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segue.server.entry import catalog_entry
from segue.server.fleet import Fleet
from segue.server.plugins import LoadedPlugin
from segue.server.routing import Router
from segue.server.served import ServedAlgorithm
from segue.v1 import catalog_pb2, catalog_pb2_grpc


def describe(served: ServedAlgorithm, router: Router, *, full: bool) -> catalog_pb2.Algorithm:
    """Return an algorithm as the catalog shows it; schema and model cards only if in full."""
    entry = catalog_entry(served.algorithm, full=full)
    entry.state, entry.cause = served.state, served.cause
    entry.is_default = router.is_default(served)
    entry.plugin = served.plugin.distribution
    entry.models.extend(model.describe(card=full) for model in served.models.values())
    return entry


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Answers CatalogService.

    Parameters
    ----------
    fleet, router, plugins
        What there is.
    """

    def __init__(self, fleet: Fleet, router: Router, plugins: Sequence[LoadedPlugin]) -> None:
        self._fleet = fleet
        self._router = router
        self._plugins = plugins

    async def ListAlgorithms(  # noqa: N802, D102
        self, request: catalog_pb2.ListAlgorithmsRequest, context: Any
    ) -> catalog_pb2.ListAlgorithmsResponse:
        wanted = [
            served
            for served in self._fleet.algorithms.values()
            if request.capability in (catalog_pb2.CAPABILITY_UNSPECIFIED, served.algorithm.capability)
        ]
        wanted.sort(key=lambda served: (served.algorithm.capability, served.name))
        return catalog_pb2.ListAlgorithmsResponse(
            algorithms=[describe(served, self._router, full=False) for served in wanted]
        )

    async def GetAlgorithm(  # noqa: N802, D102
        self, request: catalog_pb2.GetAlgorithmRequest, context: Any
    ) -> catalog_pb2.GetAlgorithmResponse:
        served = self._fleet.find(request.name)
        return catalog_pb2.GetAlgorithmResponse(algorithm=describe(served, self._router, full=True))

    async def ListPlugins(  # noqa: N802, D102
        self, request: catalog_pb2.ListPluginsRequest, context: Any
    ) -> catalog_pb2.ListPluginsResponse:
        return catalog_pb2.ListPluginsResponse(
            plugins=[
                catalog_pb2.Plugin(
                    name=plugin.name,
                    distribution=plugin.distribution,
                    quarantined=bool(plugin.cause),
                    cause=plugin.cause,
                    algorithms=[algorithm.name for algorithm in plugin.algorithms],
                )
                for plugin in sorted(self._plugins, key=lambda plugin: plugin.name)
            ]
        )
