"""Training ``style-seq``: the next element of a part, given its style and the content of its bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

import torch
from pydantic import Field
from rich.console import Console
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.packs.files import sources
from segue.plugins.style_seq.artifacts import ensembles, load, save
from segue.plugins.style_seq.batches import Batch, Stretches, part_names
from segue.plugins.style_seq.data import Song, read_songs
from segue.plugins.style_seq.ear_training import fit_ear
from segue.plugins.style_seq.hearing import Listener
from segue.plugins.style_seq.network import Network, NetworkSettings, nats
from segue.plugins.style_seq.report import reports
from segue.plugins.training import Loop
from torch import Tensor, nn

_WARM_UP: Final = 40


class StyleSeqSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU."""

    steps: int = Field(1600, ge=1, description="Steps of the first cycle; the learning rate falls to its end in them.")
    more_steps: int = Field(500, ge=0, description="Steps of a second cycle, which begins at half the rate.")
    batch: int = Field(2048, ge=256, description="Elements in a step, at most.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate; it falls by a cosine in each cycle.")
    weight_decay: float = Field(0.05, ge=0, description="Weight decay of the matrices.")
    threads: int = Field(1, ge=1, description="CPU threads.")
    ear_steps: int = Field(2400, ge=1, description="Training steps of the chord network, 16 stretches of 24 bars each.")
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes, as JSON.")


class StyleSeqTrainer(Trainer):
    """Trains ``style-seq`` on charts in sixteen styles, pop songs and chorales."""

    Settings: ClassVar[type[TrainingSettings]] = StyleSeqSettings
    example: ClassVar[str] = "segue train style-seq --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: StyleSeqSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        listener = Listener.shipped()
        with run.console.status("reading pieces"):
            songs = list(read_songs(run.data, listener))
        run.sources.extend(sources(run.data, "style_parallel_synth", "pop909", "jsb_chorales"))
        train = [song for song in songs if song.part == "train"]
        if not train:
            raise InvalidRequest("data", f"{run.data} holds {len(songs)} pieces, none of them in the train part")
        ear = fit_ear(run, listener.networks.chords, settings.ear_steps)
        network = _fit(train, run, settings)
        save(network, ensembles(train, part_names(train)), ear, run.artifacts)
        return reports(load(run.artifacts), songs, run.data, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        torch.set_num_threads(1)
        with console.status("reading pieces"):
            songs = list(read_songs(data))
        return reports(load(artifacts), songs, data, console)


def _fit(songs: Sequence[Song], run: Run, settings: StyleSeqSettings) -> Network:
    torch.manual_seed(run.seed)
    names = part_names(songs)
    network = Network(settings.network, len(names))
    optimisers = _optimisers(network, settings)
    rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in optimisers]
    loop = Loop(run, settings, network, *optimisers)
    batches = _batches(Stretches(songs, names), settings.batch, run.seed, loop.first)
    last = settings.steps + settings.more_steps
    for step in loop.steps(last, describe=lambda told: f"{told['nats']:.2f} nats an element"):
        for optimiser, own in zip(optimisers, rates, strict=True):
            for group, rate in zip(optimiser.param_groups, own, strict=True):
                group["lr"] = rate * _pace(step, settings)
        loss = mean_nats(network, next(batches))
        loop.tell(nats=float(loss.detach()))
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
    return network.eval()


def mean_nats(network: Network, batch: Batch) -> Tensor:
    """Return the mean nats of an element of a batch, a note or a bar line."""
    with torch.autocast("cpu", torch.bfloat16):
        style = network.style_of(batch.name, batch.profile, batch.family)
        found, _ = nats(network, batch.fields, batch.bar, batch.bars, style)
    return torch.stack([field.sum() for field in found.values()]).sum() / len(found["place"])


def _batches(stretches: Stretches, size: int, seed: int, first: int) -> Iterator[Batch]:
    """Yield the batches from a step on; rounds of them are drawn from the seed and their number."""
    number, skip = 0, first
    while True:
        batches = stretches.round((seed, number), size)
        yield from batches[skip:]
        number, skip = number + 1, max(skip - len(batches), 0)


def _optimisers(network: Network, settings: StyleSeqSettings) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices between the embeddings and the logits, and AdamW for the rest [1]_.

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    """
    hidden = {id(p) for part in (network.layers, network.heads.hidden) for p in part.parameters() if p.ndim == 2}
    matrices = [p for p in network.parameters() if id(p) in hidden]
    others = [p for p in network.parameters() if id(p) not in hidden]
    rate, decay = settings.learning_rate, settings.weight_decay
    muon = torch.optim.Muon(matrices, rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(others, rate, (0.9, 0.98), weight_decay=0.0, fused=True)]


def _pace(step: int, settings: StyleSeqSettings) -> float:
    """Return the learning rate at a step, as a share of the peak: a cosine, and another from half of it [1]_.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """
    first = step < settings.steps
    done = step / settings.steps if first else (step - settings.steps) / settings.more_steps
    peak = min(1.0, (step + 1) / _WARM_UP) if first else 0.5
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
