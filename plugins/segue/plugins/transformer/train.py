"""Training the transformer, and measuring it.

The unit is nats per element: minus the log-probability of a whole note (place, slot, pitch, length and velocity) or bar
line given all before it, the ensemble, and the controls where they are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from rich.console import Console
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.exporting import export
from segue.plugins.training import Loop, Processes, warm_cosine
from segue.plugins.transformer.artifacts import WEIGHTS, load_network, save
from segue.plugins.transformer.data import Song, read_songs, sources
from segue.plugins.transformer.exported import exportable
from segue.plugins.transformer.likelihood import mean_nats, measure_likelihood
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.network import Network, NetworkSettings, nats
from segue.plugins.transformer.obedience import PIECES, measure_pieces
from segue.plugins.transformer.obedience_chords import measure_chords, measure_form
from segue.plugins.transformer.obedience_harmony import measure_harmony
from segue.plugins.transformer.segments import Sampler
from torch import nn


class TransformerSettings(TrainingSettings):
    """Settings of the trainer; the defaults are for a CPU.

    On a GPU the shipped weights were made with ``--set steps=4000 --set batch=12288 --set network='{"dropout": 0.2}'``,
    seven minutes of one H200; with dropout .1 the network learns the songs by heart after 2,000 steps. Larger networks,
    and several GPUs under ``torchrun``, were not tried.
    """

    steps: int = Field(1325, ge=1, description="Optimiser steps.")
    batch: int = Field(3072, ge=512, description="Elements in a step, of each process.")
    learning_rate: float = Field(
        3e-3, gt=0, description="Peak rate of the inner matrices; it rises for 100 steps and falls by a cosine."
    )
    embedding_rate: float = Field(3e-3, gt=0, description="The same for embeddings, logits and norms.")
    weight_decay: float = Field(0.05, ge=0, description="Weight decay of the matrices.")
    start: Path | None = Field(
        None, description="Folder of a trained version to go on from; by default the weights begin at random."
    )
    threads: int = Field(1, ge=1, description="CPU threads.")
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes and dropout, as JSON.")


class TransformerTrainer(Trainer):
    """Trains ``transformer`` on pieces for any instruments."""

    Settings: ClassVar[type[TrainingSettings]] = TransformerSettings
    example: ClassVar[str] = "segue train transformer --data DATA --out models"

    def train(self, run: Run, settings: TransformerSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        songs = _read(run.data, run.console)
        run.sources.extend(sources(run.data))
        if settings.start is not None:
            run.sources.append(DataSource("weights that it went on from", "Apache-2.0", settings.start))
        with Processes() as processes:
            network = _fit(songs, run, settings, processes)
        if processes.rank == 0:
            save(network, songs["train"], run.artifacts)
        return measure_likelihood(network, songs)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights: likelihood on the test part, and what composed pieces are like."""
        torch.set_num_threads(1)
        songs = _read(data, console)
        model = TransformerModel()
        model.load(artifacts, "cpu")
        with console.status("composing and analysing"):
            reports = [*measure_likelihood(load_network(artifacts), songs), *measure_pieces(model, songs["test"], data)]
            reports += [measure_form(model, PIECES), measure_harmony(model, songs["test"])]
            if (data / "pop909").is_dir():
                reports.append(measure_chords(model, PIECES, data))
        return reports

    def export(self, data: Path, artifacts: Path, out: Path, console: Console) -> Sequence[Report]:
        """Write the network as ONNX and as int8, and measure both on the test part."""
        torch.set_num_threads(1)
        songs = _read(data, console)["test"]
        with console.status("exporting"):
            network = exportable(load_network(artifacts), songs)
            return export(network, out, "Test part, the segments and nats of the table above, the mean of the packs.")


def _read(data: Path, console: Console) -> dict[str, list[Song]]:
    parts: dict[str, list[Song]] = {"train": [], "valid": [], "test": []}
    with console.status("reading pieces"):
        for song in read_songs(data):
            parts[song.part].append(song)
    empty = [part for part, songs in parts.items() if not songs]
    if empty:
        number = sum(map(len, parts.values()))
        raise InvalidRequest("data", f"{data} holds {number} pieces, none of them in the {empty[0]} part; add more")
    return parts


class _Loss(nn.Module):
    """Mean nats per element of a batch."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Any, targets: torch.Tensor, family: torch.Tensor) -> torch.Tensor:
        found = nats(self.network, inputs, targets, family)
        return torch.stack([field.sum() for field in found.values()]).sum() / len(found["place"])


def _fit(songs: dict[str, list[Song]], run: Run, settings: TransformerSettings, processes: Processes) -> Network:
    torch.manual_seed(run.seed)
    device = processes.device
    network = _begin(settings).to(device)
    loss_of = processes.share(_Loss(network))
    optimisers = _optimisers(network, settings)
    peaks = [group["lr"] for optimiser in optimisers for group in optimiser.param_groups]
    loop = Loop(run, settings, network, *optimisers, silent=processes.rank > 0)
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]  # a checkpoint's replaces them
    sampler = Sampler(songs["train"], settings.batch, run.seed * 1009 + processes.rank)
    batches = islice(chain.from_iterable(map(sampler.round, count())), loop.first, None)
    pace = warm_cosine(1.0, settings.steps)
    for step in loop.steps(settings.steps):
        torch.manual_seed((run.seed * 1_000_003 + step) * 1_009 + processes.rank)
        for group, peak in zip(groups, peaks, strict=True):
            group["lr"] = peak * pace(step)
        inputs, targets, family = next(batches)
        with torch.autocast(device.type, torch.bfloat16):
            loss = loss_of(inputs.to(device), targets.to(device), family.to(device))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        if loop.is_time(step, settings.steps):
            loop.tell(train=loss.item(), valid=mean_nats(network.eval(), songs["valid"], most=12)["all"])
            network.train()
    return network.cpu().eval()


def _begin(settings: TransformerSettings) -> Network:
    """Return a network at random, or the one that is to be gone on from."""
    if settings.start is None:
        return Network(settings.network)
    if not (settings.start / WEIGHTS).is_file():
        raise InvalidRequest("start", f"is {str(settings.start)!r}, must be the folder of a trained version")
    network = load_network(settings.start)
    if network.settings != settings.network:
        raise InvalidRequest("network", f"is {settings.network}, but the version to start from has {network.settings}")
    return network.train()


def _optimisers(network: Network, settings: TransformerSettings) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices between the embeddings and the logits, and AdamW for the rest [1]_.

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    """
    hidden = {*network.layers.parameters(), *network.heads.hidden.parameters(), network.heads.start.weight}
    matrices = [p for p in network.parameters() if p in hidden and p.ndim == 2]
    others = [p for p in network.parameters() if not (p in hidden and p.ndim == 2)]
    decay, rate = settings.weight_decay, settings.learning_rate
    muon = torch.optim.Muon(matrices, rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(others, settings.embedding_rate, (0.9, 0.98), weight_decay=0.0, fused=True)]
