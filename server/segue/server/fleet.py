"""Keeps every algorithm's models loaded and its state truthful.

Triton's own readiness is not believed: a model whose process died stays "ready" (triton-inference-server/server#7230).
An algorithm is READY only while its probe - a real request through the real path, whose values are looked at - gives a
right answer; one that fails is healed by loading, then by unloading and loading.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final

from segue.plugin_api.algorithm import Algorithm, Call
from segue.plugin_api.errors import (
    AlgorithmUnavailable,
    FailedPrecondition,
    ModelServerUnavailable,
    NotFound,
    SegueError,
)
from segue.plugin_api.store import ModelStore
from segue.server.desired import DesiredFile
from segue.server.errors import without_folders
from segue.server.options import parse_options
from segue.server.plugins import LoadedPlugin
from segue.server.repository import write_model
from segue.server.served import CallModels, ServedAlgorithm, ServedModel
from segue.server.settings import Settings
from segue.server.triton import Triton
from segue.v1 import catalog_pb2, listening_pb2

log = logging.getLogger(__name__)

LOADING: Final = catalog_pb2.ALGORITHM_STATE_LOADING
READY: Final = catalog_pb2.ALGORITHM_STATE_READY
FAILING: Final = catalog_pb2.ALGORITHM_STATE_FAILING
UNLOADED: Final = catalog_pb2.ALGORITHM_STATE_UNLOADED
REFUSED: Final = catalog_pb2.ALGORITHM_STATE_REFUSED
VERBS: Final = {
    catalog_pb2.CAPABILITY_RECOMMEND: "recommend",
    catalog_pb2.CAPABILITY_GENERATE: "generate",
    catalog_pb2.CAPABILITY_TRANSFER: "transfer",
    catalog_pb2.CAPABILITY_ANALYZE: "analyze",
}
_LONGEST_PAUSE: Final = 30.0
_PROBE_SHARE: Final = 50
"""A probe that took t seconds is repeated after 50 t at the earliest."""


class Fleet:
    """All algorithms and their models.

    Parameters
    ----------
    settings
        The server's settings.
    plugins
        What was loaded.
    triton, store
        Where models run, and where their versions are.
    repository
        Folder of Triton's model repository; None if somebody else looks after it.
    desired
        What operators asked for.
    manage
        Load and heal models; of several gateway processes before one Triton, one does.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Iterable[LoadedPlugin],
        triton: Triton,
        store: ModelStore,
        repository: Path | None,
        desired: DesiredFile,
        *,
        manage: bool = True,
    ) -> None:
        self._settings = settings
        self._triton = triton
        self._store = store
        self._repository = repository
        self._desired = desired
        self._manage = manage
        self._tasks: list[asyncio.Task[None]] = []
        self._switching: set[ServedModel] = set()
        self._changed = asyncio.Event()
        self.on_change: Callable[[ServedAlgorithm], None] = lambda _: None
        self.models: dict[str, ServedModel] = {}
        self.algorithms: dict[str, ServedAlgorithm] = {}
        for plugin in plugins:
            for algorithm in plugin.algorithms:
                self.algorithms[algorithm.name] = self._serve(algorithm, plugin)

    def _serve(self, algorithm: Algorithm, plugin: LoadedPlugin) -> ServedAlgorithm:
        for spec in algorithm.models:
            self.models.setdefault(spec.name, ServedModel(spec, self._triton, self._store))
        return ServedAlgorithm(algorithm, plugin, {spec.name: self.models[spec.name] for spec in algorithm.models})

    async def start(self) -> None:
        """Begin to load and probe; returns at once."""
        self._tasks = [asyncio.create_task(self._keep(served)) for served in self.algorithms.values()]
        self._tasks.append(asyncio.create_task(self._watch_connection()))

    async def stop(self) -> None:
        """Stop probing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self, seconds: float) -> None:
        """Wait until no algorithm is loading, for some seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(served.state == LOADING for served in self.algorithms.values()):
                    self._changed.clear()
                    await self._changed.wait()

    def suspect(self, served: ServedAlgorithm) -> None:
        """Have an algorithm probed now, because a call of it failed in a way that a healthy one does not."""
        served.wake.set()

    async def load(self, served: ServedAlgorithm) -> None:
        """Load, or reload, an algorithm's models and probe it; what served goes on where that fails.

        Raises
        ------
        SegueError
            Why it does not serve.
        """
        with self._desired.change() as desired:
            desired.unloaded.discard(served.name)
        if served.state == UNLOADED:
            self._set(served, LOADING)
        try:
            await self._load_models(served, anew=True)
            await self._probe(served)
            self._set(served, READY)
        finally:
            served.wake.set()

    async def unload(self, served: ServedAlgorithm) -> None:
        """Take an algorithm out of service; its models are unloaded once the calls under way are done."""
        with self._desired.change() as desired:
            desired.unloaded.add(served.name)
        await self._unload(served)

    async def switch(self, model: ServedModel, change: Callable[[], Any]) -> None:
        """Change which version of a model serves; the old one serves until the new one does, and on if it fails.

        Parameters
        ----------
        model
            The model.
        change
            Changes the store.
        """
        if self._repository is None:
            raise FailedPrecondition("the model repository belongs to the Triton that runs elsewhere; change it there")
        before = self._store.serving(model.spec)
        change()
        self._switching.add(model)
        try:
            await self._load_model(model)
            for served in self._users(model):
                await self._probe(served)
        except (SegueError, TimeoutError, ValueError) as error:
            failed = self._store.serving(model.spec)
            self._store.promote(model.spec, before)
            model.loaded = None
            text = f"version {failed} of model {model.spec.name} does not serve: {_cause(error)}; version {before}"
            try:
                await self._load_model(model)
            except (SegueError, ValueError) as again:
                raise FailedPrecondition(f"{text} neither: {_cause(again)}") from error
            raise FailedPrecondition(f"{text} goes on") from error
        finally:
            self._switching.discard(model)
        for served in self._users(model):
            self._set(served, READY)

    def _users(self, model: ServedModel) -> list[ServedAlgorithm]:
        return [
            served
            for served in self.algorithms.values()
            if model in served.models.values() and served.state not in (UNLOADED, REFUSED)
        ]

    async def _keep(self, served: ServedAlgorithm) -> None:
        """Load an algorithm, probe it, heal it, for ever."""
        failures = 0
        patience = time.monotonic() + self._settings.load_timeout_seconds  # a model server may need time to start
        loaded = not self._manage or self._repository is None  # a Triton elsewhere may have it loaded already
        while True:
            served.wake.clear()
            self._desired.refresh()
            started = time.monotonic()
            try:
                if served.name in self._desired.state.unloaded:
                    if served.state != UNLOADED:
                        await self._unload(served)
                elif refusal := self._refusal(served):
                    self._set(served, REFUSED, refusal)
                else:
                    if self._manage and failures > 1 and await self._triton.live(1.0):
                        await self._unload_models(served, but=self._switching)
                    if not loaded or self._promoted(served):
                        await self._load_models(served)
                    await self._probe(served)
                    self._set(served, READY)
                    loaded, failures = True, 0
            except Exception as error:  # whatever a plugin raises is its cause
                loaded = not self._manage
                self._forget(self._own_models(served))
                starting = served.state == LOADING and time.monotonic() < patience and self._awaited(error)
                failures += not (starting or isinstance(error, ModelServerUnavailable))
                if not starting:
                    self._set(served, FAILING, _cause(error))
            pause = max(self._settings.probe_seconds, _PROBE_SHARE * (time.monotonic() - started))
            if served.state in (FAILING, LOADING):
                pause = min(0.5 * 2**failures, _LONGEST_PAUSE) * random.uniform(0.8, 1.2)
            try:
                await asyncio.wait_for(served.wake.wait(), min(pause, _LONGEST_PAUSE))
            except TimeoutError:
                continue

    def _awaited(self, error: Exception) -> bool:
        """Say whether an error at the start only means: the model server, or the process that loads, is not done."""
        others = ModelServerUnavailable if self._manage else (ModelServerUnavailable, AlgorithmUnavailable)
        return isinstance(error, others)

    async def _watch_connection(self) -> None:
        """Mark what was ready as failing the moment the model server goes; what is loading goes on to be."""
        while True:
            await self._triton.lost()
            for served in self.algorithms.values():
                self._forget(served.models.values())
                if served.state == READY:
                    self._set(served, FAILING, "the model server went away")
                served.wake.set()

    def _promoted(self, served: ServedAlgorithm) -> bool:
        """Say whether the store wants another version than the one loaded: promoted here or by another process."""
        return (
            self._manage
            and self._repository is not None
            and any(model.loaded != self._store.serving(model.spec) for model in served.models.values())
        )

    def _refusal(self, served: ServedAlgorithm) -> str:
        if not self._settings.commercial:
            return ""
        for model in served.models.values():
            provenance = model.provenance(self._store.serving(model.spec))
            if provenance.non_commercial:
                licences = "; ".join(provenance.data_licences)
                return (
                    f"model {model.spec.name} was trained on non-commercial data ({licences}), "
                    "which this server's setting 'commercial' refuses"
                )
        return ""

    async def _load_models(self, served: ServedAlgorithm, *, anew: bool = False) -> None:
        for model in served.models.values():
            await self._load_model(model, anew=anew)

    async def _load_model(self, model: ServedModel, *, anew: bool = False) -> None:
        """Load the version that is to serve, unless it is loaded and not wanted anew.

        Where that fails, what was loaded before serves on: it is not forgotten meanwhile, or those who keep the
        algorithms ready would take it for lost.
        """
        async with model.lock:
            version = self._store.serving(model.spec) if self._repository is not None else 0
            if model.loaded == version and not anew:
                return
            if self._repository is not None:
                await asyncio.to_thread(
                    write_model, self._repository, model.spec, self._store, device=self._settings.device
                )
                await asyncio.to_thread(model.provenance, version)
            await self._triton.load(model.spec.name, self._settings.load_timeout_seconds)
            model.loaded = version

    @staticmethod
    def _forget(models: Iterable[ServedModel]) -> None:
        """Have models loaded anew."""
        for model in models:
            model.loaded = None

    def _own_models(self, served: ServedAlgorithm) -> list[ServedModel]:
        """Return an algorithm's models without those by which another one is ready: they are well."""
        return [
            model
            for model in served.models.values()
            if all(other is served or other.state != READY for other in self._users(model))
        ]

    async def _unload(self, served: ServedAlgorithm) -> None:
        self._set(served, UNLOADED, "unloaded by an operator")
        await self._unload_models(served)

    async def _unload_models(self, served: ServedAlgorithm, but: Collection[ServedModel] = ()) -> None:
        for model in self._own_models(served):
            async with model.lock:
                if model in but:  # who heals must not undo what an operator is doing
                    continue
                await self._triton.unload(model.spec.name, self._settings.load_timeout_seconds)
                model.loaded = None

    async def _probe(self, served: ServedAlgorithm) -> None:
        algorithm = served.algorithm
        seconds = self._settings.probe_timeout_seconds
        deadline = time.monotonic() + seconds
        models = CallModels(served, deadline)
        request = algorithm.probe()
        options = parse_options(algorithm.Options, request.options)
        call = Call(options=options, seed=0, models=models, plays=_NoPlays(), deadline=deadline)
        async with asyncio.timeout(seconds):
            response = await getattr(algorithm, VERBS[algorithm.capability])(request, call)
        algorithm.check_probe(response)

    def _set(self, served: ServedAlgorithm, state: catalog_pb2.AlgorithmState.ValueType, cause: str = "") -> None:
        if (served.state, served.cause) != (state, cause):
            served.state, served.cause = state, cause
            name = catalog_pb2.AlgorithmState.Name(state).removeprefix("ALGORITHM_STATE_")
            level = logging.WARNING if state in (FAILING, REFUSED) else logging.INFO
            log.log(level, "algorithm %s is %s", served.name, name, extra={"cause": cause} if cause else {})
            self._changed.set()
            self.on_change(served)

    def find(self, name: str) -> ServedAlgorithm:
        """Return an algorithm by name.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        if name not in self.algorithms:
            raise NotFound(f"no algorithm {name!r}; there are: {', '.join(sorted(self.algorithms)) or 'none'}")
        return self.algorithms[name]


class _NoPlays:
    async def recent(self, listener_id: str, limit: int) -> list[listening_pb2.Play]:
        return []


def _cause(error: BaseException) -> str:
    if isinstance(error, SegueError):
        return without_folders(error.message)
    if isinstance(error, TimeoutError):
        return "its probe was not answered in time"
    return without_folders(f"{type(error).__name__}: {error}")
