"""The algorithm that is looked at, on the server that serves it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import grpc
from segue.conformance.failures import Failure, read_failure
from segue.plugin_api import Algorithm
from segue.v1 import catalog_pb2, catalog_pb2_grpc, generate_pb2, music_service_pb2_grpc, transfer_pb2

METHODS: Final = {
    catalog_pb2.CAPABILITY_RECOMMEND: "Recommend",
    catalog_pb2.CAPABILITY_GENERATE: "Generate",
    catalog_pb2.CAPABILITY_TRANSFER: "Transfer",
    catalog_pb2.CAPABILITY_ANALYZE: "Analyze",
}
_STREAM_REQUESTS: Final = {
    catalog_pb2.CAPABILITY_GENERATE: generate_pb2.GenerateStreamRequest,
    catalog_pb2.CAPABILITY_TRANSFER: transfer_pb2.TransferStreamRequest,
}
_READY: Final = catalog_pb2.ALGORITHM_STATE_READY


@dataclass(frozen=True)
class Bounds:
    """How far the suite goes.

    Attributes
    ----------
    seconds
        Most seconds that a check goes on repeating calls: slow algorithms are called less often.
    leak_calls
        Calls between which memory is compared.
    call_seconds
        Longest that one call may take.
    """

    seconds: float = 20.0
    leak_calls: int = 1000
    call_seconds: float = 60.0


@dataclass(eq=False)
class Subject:
    """An algorithm on a server.

    Attributes
    ----------
    algorithm
        Its gateway half, as it is installed here: what its probe is, and how the answer is judged.
    module
        The module that its plugin's entry point names.
    channel
        Connection to the server.
    pid
        Process of the server; None if it was not started here, so that its memory can't be measured.
    bounds
        How far the suite goes.
    """

    algorithm: Algorithm
    module: str
    channel: grpc.Channel
    pid: int | None = None
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        self.music = music_service_pb2_grpc.MusicServiceStub(self.channel)
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(self.channel)

    @property
    def name(self) -> str:
        """Name of the algorithm."""
        return self.algorithm.name

    @property
    def verb(self) -> str:
        """Name of the method that it answers, e.g. ``"Generate"``."""
        return METHODS[self.algorithm.capability]

    def describe(self) -> catalog_pb2.Algorithm:
        """Return its entry in the server's catalog."""
        request = catalog_pb2.GetAlgorithmRequest(name=self.name)
        entry: catalog_pb2.Algorithm = self.catalog.GetAlgorithm(request, timeout=10).algorithm
        return entry

    @cached_property
    def entry(self) -> catalog_pb2.Algorithm:
        """Its entry in the catalog, read once."""
        return self.describe()

    def probe(self, **fields: Any) -> Any:
        """Return its own probe, addressed to it, with some fields set."""
        request = self.algorithm.probe()
        request.algorithm = self.name
        for name, value in fields.items():
            setattr(request, name, value)
        return request

    def call(self, request: Any, seconds: float | None = None) -> Any:
        """Call it once.

        Raises
        ------
        grpc.RpcError
            If the call fails.
        """
        return getattr(self.music, self.verb)(request, timeout=seconds or self.bounds.call_seconds)

    def begin(self, request: Any, seconds: float | None = None) -> Any:
        """Begin a call and return its future."""
        return getattr(self.music, self.verb).future(request, timeout=seconds or self.bounds.call_seconds)

    def stream(self, request: Any) -> Any:
        """Begin a streamed call and return the iterator of its messages."""
        wrapped = _STREAM_REQUESTS[self.algorithm.capability](request=request)
        return getattr(self.music, f"{self.verb}Stream")(wrapped, timeout=self.bounds.call_seconds)

    def failure(self, request: Any) -> Failure | None:
        """Call it, and return how that failed; None if it was answered."""
        try:
            self.call(request)
        except grpc.RpcError as error:
            return read_failure(error)
        return None

    @cached_property
    def single_seconds(self) -> float:
        """Median time of a call of its probe that travels alone."""
        self.call(self.probe(seed=1))
        times: list[float] = []
        while len(times) < 5 and sum(times) < self.bounds.seconds / 4:
            started = time.monotonic()
            self.call(self.probe(seed=1))
            times.append(time.monotonic() - started)
        return statistics.median(times)

    def forget_timing(self) -> None:
        """Have ``single_seconds`` measured anew."""
        self.__dict__.pop("single_seconds", None)

    def affordable(self, most: int, least: int = 1) -> int:
        """Return how many calls, one after the other, fit into half of what a check may take."""
        return max(least, min(most, int(self.bounds.seconds / 2 / max(self.single_seconds, 1e-4))))

    def within_time(self, items: Any) -> Iterator[Any]:
        """Yield items until a check has taken as long as it may; at least one."""
        end = time.monotonic() + self.bounds.seconds
        for index, item in enumerate(items):
            if index and time.monotonic() > end:
                return
            yield item

    def recover(self) -> None:
        """Wait until it serves again, for some seconds: one check's harm is not to fail the next."""
        end = time.monotonic() + 20.0
        while time.monotonic() < end:
            try:
                if self.describe().state == _READY:
                    return
            except grpc.RpcError:
                pass
            time.sleep(0.1)
