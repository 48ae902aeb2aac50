"""The model half of an algorithm: what runs inside Triton's Python backend, where arithmetic belongs.

Derive from one of three bases and name the class in the ``ModelSpec``:

``TensorModel``
    arrays in, arrays out, a batch at a time;
``MessageModel``
    protobuf messages in and out, a batch at a time;
``StreamModel``
    one request, many response messages. All open requests advance together, one step at a time (continuous batching):
    a request joins or leaves at every step, and a cancelled one leaves before the next.

A batch that fails as a whole is run again item by item, so that one bad item fails alone. Nothing here knows Triton;
``triton_entry`` does.
"""

from __future__ import annotations

import json
import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray
from segue.plugin_api.errors import InternalError, SegueError

log = logging.getLogger("segue.model")

Arrays = dict[str, NDArray[Any]]
RequestT = TypeVar("RequestT", bound=Message)
SessionT = TypeVar("SessionT")
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Model(ABC):
    """What the three bases share."""

    @abstractmethod
    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights, once.

        Parameters
        ----------
        artifacts
            Folder of this version in the model store.
        device
            ``"cpu"`` or ``"cuda:N"``, as the model's instance was placed.
        """


class TensorModel(Model):
    """Arrays in, arrays out."""

    @abstractmethod
    def predict(self, inputs: Arrays) -> Arrays:
        """Run one batch.

        Parameters
        ----------
        inputs
            Tensor name → array of shape (batch, ...). A bucketed input ``x`` is padded; ``x_mask``, shape
            (batch, length), is true where there is data.

        Returns
        -------
        dict
            Tensor name → array of shape (batch, ...).
        """


@dataclass(frozen=True)
class Item(Generic[RequestT]):
    """One request as the model half sees it.

    Attributes
    ----------
    request
        The request message.
    options
        The algorithm's options, defaults filled in.
    seed
        Seed of everything drawn at random for this item, 0 to 2**32 - 1. Draw from it alone, so that an item's answer
        does not depend on its batch-mates.
    context
        What another model said beforehand, as the gateway half passed it on: bytes of a message; empty if nothing.
    waited
        Seconds that a ``StreamModel``'s request waited for its turn.
    """

    request: RequestT
    options: Mapping[str, Any]
    seed: int
    context: bytes = b""
    waited: float = 0.0


class MessageModel(Model, Generic[RequestT]):
    """Messages in, messages out."""

    request_type: ClassVar[type[Message]]

    @abstractmethod
    def answer(self, items: Sequence[Item[RequestT]]) -> Sequence[Message | SegueError]:
        """Answer a batch: for each item a response message, or the error that it alone gets."""


@dataclass(frozen=True)
class Step:
    """What one step of a session brought forth.

    Attributes
    ----------
    responses
        Messages to send now, in order.
    done
        True if the session is over.
    """

    responses: Sequence[Message] = ()
    done: bool = False


class StreamModel(Model, Generic[RequestT, SessionT]):
    """One request, many response messages.

    Attributes
    ----------
    max_sessions
        Requests that advance together; further ones wait.
    """

    request_type: ClassVar[type[Message]]
    max_sessions: ClassVar[int] = 16

    @abstractmethod
    def start(self, item: Item[RequestT]) -> SessionT:
        """Open a session, or raise the error that its caller is to get."""

    @abstractmethod
    def step(self, sessions: Sequence[SessionT]) -> Sequence[Step | SegueError]:
        """Advance every session by one step of bounded time.

        A session whose step raises must be left as it was: the others are then stepped again without it.
        """


def one_by_one_if_needed(
    run: Callable[[Sequence[ItemT]], Sequence[ResultT | SegueError]], items: Sequence[ItemT]
) -> list[ResultT | SegueError]:
    """Run a batch; if it raises, run each item alone and give the guilty ones their error."""
    try:
        results = list(run(items))
        if len(results) != len(items):
            raise ValueError(f"{len(items)} items in, {len(results)} results out")
        return results
    except Exception as error:
        if len(items) == 1:
            return [to_segue_error(error)]
        return [one_by_one_if_needed(run, [item])[0] for item in items]


def to_segue_error(error: Exception) -> SegueError:
    """Return a ``SegueError`` as it is; log anything else whole and return an internal error with its incident id."""
    if isinstance(error, SegueError):
        return error
    incident = uuid.uuid4().hex[:12]
    log.error("incident %s", incident, exc_info=error)
    return InternalError(f"the model failed; incident {incident}")


def predict_batch(model: TensorModel, inputs: Arrays) -> tuple[Arrays, list[SegueError | None]]:
    """Run a ``TensorModel`` on a batch; items that fail get zeros and their error."""

    def run(rows: Sequence[int]) -> list[Arrays | SegueError]:
        index = np.asarray(rows)
        outputs = model.predict({name: array[index] for name, array in inputs.items()})
        for name, array in outputs.items():
            if array.shape[:1] != (len(rows),):
                raise ValueError(f"output {name} has shape {array.shape} for a batch of {len(rows)}")
        return [{name: array[row] for name, array in outputs.items()} for row in range(len(rows))]

    size = next(iter(inputs.values())).shape[0]
    results = one_by_one_if_needed(run, range(size))
    good = next((result for result in results if not isinstance(result, SegueError)), {})
    blank = {name: np.zeros_like(array) for name, array in good.items()}
    rows = [blank if isinstance(result, SegueError) else result for result in results]
    outputs = {name: np.stack([row[name] for row in rows]) for name in good}
    return outputs, [result if isinstance(result, SegueError) else None for result in results]


def parse_items(request_type: type[Message], inputs: Arrays) -> list[Item[Any] | SegueError]:
    """Turn the tensors of a ``message_model`` into items."""
    items: list[Item[Any] | SegueError] = []
    columns = (inputs[name] for name in ("request", "options", "seed", "context"))
    for request, options, seed, context in zip(*columns, strict=True):
        try:
            items.append(Item(request_type.FromString(request[0]), json.loads(options[0]), int(seed[0]), context[0]))
        except Exception as error:  # a malformed item is that item's own failure
            items.append(to_segue_error(error))
    return items


def answer_batch(model: MessageModel[Any], inputs: Arrays) -> list[Message | SegueError]:
    """Run a ``MessageModel`` on a batch."""
    parsed = parse_items(model.request_type, inputs)
    good = [item for item in parsed if isinstance(item, Item)]
    answers = iter(one_by_one_if_needed(model.answer, good) if good else [])
    return [next(answers) if isinstance(item, Item) else item for item in parsed]
