"""``segue train emotion``: trains the four listeners on EMOPIA and measures them on EMOPIA and VGMIDI."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_model
from segue.music import Piece, midi_to_piece
from segue.music.features import features
from segue.music.reading import Reading
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.packs.files import sources
from segue.plugins.packs.pop909 import songs
from segue.plugins.score.data import part_of
from segue.plugins.score.emotion import Heard, Listeners
from segue.plugins.score.emotion_course import CLIPS, hear_course
from segue.plugins.score.emotion_lessons import Lesson, Pack, read_lesson
from segue.plugins.score.emotion_note_tasks import NoteTasks
from segue.plugins.score.emotion_pretraining import PretrainingSettings, pretrain
from segue.plugins.score.emotion_roll_tasks import RollTasks
from segue.plugins.score.kernel import fit_kernel
from segue.plugins.score.linear import LinearClassifier, fit_linear
from segue.plugins.score.networks import shipped_networks
from segue.plugins.score.plugin import EmotionAnalyzer
from torch import nn

_FOLDS, _DRAWS = 10, 5
_ROWS_DRAWN: Final = 2
_SHARES: Final = {"features": 0.4, "roll": 0.1, "recurrent": 0.1, "attention": 0.4}
"""Of the vote; chosen in folds by song over EMOPIA's training and validation parts, where others near it do as well."""
_TEMPERATURES: Final = np.geomspace(0.3, 3, 25)
Network = Literal["roll", "recurrent", "attention"]


class EmotionSettings(TrainingSettings):
    """Settings of the listeners."""

    strength: float = Field(0.03, gt=0, description="How loose the weights on the features are.")
    heard_strength: float = Field(0.003, gt=0, description="Likewise, on what the networks hear.")
    anew: tuple[Network, ...] = Field(
        get_args(Network), description="Networks to train; the others are those of the version that is shipped. JSON."
    )
    pretraining: PretrainingSettings = Field(
        PretrainingSettings(), description="What the networks learn before, as JSON."
    )


@dataclass(frozen=True)
class Clip:
    """A clip with its quadrant, 0 happy, 1 tense, 2 sad, 3 calm, and the song it is of."""

    piece: Piece
    quadrant: int
    song: str


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
    pieces = [midi_to_piece((folder / "midis" / name).read_bytes())[0] for name in names]
    return [Clip(p, int(n[1]) - 1, n[3:].rpartition("_")[0]) for p, n in zip(pieces, names, strict=True)]


def piano_songs(data: Path, clips: Sequence[Clip], console: Console) -> list[Pack]:
    """Return the packs to learn from: the songs of labelled clips and, where they are at hand, those of POP909.

    The shipped version of ``score`` hears them. POP909 outweighs the others by two to one; a fifth of its songs, by
    their hash, is left out as everywhere in ``score``.
    """
    networks = shipped_networks()
    by_song: dict[str, list[Lesson]] = {}
    for clip in track(clips, "clips to lessons", console=console):
        by_song.setdefault(clip.song, []).append(read_lesson(clip.piece, networks))
    packs: list[Pack] = [list(by_song.values())]
    if (data / "pop909").is_dir():
        learnt = [song for song in songs(data) if part_of(song.number) != "test"]
        pop = track(learnt, "songs to lessons", console=console)
        packs += [[[read_lesson(song.piece(), networks)] for song in pop]] * 2
    return packs


class EmotionTrainer(Trainer):
    """Trains on EMOPIA, which forbids commercial use; VGMIDI only measures."""

    Settings = EmotionSettings
    example: ClassVar[str] = "segue train emotion --data DATA --evaluate"

    def train(self, run: Run, settings: EmotionSettings) -> Sequence[Report]:
        """Train the listeners, set how sure their vote is on the validation part, and measure them."""
        run.sources.append(DataSource("EMOPIA 1.0", "CC-BY-NC-SA-4.0", run.data / "emopia", non_commercial=True))
        run.sources += sources(run.data, "pop909")
        train, valid = emopia(run.data, "train"), emopia(run.data, "val")
        pieces, labels = [clip.piece for clip in train], [str(clip.quadrant) for clip in train]
        table = np.stack([features(Reading(piece)) for piece in track(pieces, "features", console=run.console)])
        packs = piano_songs(run.data, train, run.console)
        shipped = EmotionAnalyzer.models[0].shipped
        assert shipped is not None
        torch.manual_seed(run.seed)
        classifier = fit_linear(table, labels, settings.strength)
        listeners = replace(Listeners.blank(classifier), shares=_SHARES)
        for name, net in listeners.nets.items():
            if name in settings.anew:
                tasks = RollTasks(net, classifier) if name == "roll" else NoteTasks(net)
                pretrain(tasks, name, packs, run, settings.pretraining)
                decide(net.leave, fit_linear(listeners.embed(name, pieces), labels, settings.heard_strength))
            else:
                load_model(net.eval(), shipped / "1" / f"{name}.safetensors")
        judged = listeners.hear([Reading(clip.piece) for clip in valid])
        _temper(listeners, judged, [clip.quadrant for clip in valid]).save(run.artifacts)
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure each listener and their vote."""
        return list(measure_emotion(data, Listeners.load(artifacts), console).values())


@torch.no_grad()
def decide(layer: nn.Linear, classifier: LinearClassifier) -> None:
    """Make a layer give the logits of a classifier for inputs that it does not cut off."""
    weights = classifier.weights[:-1] / classifier.scale[:, None]
    layer.weight.copy_(torch.from_numpy(weights.T))
    layer.bias.copy_(torch.from_numpy(classifier.weights[-1] - classifier.mean @ weights))


def measure_emotion(data: Path, listeners: Listeners, console: Console) -> dict[str, Report]:
    """Measure each listener and their vote on EMOPIA, and on VGMIDI where it is at hand: name → report."""
    tests = emopia(data, "test")
    truth = np.array([clip.quadrant for clip in tests])
    heard = listeners.hear([Reading(clip.piece) for clip in track(tests, "EMOPIA", console=console)])
    votes = {**heard, "emotion": np.log(listeners.vote(heard))}
    rows = {"largest class": {"quadrant": float(np.bincount(truth).max() / len(truth))}}
    for name, logs in votes.items():
        rows[name] = {**_scores(logs.argmax(axis=1), truth), "calibration error": _calibration(np.exp(logs), truth)}
    reports = {
        "EMOPIA": Report(
            f"Emotion of {len(tests)} test clips of EMOPIA, official split by song; accuracy, and expected calibration "
            "error in ten bins. Published: MidiBERT .679, LSTM with attention .684 (from memory).",
            rows,
        )
    }
    reports["EMOPIA over time"] = _over_time(emopia(data, "val"), listeners)
    if (data / "vgmidi" / "vgmidi_labelled.csv").is_file():
        reports["VGMIDI"] = _vgmidi(data / "vgmidi", listeners, console)
    return reports


def _over_time(clips: Sequence[Clip], listeners: Listeners) -> Report:
    """Measure emotion over time on the validation part, so that the test part is looked at no more than it must."""
    pieces, quadrants = [clip.piece for clip in clips], [clip.quadrant for clip in clips]
    truth, over_time, whole = hear_course(pieces, quadrants, listeners, _ROWS_DRAWN)
    rows = {
        "largest class": _scores(np.full(len(truth), np.bincount(truth, minlength=4).argmax()), truth),
        "the whole piece's emotion": _scores(whole, truth),
        "emotion": _scores(over_time, truth),
    }
    return Report(
        f"Emotion over time at {len(truth)} points of pieces that are {CLIPS} validation clips of EMOPIA in a row, "
        f"{_ROWS_DRAWN} draws: each point against the label of the clip in its middle; accuracy. The vote's "
        "temperature was set on these clips.",
        rows,
    )


def _scores(found: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy of quadrant, valence and arousal."""
    pleasant, excited = np.array([True, False, False, True]), np.array([True, True, False, False])
    return {
        "quadrant": float((found == truth).mean()),
        "valence": float((pleasant[found] == pleasant[truth]).mean()),
        "arousal": float((excited[found] == excited[truth]).mean()),
    }


def _calibration(shares: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean distance of confidence from accuracy, over ten bins of confidence."""
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    bins = np.minimum((sure * 10).astype(np.int64), 9)
    return float(np.abs(np.bincount(bins, sure - right)).sum() / len(truth))


def _temper(listeners: Listeners, heard: Heard, truth: Sequence[int]) -> Listeners:
    """Choose the temperature that makes the labels of what was heard most probable."""
    rows = np.arange(len(truth))
    candidates = [replace(listeners, temperature=temperature) for temperature in _TEMPERATURES.tolist()]
    return max(candidates, key=lambda each: float(np.log(each.vote(heard)[rows, truth] + 1e-9).mean()))


def _vgmidi(folder: Path, listeners: Listeners, console: Console) -> Report:
    """Measure valence and arousal on VGMIDI in ten folds that no game is in twice."""
    rows, means = (
        list(csv.DictReader((folder / name).read_text().splitlines()))
        for name in ("vgmidi_labelled.csv", "valence_arousal_mean.csv")
    )
    by_name = {row["midi"].removesuffix(".mid"): row for row in means}
    pieces = [midi_to_piece((folder / row["midi"]).read_bytes())[0] for row in rows]
    felt = [by_name[Path(row["midi"]).stem.rpartition("_")[0]] for row in rows]
    rated = np.array([[float(row["valence_mean"]), float(row["arousal_mean"])] for row in felt])
    high = np.array([[row["valence"] == "1", row["arousal"] == "1"] for row in rows])
    games = np.unique([row["game"] for row in rows], return_inverse=True)[1]
    truth = _quadrants(high)
    table = np.stack([features(Reading(piece)) for piece in track(pieces, "VGMIDI", console=console)])
    votes = listeners.vote(listeners.hear([Reading(piece) for piece in pieces]))
    inputs = {"features": table, **{name: listeners.embed(name, pieces) for name in listeners.nets}}
    folds = [np.random.default_rng(n).permutation(games.max() + 1)[games] % _FOLDS for n in range(_DRAWS)]
    found = {name: [_refit(columns, rated, games, fold) for fold in folds] for name, columns in inputs.items()}
    found["all together"] = [np.mean(guesses, axis=0) for guesses in zip(*found.values(), strict=True)]
    rows_of = {
        "largest class": _scores(np.full(len(rows), np.bincount(truth).argmax()), truth),
        "emotion, never trained on VGMIDI": _scores(votes.argmax(axis=1), truth),
    }
    for name, guesses in found.items():
        draws = [_scores(_quadrants(guess > 0), truth) for guess in guesses]
        rows_of[f"{name}, fitted in each fold"] = {
            metric: float(np.mean([draw[metric] for draw in draws])) for metric in draws[0]
        }
    protocol = (
        f"Emotion of {len(rows)} phrases of VGMIDI, ten folds by game, mean of {_DRAWS} draws of the folds; accuracy. "
        "In each fold kernel ridge regression learns the listeners' mean ratings from features, or from what a network "
        "that was trained on EMOPIA hears; all together is the mean of the four."
    )
    return Report(protocol, rows_of)


def _refit(
    columns: NDArray[np.float64], rated: NDArray[np.float64], games: NDArray[np.int64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Guess the ratings of each fold by what was learnt from the others."""
    guess = np.zeros_like(rated)
    for number in range(_FOLDS):
        own = fold == number
        guess[own] = fit_kernel(columns[~own], rated[~own], games[~own])(columns[own])
    return guess


def _quadrants(high: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Join high valence and high arousal, shape (n, 2), to quadrants."""
    pleasant, excited = high.T
    return np.where(excited, np.where(pleasant, 0, 1), np.where(pleasant, 3, 2))
