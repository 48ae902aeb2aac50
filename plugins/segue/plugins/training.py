"""What the trainers of networks share: steps that outlive an interruption, shown, logged and kept.

A trainer draws what a step needs from ``(seed, step)``, so that one that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from segue.plugin_api.training import Run, TrainingSettings
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

_CHECKPOINT: Final = "checkpoint.pt"
_EVERY: Final = 100
_RISE: Final = 100
_LOWEST_PACE: Final = 0.02


class Part(Protocol):
    """What a checkpoint holds: a network, an optimiser, a schedule."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: Any) -> Any:
        """Take a state up again."""


def training_device() -> torch.device:
    """Return where a process trains: on its graphics card (the one that ``torchrun`` gives it) or on the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


class Processes:
    """The processes of a ``torchrun``, or this one alone, while a ``with`` block lasts.

    Attributes
    ----------
    count, rank
        How many there are, and the number of this one.
    device
        Where this one trains.
    """

    def __enter__(self) -> Processes:
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        self.device = training_device()
        if self.count > 1:
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        return self

    def __exit__(self, *_: object) -> None:
        if self.count > 1:
            distributed.destroy_process_group()

    def share(self, module: nn.Module) -> nn.Module:
        """Wrap a module so that the processes train it together."""
        return DistributedDataParallel(module, find_unused_parameters=True) if self.count > 1 else module


class Loop:
    """The steps of a training.

    Parameters
    ----------
    run
        Where checkpoints and TensorBoard logs go (``run.work``) and progress is shown (``run.console``).
    settings
        A checkpoint that was made with other settings or another seed is not taken up.
    *parts
        What a checkpoint holds, always in the same order.
    every
        Steps between two checkpoints and log entries.
    name
        Of this part of a training in several parts; each has its own checkpoint and log entries.
    silent
        Neither shows, logs nor keeps anything: so do all processes of a ``torchrun`` but the first.

    Attributes
    ----------
    first
        The step to begin with: 0, or the one after the checkpoint's.
    """

    def __init__(
        self,
        run: Run,
        settings: TrainingSettings,
        *parts: Part,
        every: int = _EVERY,
        name: str = "",
        silent: bool = False,
    ) -> None:
        self._run = run
        self._made_with = {"settings": settings.model_dump(mode="json"), "seed": run.seed}
        self._parts = parts
        self._every = every
        self._name = name
        self._silent = silent
        self._told: dict[str, float] = {}
        self._earlier = 0.0
        self._began = time.monotonic()
        self._path = run.work / (f"{name.replace(' ', '-')}-{_CHECKPOINT}" if name else _CHECKPOINT)
        self.first = self._resume()

    def steps(self, last: int, describe: Callable[[dict[str, float]], str] | None = None) -> Iterator[int]:
        """Yield the steps that are left, showing progress; the parts are kept now and then and after the last.

        Parameters
        ----------
        last
            Steps in all.
        describe
            What was told lately → what to show beside the bar; by default the names and values.
        """
        if self._silent:
            yield from range(self.first, last)
            return
        from torch.utils.tensorboard import SummaryWriter  # needs the train extra, which the model half does without

        log = SummaryWriter(self._run.work / self._name.replace(" ", "-"))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        title = self._name or "training"
        with Progress(*columns, console=self._run.console) as progress:
            bar = progress.add_task(title, total=last, completed=self.first)
            for step in range(self.first, last):
                yield step
                progress.update(bar, advance=1)
                if self.is_time(step, last):
                    for name, value in self._told.items():
                        log.add_scalar(name, value, step + 1)
                    shown = (describe or _describe)(self._told)
                    progress.update(bar, description=f"{title}, {shown}" if shown else title)
                    self._keep(step + 1)
        log.close()

    def is_time(self, step: int, last: int) -> bool:
        """Return whether the parts are kept after a step: then it pays to look at the validation part too."""
        return not self._silent and ((step + 1) % self._every == 0 or step + 1 == last)

    def tell(self, **scalars: float) -> None:
        """Say how it goes: the latest values are logged and shown."""
        self._told.update(scalars)

    def _keep(self, step: int) -> None:
        seconds = self._earlier + time.monotonic() - self._began
        state = {"step": step, "seconds": seconds, "parts": [part.state_dict() for part in self._parts]}
        keep(self._made_with | state, self._path)

    def _resume(self) -> int:
        if not self._path.is_file():
            return 0
        saved = torch.load(self._path, map_location="cpu", weights_only=True)
        if any(saved.get(name) != value for name, value in self._made_with.items()):
            return 0
        for part, state in zip(self._parts, saved["parts"], strict=True):
            part.load_state_dict(state)
        self._earlier = float(saved["seconds"])
        self._run.earlier_seconds += self._earlier
        return int(saved["step"])


def keep(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint; one that was there stays as it is until the new one is written."""
    aside = path.with_suffix(".new")
    try:
        with aside.open("wb") as file:  # of a file that torch opens itself, it hides why it can't be written
            torch.save(state, file)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _describe(told: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in told.items())


def warm_cosine(peak: float, steps: int) -> Callable[[int], float]:
    """Return the learning rate by step: it rises for 100 steps and falls by a cosine to a fiftieth of its peak."""

    def rate(step: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
        return peak * min(1.0, (step + 1) / _RISE) * (_LOWEST_PACE + (1 - _LOWEST_PACE) * fall)

    return rate


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move an average of a network's weights towards what they are now; its buffers are copied."""
    for mean, now in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(now, 1 - decay)
    for kept, newest in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(newest)
