"""Models and algorithms as this server runs them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import ParseDict
from segue.plugin_api.algorithm import Algorithm
from segue.plugin_api.errors import FailedPrecondition, InternalError, NotFound
from segue.plugin_api.model_spec import ModelSpec
from segue.plugin_api.store import ModelStore
from segue.server.batching import Coalescer
from segue.server.plugins import LoadedPlugin
from segue.server.triton import Output, Triton, check_item
from segue.v1 import catalog_pb2, lineage_pb2


@dataclass(frozen=True)
class Provenance:
    """Where a version of a model comes from."""

    digest: str
    card: Mapping[str, Any]

    @property
    def data_licences(self) -> Sequence[str]:
        """Licences of the training data."""
        return sorted({str(source["licence"]) for source in self.card.get("data", [])})

    @property
    def non_commercial(self) -> bool:
        """True if the training data forbids commercial use."""
        return any(source.get("non_commercial") for source in self.card.get("data", []))


class ServedModel:
    """A model on Triton, behind its queue.

    Parameters
    ----------
    spec
        The model.
    triton
        The connection.
    store
        Where its versions are.

    Attributes
    ----------
    loaded
        The version that this process had loaded last; None if that failed, or Triton may have lost it.
    lock
        Held while it is being loaded, so that algorithms that share it load it once.
    """

    def __init__(self, spec: ModelSpec, triton: Triton, store: ModelStore) -> None:
        self.spec = spec
        self.loaded: int | None = None
        self.lock = asyncio.Lock()
        self._triton = triton
        self._store = store
        self._queue = Coalescer(self._send, spec.max_batch_size, spec.max_queue_size, spec.instances)
        self._provenance: dict[int, Provenance] = {}
        self._lineage: dict[int, lineage_pb2.ModelLineage] = {}

    async def infer(self, inputs: Mapping[str, Any], seconds: float) -> Output:
        """Run one item within some seconds; calls under way at once travel together."""
        output: Output = await self._queue.run(check_item(self.spec.inputs, inputs), seconds)
        return output

    def stream(self, inputs: Mapping[str, Any], seconds: float) -> AsyncIterator[Output]:
        """Run a streaming model on one item."""
        return self._triton.stream(self.spec, check_item(self.spec.inputs, inputs), seconds)

    async def _send(self, items: Sequence[Any], seconds: float) -> Sequence[Any]:
        return await self._triton.infer(self.spec, items, seconds)

    def provenance(self, version: int) -> Provenance:
        """Return digest and card of a version; empty ones for a version that this machine's store does not hold."""
        if version not in self._provenance:
            try:
                found = Provenance(self._store.digest(self.spec, version), self._store.card(self.spec, version))
            except NotFound:
                found = Provenance("", {})
            self._provenance[version] = found
        return self._provenance[version]

    def describe(self, *, card: bool) -> catalog_pb2.Model:
        """Return the model as the catalog shows it; of one whose files can't be read, no more than its versions."""
        versions = self._store.versions(self.spec)
        try:
            version = self._store.serving(self.spec) if versions else 0
            provenance = self.provenance(version)
        except FailedPrecondition:  # it says so when it is loaded
            version, provenance = 0, Provenance("", {})
        return catalog_pb2.Model(
            name=self.spec.name,
            version=version,
            versions=list(versions),
            digest=provenance.digest,
            data_licences=provenance.data_licences,
            non_commercial=provenance.non_commercial,
            card=ParseDict(dict(provenance.card), struct_pb2.Struct()) if card else None,
        )

    def lineage(self, version: int) -> lineage_pb2.ModelLineage:
        """Return a version's part in an answer."""
        if version not in self._lineage:
            provenance = self.provenance(version)
            self._lineage[version] = lineage_pb2.ModelLineage(
                name=self.spec.name,
                version=version,
                digest=provenance.digest,
                data_licences=provenance.data_licences,
                non_commercial=provenance.non_commercial,
            )
        return self._lineage[version]


@dataclass(eq=False)
class ServedAlgorithm:
    """An algorithm and how it is doing.

    Attributes
    ----------
    algorithm
        The algorithm.
    plugin
        The plugin that brought it.
    models
        Its models by name.
    state, cause
        Whether it answers, and why not.
    wake
        Set to have it probed now.
    """

    algorithm: Algorithm
    plugin: LoadedPlugin
    models: Mapping[str, ServedModel]
    state: catalog_pb2.AlgorithmState.ValueType = catalog_pb2.ALGORITHM_STATE_LOADING
    cause: str = ""
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """Name of the algorithm."""
        return self.algorithm.name


class CallModels:
    """The models of one call: shares out its time and remembers who took part (``plugin_api.Models``).

    Parameters
    ----------
    served
        The algorithm that is called.
    deadline
        ``time.monotonic()`` at which the call is over.
    """

    def __init__(self, served: ServedAlgorithm, deadline: float) -> None:
        self._served = served
        self._deadline = deadline
        self.used: dict[str, int] = {}

    async def infer(self, model: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Run a model on one item."""
        output = await self._model(model).infer(inputs, self._left())
        self.used[model] = output.version
        return output.tensors

    async def stream(self, model: str, inputs: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Run a streaming model on one item."""
        async for output in self._model(model).stream(inputs, self._left()):
            self.used[model] = output.version
            yield output.tensors

    def lineage(self) -> list[lineage_pb2.ModelLineage]:
        """Return the parts of the models that took part, in the algorithm's order."""
        return [model.lineage(self.used[name]) for name, model in self._served.models.items() if name in self.used]

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.001)

    def _model(self, name: str) -> ServedModel:
        if name not in self._served.models:
            raise InternalError(
                f"algorithm {self._served.name} has no model {name!r}; it has {list(self._served.models)}"
            )
        return self._served.models[name]
