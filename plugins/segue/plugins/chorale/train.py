"""Training the chorale network, and measuring it.

The unit is nats per note: the mean over sixteenth frames and four voices of minus the log-probability of the voice's
token given all earlier frames and the voices chosen before it in this one. The joint probability of the piece is
scored: nothing about its future is known (no length, key, metre or given voice), and the reference pitch class by which
a piece is moved to C, a function of its first frame, is paid for under its own distribution.
"""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, field_validator
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.chorale.artifacts import load, reference_counts, save
from segue.plugins.chorale.data import Chorale, collate, draw, read_chorales
from segue.plugins.chorale.exported import exportable
from segue.plugins.chorale.likeness import compare, keys
from segue.plugins.chorale.measure import measure, nats, nats_per_note
from segue.plugins.chorale.network import Network, NetworkSettings
from segue.plugins.exporting import export
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

_CHECKPOINT = "checkpoint.pt"


class ChoraleSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU.

    On a GPU: ``--set steps=12000 --set batch=64 --set network='{"hidden": 768, "embedding": 384, "head": 384}'``, under
    ``torchrun`` with several.
    """

    steps: int = Field(500, ge=1, description="Optimiser steps.")
    batch: int = Field(16, ge=1, description="Pieces in a step, over all processes.")
    learning_rate: float = Field(
        3e-3, gt=0, description="Peak learning rate; it rises for 100 steps and falls by a cosine."
    )
    weight_decay: float = Field(0.3, ge=0, description="Weight decay of the matrices.")
    average: float = Field(
        0.995, ge=0, lt=1, description="Decay of the moving average of the weights, which is what is kept."
    )
    free: float = Field(0.5, ge=0, le=1, description="Share of pieces for which nothing is given and nothing told.")
    astray: float = Field(0.0, ge=0, le=1, description="Share of pieces seen from a reference that means nothing.")
    evaluate_every: int = Field(125, ge=1, description="Steps between looks at the validation part, and checkpoints.")
    threads: int = Field(1, ge=1, description="CPU threads.")
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes and dropouts, as JSON.")

    @field_validator("network", mode="before")
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


class ChoraleTrainer(Trainer):
    """Trains ``chorale`` on four-voice chorales."""

    Settings: ClassVar[type[TrainingSettings]] = ChoraleSettings
    example: ClassVar[str] = "segue train chorale --data jsb_chorales --out models"

    def train(self, run: Run, settings: ChoraleSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        data = read_chorales(run.data)
        run.sources.append(DataSource("JSB chorales", "public domain", run.data))
        with _Processes() as processes:
            network = _fit(data, run, settings, processes)
        if processes.rank == 0:
            save(network, reference_counts(data["train"]), run.artifacts)
        return _reports(network, data, reference_counts(data["train"]))

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        network, counts = load(artifacts)
        return _reports(network, read_chorales(data), counts)

    def export(self, data: Path, artifacts: Path, out: Path, console: Console) -> Sequence[Report]:
        """Write the network as ONNX and as int8, and measure both on the test part."""
        torch.set_num_threads(1)
        with console.status("exporting"):
            network = exportable(load(artifacts)[0], read_chorales(data)["test"])
            return export(network, out, "Test part, nats per note as in the table above, the key of a piece known.")


def _reports(network: Network, data: dict[str, list[Chorale]], counts: list[list[int]]) -> list[Report]:
    real = [piece.frames for piece in data["test"]]
    return [measure(network, data, counts), compare(network, counts, real), keys(network, counts)]


class _Processes:
    """The processes of a ``torchrun``, or this one alone."""

    def __enter__(self) -> _Processes:
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        self.device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
        if self.count > 1:
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        return self

    def __exit__(self, *_: object) -> None:
        if self.count > 1:
            distributed.destroy_process_group()

    def share(self, network: Network) -> nn.Module:
        """Wrap a network so that the processes train it together."""
        return DistributedDataParallel(network, find_unused_parameters=True) if self.count > 1 else network


def _fit(data: dict[str, list[Chorale]], run: Run, settings: ChoraleSettings, processes: _Processes) -> Network:
    torch.manual_seed(run.seed)
    device = processes.device
    network = Network(settings.network).to(device)
    average = copy.deepcopy(network).eval()
    shared = processes.share(network)
    optimiser = torch.optim.AdamW(_groups(network, settings.weight_decay), lr=1.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _pace(settings))
    first = _resume(run.work, settings, network, average, optimiser, schedule)
    log = _writer(run.work) if processes.rank == 0 else None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=run.console, disable=processes.rank > 0) as progress:
        task = progress.add_task("training", total=settings.steps, completed=first)
        for step in range(first, settings.steps):
            rng = np.random.default_rng((run.seed, step))
            pieces = _pick(data["train"], settings.batch, run.seed, step)[processes.rank :: processes.count]
            batch = collate(pieces, [draw(piece, rng, settings.free, settings.astray) for piece in pieces], device)
            torch.manual_seed((run.seed * 1_000_003 + step) * 1_009 + processes.rank)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = nats(shared.train()(batch), batch).sum() / batch["weight"].sum().clamp(min=1)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            _follow(average, network, min(settings.average, (1 + step) / (10 + step)))
            progress.update(task, advance=1)
            if log is not None and ((step + 1) % settings.evaluate_every == 0 or step + 1 == settings.steps):
                valid = nats_per_note(average, data["valid"], reference_counts(data["train"]))
                log.add_scalar("loss/train", loss.item(), step + 1)
                log.add_scalar("nats/valid", valid, step + 1)
                progress.update(task, description=f"training, valid {valid:.4f} nats/note")
                _save_checkpoint(run.work, settings, step + 1, network, average, optimiser, schedule)
    return average


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def _pace(settings: ChoraleSettings) -> Callable[[int], float]:
    def rate(step: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / settings.steps)))
        return settings.learning_rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * fall)

    return rate


def _pick(pieces: Sequence[Chorale], batch: int, seed: int, step: int) -> list[Chorale]:
    """Return the batch of a step: every piece once in an epoch, beside others of about its length."""
    per_epoch = max(1, len(pieces) // batch)
    rng = np.random.default_rng((seed, step // per_epoch, 1))
    chosen = rng.permutation(len(pieces))[: per_epoch * batch]
    chosen = chosen[np.argsort([len(pieces[index].frames) + rng.uniform(0, 80) for index in chosen])]
    which = rng.permutation(per_epoch)[step % per_epoch]
    return [pieces[index] for index in np.array_split(chosen, per_epoch)[which]]


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, now in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(now, 1 - decay)


def _writer(folder: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter  # needs the train extra, which the model half does without

    return SummaryWriter(folder)


def _save_checkpoint(work: Path, settings: ChoraleSettings, step: int, *parts: Any) -> None:
    aside = work / f"{_CHECKPOINT}.new"
    torch.save({"settings": settings.model_dump(), "step": step, "parts": [part.state_dict() for part in parts]}, aside)
    aside.replace(work / _CHECKPOINT)


def _resume(work: Path, settings: ChoraleSettings, *parts: Any) -> int:
    path = work / _CHECKPOINT
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True)
    if saved["settings"] != settings.model_dump():
        return 0
    for part, state in zip(parts, saved["parts"], strict=True):
        part.load_state_dict(state)
    return int(saved["step"])
