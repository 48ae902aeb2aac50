"""Training the two networks and what judges them, and measuring the polish as a whole.

The pieces of the train part are given mistakes anew in every round. The dev part is what settings were chosen on; the
test part is only ever measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from segue.music import Piece
from segue.plugin_api.errors import InvalidField
from segue.plugin_api.store import CARD
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.chorale.plugin import Chorale
from segue.plugins.polish import (
    data,
    dynamics,
    fit_heads,
    fit_likelihood,
    infill,
    lessons,
    likelihood,
    measure,
    measure_heads,
    models,
    network,
    quality,
)
from segue.plugins.polish.context import WIDTH
from segue.plugins.polish.lessons import Lesson
from segue.plugins.training import keep
from torch import nn

SHARES: Final = {"jsb_chorales": 3.0, "pop909": 0.17, "openewld": 3.0, "style_parallel_synth": 0.08}
"""How often a round goes through each pack."""
_CHECKPOINT: Final = "checkpoint.pt"


class PolishSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights."""

    rounds: int = Field(40, ge=1, le=10_000, description="Rounds; each makes new mistakes in some of the pieces.")
    passes: int = Field(2, ge=1, le=20, description="Times that a round's lessons are gone through.")
    batch: int = Field(1024, ge=8, le=65_536, description="Rows in a step.")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Learning rate at first; it falls by a cosine.")
    weight_decay: float = Field(1e-2, ge=0, le=1, description="Weight decay.")
    hidden: tuple[int, ...] = Field((256, 128), description="Widths of the hidden layers.")
    dropout: float = Field(0.15, ge=0, lt=1, description="Share of hidden units dropped in training.")
    networks: str = Field(
        "", description="Folder of an earlier version whose two networks are kept as they are; the rest is fitted anew."
    )
    infiller: str = Field(
        "", description="Folder of a version of chorale whose network fills in four voices; empty for the shipped one."
    )
    threads: int = Field(1, ge=1, le=64, description="CPU threads.")


class PolishTrainer(Trainer):
    """Trains ``polish`` on pieces given mistakes on purpose."""

    Settings: ClassVar[type[TrainingSettings]] = PolishSettings
    example: ClassVar[str] = "segue train polish --data DATA --out models"

    def train(self, run: Run, settings: PolishSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        chorale = _chorale(settings.infiller)
        pieces = data.read(run.data, "train")
        run.sources.extend([*data.sources(run.data), *_sources(chorale)])
        infill.save(chorale, run.artifacts)
        if settings.networks:
            keep = Path(settings.networks) / network.FILE
            if not keep.is_file():
                raise InvalidField("networks", f"is {settings.networks!r}, a folder without {network.FILE}")
            (run.artifacts / network.FILE).write_bytes(keep.read_bytes())
        else:
            pitched = {name: [piece.without_drums() for piece in found] for name, found in pieces.items()}
            nets = _fit(pitched, run, settings)
            layers = {name: _layers(net) for name, net in nets.items()}
            network.save(layers, {name: float(net.prior) for name, net in nets.items()}, run.artifacts)
        likelihood.save(fit_likelihood.fit(pieces, run.seed, run.console), run.artifacts)
        judge = likelihood.load(run.artifacts)
        quality.save(fit_heads.fit_quality(pieces, judge, run.seed, run.console), run.artifacts)
        drumming = fit_heads.grooves(run.data / "groove_midi", "train")
        if drumming:
            run.sources.append(DataSource("groove_midi", "CC BY 4.0", run.data / "groove_midi"))
        dynamics.save(fit_heads.fit_dynamics(pieces.get("pop909", []), drumming), run.artifacts)
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data_folder: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        trained, pieces = models.load(artifacts), data.read(data_folder, "test")
        drumming = fit_heads.grooves(data_folder / "groove_midi", "test")
        return [
            *measure.measure(pieces, trained, console),
            *measure_heads.measure(pieces, drumming, trained, console),
        ]


def _chorale(folder: str) -> Path:
    """Return the folder of a version of ``chorale``: the one that is named, or the newest that was shipped."""
    if not folder:
        shipped = Chorale.models[0].shipped
        assert shipped is not None
        return max(shipped.iterdir(), key=lambda version: int(version.name))
    missing = [name for name in (*infill.FILES, CARD) if not (Path(folder) / name).is_file()]
    if missing:
        raise InvalidField("infiller", f"is {folder!r}, a folder without {' and '.join(missing)}")
    return Path(folder)


def _sources(chorale: Path) -> list[DataSource]:
    """Return what the network that fills in was trained on; its folder stands for the data."""
    card = json.loads((chorale / CARD).read_text())
    return [
        DataSource(f"{source['name']}, by chorale", source["licence"], chorale, source.get("non_commercial", False))
        for source in card["data"]
    ]


class _Net(nn.Module):
    """A perceptron that standardises its input."""

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int, dropout: float) -> None:
        super().__init__()
        self.outputs = outputs
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.register_buffer("prior", torch.zeros(()))
        parts: list[nn.Module] = []
        for width in hidden:
            parts += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
            inputs = width
        self.body = nn.Sequential(*parts, nn.Linear(inputs, outputs))

    def look_at(self, lesson: Lesson) -> None:
        """Take mean and scale of the features, and the share of what is wrong, from a lesson."""
        features = torch.from_numpy(lesson.features).float()
        self.mean = features.mean(0)
        self.scale = features.std(0).clamp(min=0.05)
        wrong = lesson.target != (0 if self.outputs == 1 else network.SAME)
        self.prior = torch.tensor(float(lesson.weight[wrong].sum() / lesson.weight.sum()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.body((x - self.mean) / self.scale)
        return found


def _layers(net: _Net) -> list[tuple[network.Floats, network.Floats]]:
    """Return weights and biases, the standardising folded into the first."""
    linear = [part for part in net.body if isinstance(part, nn.Linear)]
    found = [(part.weight.detach().double().numpy(), part.bias.detach().double().numpy()) for part in linear]
    weight, bias = found[0]
    scale, mean = net.scale.double().numpy(), net.mean.double().numpy()
    found[0] = (weight / scale, bias - (weight / scale) @ mean)
    return [(w.astype(np.float32), b.astype(np.float32)) for w, b in found]


def _loss(net: _Net, lesson: Lesson, rows: torch.Tensor) -> torch.Tensor:
    logits = net(torch.from_numpy(lesson.features[rows.numpy()]).float())
    target, weight = torch.from_numpy(lesson.target)[rows], torch.from_numpy(lesson.weight)[rows]
    if logits.shape[1] == 1:
        losses = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], target.float(), reduction="none")
    else:
        losses = nn.functional.cross_entropy(logits, target, reduction="none")
    return (losses * weight).sum() / weight.sum()


def _fit(pieces: Mapping[str, Sequence[Piece]], run: Run, settings: PolishSettings) -> dict[str, _Net]:
    from torch.utils.tensorboard import SummaryWriter  # needs the train extra

    torch.manual_seed(run.seed)
    nets, averages = (
        {name: _Net(WIDTH, settings.hidden, outputs, settings.dropout) for name, outputs in network.NETWORKS.items()}
        for _ in range(2)
    )
    optimisers = {
        name: torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
        for name, net in nets.items()
    }
    first = _resume(run.work, settings, nets, averages, optimisers)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=run.console) as progress, SummaryWriter(str(run.work)) as board:
        task = progress.add_task("training", total=settings.rounds, completed=first)
        for number in range(first, settings.rounds):
            random = np.random.default_rng((run.seed, number))
            torch.manual_seed(run.seed * 100_003 + number)
            for name, lesson in _round(pieces, random).items():
                if number == 0:
                    for net in (nets[name], averages[name]):
                        net.look_at(lesson)
                    averages[name].load_state_dict(nets[name].state_dict())
                loss = _go_through(lesson, nets[name], averages[name], optimisers[name], number, settings)
                board.add_scalar(f"loss/{name}", loss, number + 1)
                progress.update(task, description=f"training, {name} loss {loss:.4f}")
            progress.advance(task)
            _save_checkpoint(run.work, settings, number + 1, nets, averages, optimisers)
    return {name: net.eval() for name, net in averages.items()}


def _round(pieces: Mapping[str, Sequence[Piece]], random: np.random.Generator) -> dict[str, Lesson]:
    chosen = lessons.plan(pieces, SHARES, random)
    makers = {"slip": lessons.slip_lesson, "missing": lessons.missing_lesson}
    return {name: lessons.join([make(piece, random) for piece in chosen]) for name, make in makers.items()}


def _go_through(
    lesson: Lesson, net: _Net, average: _Net, optimiser: torch.optim.Optimizer, number: int, settings: PolishSettings
) -> float:
    """Take the steps of one round; return the mean loss."""
    net.train()
    batches = math.ceil(len(lesson.target) / settings.batch)
    total = 0.0
    for turn in range(settings.passes):
        for at, rows in enumerate(torch.split(torch.randperm(len(lesson.target)), settings.batch)):
            done = number + (turn + at / batches) / settings.passes
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done / settings.rounds))
            loss = _loss(net, lesson, rows)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item()
            steps = (number * settings.passes + turn) * batches + at
            _follow(average, net, min(0.999, (1 + steps) / (10 + steps)))
    return total / (settings.passes * batches)


@torch.no_grad()
def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    for mean, now in zip(average.parameters(), net.parameters(), strict=True):
        mean.lerp_(now, 1 - decay)


def _save_checkpoint(work: Path, settings: PolishSettings, rounds: int, *parts: Mapping[str, Any]) -> None:
    states = [{name: item.state_dict() for name, item in part.items()} for part in parts]
    keep({"settings": settings.model_dump_json(), "rounds": rounds, "states": states}, work / _CHECKPOINT)


def _resume(work: Path, settings: PolishSettings, *parts: Mapping[str, Any]) -> int:
    path = work / _CHECKPOINT
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True)
    if saved["settings"] != settings.model_dump_json():
        return 0
    for part, states in zip(parts, saved["states"], strict=True):
        for name, item in part.items():
            item.load_state_dict(states[name])
    return int(saved["rounds"])
