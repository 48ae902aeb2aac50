"""What an algorithm is: a name, options, models, and the verb of its RPC.

The gateway half of an algorithm is small and asynchronous. It sees protobuf messages and infers with ``call.models``;
everything with arithmetic in it runs in the model half (``segue.plugin_api.python_model``) on Triton.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Final, Protocol, TypeVar

from google.protobuf.message import Message
from pydantic import BaseModel, ConfigDict
from segue.plugin_api.model_spec import ModelSpec
from segue.v1 import analyze_pb2, catalog_pb2, generate_pb2, listening_pb2, recommend_pb2, transfer_pb2

MessageT = TypeVar("MessageT", bound=Message)

_NOTES: Final = ("midi", "score", "musicxml")
_SEED_STEP: Final = 0x9E3779B9
"""Odd, so that the seeds of pieces that are asked for together differ."""


class Options(BaseModel):
    """Options of an algorithm: a pydantic model that refuses what it does not know.

    Give every field a description, a default and its range; they make the JSON Schema in the catalog.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @cached_property
    def as_json(self) -> str:
        """All options, defaults filled in, as JSON with sorted keys."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


class Models(Protocol):
    """The models of the algorithm that is called."""

    async def infer(self, model: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Run a model on one item; calls that are under way at once travel as one batch.

        Parameters
        ----------
        model
            Name of one of the algorithm's models.
        inputs
            Tensor name → value without a batch axis.

        Returns
        -------
        dict
            Tensor name → array without a batch axis.

        Raises
        ------
        SegueError
            What the model raised for this item, or that it can't be reached, or the deadline.
        """

    def stream(self, model: str, inputs: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Run a streaming model; leaving the loop cancels it."""


class Plays(Protocol):
    """What listeners played, as ``ListeningService`` recorded it."""

    async def recent(self, listener_id: str, limit: int) -> Sequence[listening_pb2.Play]:
        """Return the plays of a listener, latest first; empty for one who is not known."""


@dataclass(frozen=True)
class Call:
    """One call of an algorithm.

    Attributes
    ----------
    options
        The request's options, checked, defaults filled in: an instance of the algorithm's ``Options``.
    seed
        The request's seed, or the one that was drawn, 0 to 2**32 - 1.
    models
        What to infer with.
    plays
        What listeners played.
    deadline
        ``time.monotonic()`` at which the caller gives up.
    """

    options: Any
    seed: int
    models: Models
    plays: Plays
    deadline: float = math.inf

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(self.deadline - time.monotonic(), 0.0)

    async def message(
        self, model: str, request: Message, response: type[MessageT], context: Message | None = None
    ) -> MessageT:
        """Send a request to a model made by ``message_model`` and return its response.

        Parameters
        ----------
        model
            Name of one of the algorithm's models.
        request, response
            What it takes and the type of what it gives.
        context
            What another model said beforehand; the model half gets its bytes as ``item.context``.
        """
        outputs = await self.models.infer(model, self._inputs(request, context))
        return response.FromString(outputs["response"][0])

    async def messages(
        self, model: str, request: Message, response: type[MessageT], context: Message | None = None
    ) -> AsyncIterator[MessageT]:
        """Send a request to a streaming ``message_model`` and yield its responses."""
        async for outputs in self.models.stream(model, self._inputs(request, context)):
            yield response.FromString(outputs["response"][0])

    def _inputs(self, request: Message, context: Message | None) -> dict[str, Any]:
        return {
            "request": request.SerializeToString(),
            "context": b"" if context is None else context.SerializeToString(),
            "options": self.options.as_json.encode(),
            "seed": [self.seed],
        }


class Algorithm(ABC):
    """Base of the four kinds of algorithm. Derive from ``Recommender``, ``Generator``, ``Transferrer`` or ``Analyzer``.

    Attributes
    ----------
    name
        Unique name: lower-case letters, digits, hyphens.
    version
        Version of the algorithm, e.g. ``"1.0.0"``.
    summary
        What it is, in one line.
    models
        The models it infers with.
    Options
        The model of its options.
    limits
        What it accepts at most, by name.
    licence
        Licence of its code, SPDX.
    trainer
        ``"package.module:Class"`` of its ``segue.plugin_api.training.Trainer``; empty if it is not trained.
    leads
        True if it comes before others that can answer the same call where none is named; else the first does.
    """

    capability: ClassVar[catalog_pb2.Capability.ValueType]
    name: ClassVar[str]
    version: ClassVar[str]
    summary: ClassVar[str]
    models: ClassVar[tuple[ModelSpec, ...]] = ()
    Options: ClassVar[type[Options]] = Options
    limits: ClassVar[Mapping[str, float]] = {}
    licence: ClassVar[str] = "Apache-2.0"
    trainer: ClassVar[str] = ""
    leads: ClassVar[bool] = False

    @abstractmethod
    def probe(self) -> Any:
        """Return a small request of this algorithm's kind that it must always answer."""

    @abstractmethod
    def check_probe(self, response: Any) -> None:
        """Look at the values of the answer to ``probe``.

        Raises
        ------
        ValueError
            If they can't be right. The algorithm is then reported as failing.
        """


class Recommender(Algorithm):
    """Answers Recommend."""

    capability = catalog_pb2.CAPABILITY_RECOMMEND

    @abstractmethod
    async def recommend(self, request: recommend_pb2.RecommendRequest, call: Call) -> recommend_pb2.RecommendResponse:
        """Recommend tracks."""


class Generator(Algorithm):
    """Answers Generate; one that derives from ``StreamingGenerator`` answers GenerateStream too."""

    capability = catalog_pb2.CAPABILITY_GENERATE

    @abstractmethod
    async def generate(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        """Compose pieces."""


class StreamingGenerator(Generator):
    """Answers Generate and GenerateStream.

    As it stands, its one model does the work: a streaming ``message_model`` that takes a ``GenerateRequest`` and gives
    ``GenerateStreamResponse``s.
    """

    async def generate(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        """Compose pieces side by side; the first is the one that a request for one piece gives."""
        seeds = [(call.seed + index * _SEED_STEP) % 2**32 for index in range(max(request.count, 1))]
        answers = await asyncio.gather(*(self._whole(request, replace(call, seed=seed)) for seed in seeds))
        response = answers[0]
        for answer in answers[1:]:
            response.pieces.extend(answer.pieces)
            response.understood.extend(text for text in answer.understood if text not in response.understood)
            response.notices.extend(notice for notice in answer.notices if notice not in response.notices)
        return response

    async def _whole(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        response = generate_pb2.GenerateResponse()
        async for message in self.generate_stream(request, call):
            if message.HasField("complete"):
                response = message.complete
        return response

    async def generate_stream(
        self, request: generate_pb2.GenerateRequest, call: Call
    ) -> AsyncIterator[generate_pb2.GenerateStreamResponse]:
        """Compose one piece, bar by bar; the last message is the complete piece."""
        async for message in call.messages(self.models[0].name, request, generate_pb2.GenerateStreamResponse):
            yield message


class Transferrer(Algorithm):
    """Answers Transfer and TransferStream.

    Attributes
    ----------
    targets
        Names of the request's ``target`` fields it can follow, e.g. ``("polish",)``. A call that names no algorithm
        goes to one that can follow its target.
    accepts
        Forms of ``Music`` it reads: names of the fields of its ``content``. A call that names no algorithm goes to one
        that reads its music.
    """

    capability = catalog_pb2.CAPABILITY_TRANSFER
    targets: ClassVar[tuple[str, ...]]
    accepts: ClassVar[tuple[str, ...]] = _NOTES

    @abstractmethod
    async def transfer(self, request: transfer_pb2.TransferRequest, call: Call) -> transfer_pb2.TransferResponse:
        """Change a piece."""

    async def transfer_stream(
        self, request: transfer_pb2.TransferRequest, call: Call
    ) -> AsyncIterator[transfer_pb2.TransferStreamResponse]:
        """Change a piece, saying how far it has come; the last message is the answer.

        As it stands, it says that it has begun and sends the answer: override it where the work takes longer.
        """
        yield transfer_pb2.TransferStreamResponse(progress=transfer_pb2.TransferProgress(stage="working"))
        yield transfer_pb2.TransferStreamResponse(complete=await self.transfer(request, call))


class StreamingTransferrer(Transferrer):
    """A transferrer whose ``transfer_stream`` does the work; ``transfer`` waits for its last message.

    As it stands, its one model does the work: a streaming ``message_model`` that takes a ``TransferRequest`` and gives
    ``TransferStreamResponse``s.
    """

    async def transfer(self, request: transfer_pb2.TransferRequest, call: Call) -> transfer_pb2.TransferResponse:
        """Change a piece."""
        response = transfer_pb2.TransferResponse()
        async for message in self.transfer_stream(request, call):
            if message.HasField("complete"):
                response = message.complete
        return response

    async def transfer_stream(
        self, request: transfer_pb2.TransferRequest, call: Call
    ) -> AsyncIterator[transfer_pb2.TransferStreamResponse]:
        """Change a piece, saying how far it has come; the last message is the answer."""
        async for message in call.messages(self.models[0].name, request, transfer_pb2.TransferStreamResponse):
            yield message


class Analyzer(Algorithm):
    """Answers Analyze.

    Attributes
    ----------
    accepts
        Forms of ``Music`` it reads: names of the fields of its ``content``. A call that names no algorithm goes to one
        that reads its music.
    """

    capability = catalog_pb2.CAPABILITY_ANALYZE
    accepts: ClassVar[tuple[str, ...]] = _NOTES

    @abstractmethod
    async def analyze(self, request: analyze_pb2.AnalyzeRequest, call: Call) -> analyze_pb2.AnalyzeResponse:
        """Analyse a piece."""
