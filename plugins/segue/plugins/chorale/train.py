"""Training the chorale network, and measuring it.

The unit is nats per note: the mean over sixteenth frames and four voices of minus the log-probability of the voice's
token given all earlier frames and the voices chosen before it in this one. The joint probability of the piece is
scored: nothing about its future is known (no length, key, metre or given voice), and the reference pitch class by which
a piece is moved to C, a function of its first frame, is paid for under its own distribution.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.chorale.artifacts import WEIGHTS, index_of, load, reference_counts, save
from segue.plugins.chorale.data import Chorale, Draw, collate, draw, read_chorales
from segue.plugins.chorale.exported import exportable
from segue.plugins.chorale.likeness import compare, keys
from segue.plugins.chorale.measure import measure, nats, nats_per_note
from segue.plugins.chorale.network import Network, NetworkSettings
from segue.plugins.exporting import export
from segue.plugins.training import Loop, Processes, follow, warm_cosine
from torch import Tensor, nn


class ChoraleSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU.

    ``torchrun`` trains on several GPUs. Chorales are few: a larger network needs more of them.
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
    keep: Path | None = Field(
        None, description="Folder of an earlier version whose network is kept as it is; the rest is made anew."
    )
    threads: int = Field(1, ge=1, description="CPU threads.")
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes and dropouts, as JSON.")


class ChoraleTrainer(Trainer):
    """Trains ``chorale`` on four-voice chorales."""

    Settings: ClassVar[type[TrainingSettings]] = ChoraleSettings
    example: ClassVar[str] = "segue train chorale --data jsb_chorales --out models"

    def train(self, run: Run, settings: ChoraleSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        data = read_chorales(run.data)
        run.sources.append(DataSource("JSB chorales", "public domain", run.data))
        counts = reference_counts(data["train"])

        def how(piece: Chorale, rng: np.random.Generator) -> Draw:
            return draw(piece, rng, settings.free, settings.astray)

        with Processes() as processes:
            if settings.keep is not None:
                network = _kept(settings.keep)
            else:
                network = fit(
                    data["train"], run, settings, processes, nats, how,
                    lambda n: nats_per_note(n, data["valid"], counts),
                )  # fmt: skip
        if processes.rank == 0:
            save(network, counts, index_of(data), run.artifacts)
        return _reports(network, data, counts)

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


def _kept(folder: Path) -> Network:
    if not (folder / WEIGHTS).is_file():
        raise InvalidRequest("keep", f"is {str(folder)!r}, must be the folder of a trained version")
    return load(folder)[0]


def _reports(network: Network, data: dict[str, list[Chorale]], counts: list[list[int]]) -> list[Report]:
    real = {part: [piece.frames for piece in pieces] for part, pieces in data.items()}
    return [measure(network, data, counts), compare(network, counts, real), keys(network, counts)]


def fit(
    train: Sequence[Chorale],
    run: Run,
    settings: ChoraleSettings,
    processes: Processes,
    cost: Callable[[Tensor, dict[str, Any]], Tensor],
    how: Callable[[Chorale, np.random.Generator], Draw],
    look: Callable[[Network], float],
) -> Network:
    """Train a network.

    Parameters
    ----------
    train
        The pieces.
    run, settings, processes
        How, where and for how long.
    cost
        Logits and batch → nats of each token, as ``measure.nats`` returns them.
    how
        Draws what is done with a piece.
    look
        Measures the network on the validation part.

    Returns
    -------
    Network
        The moving average of its weights.
    """
    torch.manual_seed(run.seed)
    device = processes.device
    network = Network(settings.network).to(device)
    average = copy.deepcopy(network).eval()
    shared = processes.share(network)
    optimiser = torch.optim.AdamW(_groups(network, settings.weight_decay), lr=1.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warm_cosine(settings.learning_rate, settings.steps))
    parts = (network, average, optimiser, schedule)
    loop = Loop(run, settings, *parts, every=settings.evaluate_every, silent=processes.rank > 0)
    for step in loop.steps(settings.steps):
        rng = np.random.default_rng((run.seed, step))
        pieces = _pick(train, settings.batch, run.seed, step)[processes.rank :: processes.count]
        batch = collate(pieces, [how(piece, rng) for piece in pieces], device)
        torch.manual_seed((run.seed * 1_000_003 + step) * 1_009 + processes.rank)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = cost(shared.train()(batch), batch).sum() / batch["weight"].sum().clamp(min=1)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        follow(average, network, min(settings.average, (1 + step) / (10 + step)))
        if loop.is_time(step, settings.steps):
            loop.tell(train=loss.item(), valid=look(average))
    return average


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def _pick(pieces: Sequence[Chorale], batch: int, seed: int, step: int) -> list[Chorale]:
    """Return the batch of a step: every piece once in an epoch, beside others of about its length."""
    per_epoch = max(1, len(pieces) // batch)
    rng = np.random.default_rng((seed, step // per_epoch, 1))
    chosen = rng.permutation(len(pieces))[: per_epoch * batch]
    chosen = chosen[np.argsort([len(pieces[index].frames) + rng.uniform(0, 80) for index in chosen])]
    which = rng.permutation(per_epoch)[step % per_epoch]
    return [pieces[index] for index in np.array_split(chosen, per_epoch)[which]]
