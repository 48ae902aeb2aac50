"""``segue train emotion``: trains the four listeners on EMOPIA and measures them on EMOPIA and VGMIDI."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from rich.progress import track
from segue.music import Piece, midi_to_piece
from segue.music.features import features
from segue.music.reading import Reading
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.score.emotion import LISTENERS, Listeners
from segue.plugins.score.emotion_nets import FRAMES, NOTES, QUADRANTS, note_features, piano_roll
from segue.plugins.score.fitting import fit
from segue.plugins.score.linear import LinearClassifier, fit_linear
from torch import Tensor, nn

_LABELS: Final = tuple(str(number) for number in range(len(QUADRANTS)))
_FOLDS, _DRAWS = 10, 5
_TRANSPOSE: Final = 3
_TEMPERATURES: Final = np.geomspace(0.3, 3, 25)
Heard = Sequence[Mapping[str, NDArray[np.float64]]]


class EmotionSettings(TrainingSettings):
    """Settings of the listeners."""

    steps: int = Field(2000, ge=1, description="Training steps of each network, 16 stretches each.")
    strength: float = Field(0.03, gt=0, description="How loose the weights on the features are.")


@dataclass(frozen=True)
class Clip:
    """A clip with its quadrant: 0 happy, 1 tense, 2 sad, 3 calm."""

    piece: Piece
    quadrant: int


def emopia(data: Path, part: str) -> list[Clip]:
    """Read a part (``train``, ``val``, ``test``) of the official split of EMOPIA.

    Raises
    ------
    InvalidRequest
        If the folder does not hold it.
    """
    folder = data / "emopia"
    listing = folder / "split" / f"{part}_clip.csv"
    if not listing.is_file():
        raise InvalidRequest("data", f"{data} holds no emopia/split/{part}_clip.csv")
    with listing.open(newline="") as rows:
        names = [row["clip_name"] for row in csv.DictReader(rows)]
    return [Clip(midi_to_piece((folder / "midis" / n).read_bytes())[0], int(n[1]) - 1) for n in names]


class EmotionTrainer(Trainer):
    """Trains on EMOPIA, which forbids commercial use; VGMIDI only measures."""

    Settings = EmotionSettings
    example: ClassVar[str] = "segue train emotion --data DATA --evaluate"

    def train(self, run: Run, settings: EmotionSettings) -> Sequence[Report]:
        """Train the listeners, weigh their votes on the validation part, and measure them."""
        run.sources.append(DataSource("EMOPIA 1.0", "CC-BY-NC-SA-4.0", run.data / "emopia", non_commercial=True))
        train, valid = emopia(run.data, "train"), emopia(run.data, "val")
        table = _features(train, run.console)
        listeners = Listeners.blank(fit_linear(table, [str(clip.quadrant) for clip in train], settings.strength))
        batches: dict[str, Callable[[int], tuple[Tensor, Tensor]]] = {
            "roll": lambda step: _rolls(train, run.seed, step),
            "recurrent": lambda step: _stretches(train, run.seed, step),
            "attention": lambda step: _stretches(train, run.seed, step),
        }
        for name, net in listeners.nets.items():
            measure = _measure(listeners, name, valid)
            fit(net, batches[name], measure, run, name, steps=settings.steps, rate=2e-3, smoothing=0.1, every=200)
        heard = [listeners.hear(clip.piece) for clip in valid]
        weighed = _weigh(listeners, heard, [clip.quadrant for clip in valid])
        weighed.save(run.artifacts)
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure each listener and their vote."""
        listeners = Listeners.load(artifacts)
        tests = emopia(data, "test")
        truth = np.array([clip.quadrant for clip in tests])
        heard = [listeners.hear(clip.piece) for clip in track(tests, "EMOPIA", console=console)]
        rows = {"largest class": {"quadrant": float(np.bincount(truth).max() / len(truth))}}
        for name in (*LISTENERS, "emotion"):
            votes = [listeners.vote(h) if name == "emotion" else h[name] for h in heard]
            rows[name] = _scores(np.stack(votes).argmax(axis=1), truth)
        reports = [
            Report(
                f"EMOPIA, official split by song, {len(tests)} test clips; accuracy. Published on this split: "
                "LSTM with attention .684 (from memory).",
                rows,
            )
        ]
        if (data / "vgmidi" / "vgmidi_labelled.csv").is_file():
            reports.append(_vgmidi(data / "vgmidi", listeners, console))
        return reports


def _scores(found: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy of quadrant, valence and arousal."""
    pleasant, excited = np.array([True, False, False, True]), np.array([True, True, False, False])
    return {
        "quadrant": float((found == truth).mean()),
        "valence": float((pleasant[found] == pleasant[truth]).mean()),
        "arousal": float((excited[found] == excited[truth]).mean()),
    }


def _features(clips: Sequence[Clip], console: Console) -> NDArray[np.float64]:
    return np.stack([features(Reading(clip.piece)) for clip in track(clips, "features", console=console)])


def _stretches(clips: Sequence[Clip], seed: int, step: int, size: int = 16) -> tuple[Tensor, Tensor]:
    """Draw stretches of notes, transposed by up to three semitones, a little slower or faster, softer or louder."""
    rng = np.random.default_rng([seed, step])
    inputs, targets = [], []
    length = int(rng.integers(NOTES // 2, NOTES + 1))
    for number in rng.integers(len(clips), size=size).tolist():
        notes = note_features(clips[number].piece).copy()
        start = int(rng.integers(max(1, len(notes) - length + 1)))
        notes = notes[start : start + length]
        notes[:, 0] += rng.integers(-_TRANSPOSE, _TRANSPOSE + 1) / 24
        notes[:, 2:4] += rng.normal(0, 0.05)
        notes[:, 4] += rng.normal(0, 0.1)
        inputs.append(np.resize(notes, (length, notes.shape[1])))  # a short clip is heard more than once
        targets.append(clips[number].quadrant)
    return torch.from_numpy(np.stack(inputs)), torch.tensor(targets)


def _rolls(clips: Sequence[Clip], seed: int, step: int, size: int = 16) -> tuple[Tensor, Tensor]:
    """Draw piano rolls, transposed by up to three semitones, beginning somewhere."""
    rng = np.random.default_rng([seed, step])
    inputs, targets = [], []
    for number in rng.integers(len(clips), size=size).tolist():
        roll = piano_roll(clips[number].piece)
        roll = np.roll(roll, (int(rng.integers(-_TRANSPOSE, _TRANSPOSE + 1)), int(rng.integers(FRAMES))), axis=(1, 2))
        inputs.append(roll * rng.uniform(0.8, 1.2))
        targets.append(clips[number].quadrant)
    return torch.from_numpy(np.stack(inputs).astype(np.float32)), torch.tensor(targets)


def _measure(listeners: Listeners, name: str, clips: Sequence[Clip]) -> Callable[[nn.Module], float]:
    """Return a function that measures one network on clips."""
    truth = [clip.quadrant for clip in clips]
    rolls = torch.from_numpy(np.stack([piano_roll(clip.piece) for clip in clips])) if name == "roll" else None
    notes = [torch.from_numpy(note_features(clip.piece))[None, :NOTES] for clip in clips]

    @torch.inference_mode()
    def accuracy(net: nn.Module) -> float:
        logits = net(rolls) if rolls is not None else torch.cat([net(each) for each in notes])
        return float((logits.argmax(dim=1).numpy() == np.array(truth)).mean())

    return accuracy


def _weigh(listeners: Listeners, heard: Heard, truth: Sequence[int]) -> Listeners:
    """Choose the share of the features' vote and the temperature that make the validation part most probable."""
    rows = np.arange(len(truth))
    best, chosen = -np.inf, listeners
    for share in (0.25, 0.4, 0.55, 0.7):
        shares = {name: share if name == "features" else (1 - share) / 3 for name in LISTENERS}
        for temperature in _TEMPERATURES.tolist():
            candidate = replace(listeners, shares=shares, temperature=temperature)
            votes = np.stack([candidate.vote(each) for each in heard])
            likelihood = float(np.log(votes[rows, truth] + 1e-9).mean())
            if likelihood > best:
                best, chosen = likelihood, candidate
    return chosen


def _vgmidi(folder: Path, listeners: Listeners, console: Console) -> Report:
    """Measure valence and arousal on VGMIDI in ten folds that no game is in twice."""
    with (folder / "vgmidi_labelled.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    pieces = [midi_to_piece((folder / row["midi"]).read_bytes())[0] for row in rows]
    table = np.stack([features(Reading(piece)) for piece in track(pieces, "VGMIDI", console=console)])
    votes = np.stack([listeners.vote(listeners.hear(piece)) for piece in pieces])
    joined = np.concatenate([table, np.log(votes + 1e-3)], axis=1)
    pleasant = np.array([row["valence"] == "1" for row in rows])
    excited = np.array([row["arousal"] == "1" for row in rows])
    truth = np.where(excited, np.where(pleasant, 0, 1), np.where(pleasant, 3, 2))
    games = np.unique([row["game"] for row in rows], return_inverse=True)[1]
    rows_of: dict[str, dict[str, float]] = {
        "largest class": _scores(np.full(len(rows), np.bincount(truth).argmax()), truth),
        "emotion, never trained on VGMIDI": _scores(votes.argmax(axis=1), truth),
    }
    for name, inputs in (("features", table), ("features and emotion", joined)):
        draws = []
        for seed in range(_DRAWS):
            fold = np.random.default_rng(seed).permutation(games.max() + 1)[games] % _FOLDS
            draws.append(_scores(_folds(inputs, pleasant, excited, fold), truth))
        rows_of[f"{name}, trained in each fold"] = {
            metric: float(np.mean([draw[metric] for draw in draws])) for metric in draws[0]
        }
    protocol = f"VGMIDI, {len(rows)} phrases, ten folds by game, mean of {_DRAWS} draws of the folds; accuracy."
    return Report(protocol, rows_of)


def _folds(
    table: NDArray[np.float64], pleasant: NDArray[np.bool_], excited: NDArray[np.bool_], fold: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Predict valence and arousal apart, each fold from the others, and join them to quadrants."""
    guesses = []
    for truth in (pleasant, excited):
        guess = np.zeros(len(table), bool)
        for number in range(_FOLDS):
            own = fold == number
            model: LinearClassifier = fit_linear(table[~own], [str(int(t)) for t in truth[~own]], 0.02)
            guess[own] = model.probabilities(table[own])[:, 1] > 0.5
        guesses.append(guess)
    return np.where(guesses[1], np.where(guesses[0], 0, 1), np.where(guesses[0], 3, 2))
