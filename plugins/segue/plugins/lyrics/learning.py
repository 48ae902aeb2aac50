"""Fitting the network: verse first, then songs; the weights that are best on the validation songs are kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from segue.plugin_api.training import TrainingSettings
from segue.plugins.lyrics.corpus import Corpus, Song
from segue.plugins.lyrics.network import Network, NetworkSettings
from segue.plugins.lyrics.vocabulary import SONG, UNKNOWN, Vocabulary
from segue.plugins.training import keep, training_device
from torch import Tensor, nn

_CHECKPOINT: Final = "checkpoint.pt"
_WARM_UP: Final = 100


class FitSettings(TrainingSettings):
    """What fitting needs to know; the trainer's settings derive from it."""

    batch: int
    length: int
    songs_in_verse: int
    tuning_passes: int
    learning_rate: float
    weight_decay: float
    candidates: int
    evaluate_every: int
    network: NetworkSettings


def curriculum(corpus: Corpus, vocabulary: Vocabulary, settings: FitSettings, seed: int) -> NDArray[np.int64]:
    """Return the words to learn from, in order, shape (batch, words): all verse among songs, then songs among verse."""
    rng = np.random.default_rng((seed, 2))

    def shuffled(texts: Sequence[Song]) -> list[Song]:
        return [texts[index] for index in rng.permutation(len(texts))]

    tuning = [*corpus.train] * settings.tuning_passes
    beside = shuffled(corpus.verse)[: len(corpus.verse) // 8]
    order = [*shuffled([*corpus.verse, *corpus.train * settings.songs_in_verse]), *shuffled([*tuning, *beside])]
    tokens = np.array([token for text in order for token in vocabulary.backwards(text.lines)])
    columns = len(tokens) // (settings.batch * settings.length) * settings.length
    # consecutive windows of one row follow each other, and all rows move through the curriculum together
    rows = tokens[: columns * settings.batch].reshape(-1, settings.batch, settings.length)
    return np.ascontiguousarray(rows.transpose(1, 0, 2).reshape(settings.batch, -1))


def sampled_loss(network: Network, read: Tensor, targets: Tensor, candidates: int, draw: torch.Generator) -> Tensor:
    """Return the mean of -log p of the targets, its normaliser estimated from some of the words.

    The words of the batch take part as they are; ``candidates`` words drawn from the rest stand for all of it, which
    leaves the estimate of the sum unbiased.

    References
    ----------
    Y. Bengio and J.-S. Senecal, "Adaptive importance sampling to accelerate training of a neural probabilistic language
    model", IEEE Transactions on Neural Networks 2008.
    """
    own, where = torch.unique(targets, return_inverse=True)
    absent = torch.ones(len(network.bias), dtype=torch.bool)
    absent[own] = False
    rest = absent.nonzero()[:, 0]
    drawn = rest[torch.randperm(len(rest), generator=draw)[:candidates]]
    chosen = torch.cat([own, drawn]).to(read.device)
    logits = network.score(read.flatten(0, 1), chosen)
    stands_for = torch.zeros(len(chosen), device=read.device)
    stands_for[len(own) :] = math.log(max(len(rest), 1) / max(len(drawn), 1))
    return nn.functional.cross_entropy(logits + stands_for, where.reshape(-1).to(read.device))


@torch.no_grad()
def nats(network: Network, songs: Sequence[Song], vocabulary: Vocabulary) -> tuple[float, int]:
    """Return the sum of -log p over the known words and line ends of some songs, and their number."""
    network.eval()
    total, count = 0.0, 0
    for song in songs:
        tokens = torch.tensor(vocabulary.backwards(song.lines))[None]
        logits = network(tokens[:, :-1])[0]
        kept = (tokens[0, 1:] != UNKNOWN) & (tokens[0, 1:] != SONG)
        losses = nn.functional.cross_entropy(logits[0], tokens[0, 1:], reduction="none")
        total += float(losses[kept].sum())
        count += int(kept.sum())
    return total, count


def fit(
    corpus: Corpus, vocabulary: Vocabulary, settings: FitSettings, work: Path, seed: int, console: Console
) -> Network:
    """Train a network; resumes from the checkpoint in ``work`` if it was made with the same settings."""
    torch.manual_seed(seed)
    device = training_device()
    network = Network(settings.network, len(vocabulary)).to(device)
    best = copy.deepcopy(network)
    rows = torch.from_numpy(curriculum(corpus, vocabulary, settings, seed))
    steps = (rows.shape[1] - 1) // settings.length
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.0, betas=(0.9, 0.99), weight_decay=settings.weight_decay)

    def pace(step: int) -> float:
        return float(settings.learning_rate * min(1.0, (step + 1) / _WARM_UP) * (1 - step / steps) ** 0.8)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, pace)
    first, lowest = _resume(work, settings, network, best, optimiser, schedule)
    log = _writer(work)
    state: Tensor | None = None
    draw = torch.Generator()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=steps, completed=first)
        for step in range(first, steps):
            torch.manual_seed(seed * 1_000_003 + step)
            draw.manual_seed(seed * 1_000_003 + step)
            begin = step * settings.length
            window = rows[:, begin : begin + settings.length + 1].to(device)
            read, state = network.train().read(window[:, :-1], state)
            state = state.detach()
            loss = sampled_loss(network, read, window[:, 1:], settings.candidates, draw)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            progress.update(task, advance=1)
            if (step + 1) % settings.evaluate_every == 0 or step + 1 == steps:
                total, count = nats(network, corpus.valid, vocabulary)
                log.add_scalar("loss/train", loss.item(), step + 1)
                log.add_scalar("nats/valid", total / count, step + 1)
                if total / count < lowest:
                    lowest = total / count
                    best.load_state_dict(network.state_dict())
                progress.update(task, description=f"training, valid perplexity {math.exp(total / count):.1f}")
                console.print(f"step {step + 1} train {loss.item():.3f} valid {total / count:.4f}")
                _save_checkpoint(work, settings, step + 1, lowest, network, best, optimiser, schedule)
    return best.cpu().eval()


def _writer(folder: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter  # needs the train extra, which the model half does without

    return SummaryWriter(folder)


def _save_checkpoint(work: Path, settings: FitSettings, step: int, lowest: float, *parts: Any) -> None:
    states = [part.state_dict() for part in parts]
    state = {"settings": settings.model_dump(), "step": step, "lowest": lowest, "parts": states}
    keep(state, work / _CHECKPOINT)


def _resume(work: Path, settings: FitSettings, *parts: Any) -> tuple[int, float]:
    path = work / _CHECKPOINT
    if not path.is_file():
        return 0, math.inf
    saved = torch.load(path, weights_only=True)
    if saved["settings"] != settings.model_dump():
        return 0, math.inf
    for part, state in zip(parts, saved["parts"], strict=True):
        part.load_state_dict(state)
    return int(saved["step"]), float(saved["lowest"])
