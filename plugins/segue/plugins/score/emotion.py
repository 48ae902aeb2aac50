"""Emotion of a score: the model half of the algorithm ``emotion``.

Four listeners vote: logistic regression on the documented features, and the three networks of ``emotion_nets``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from google.protobuf.message import Message
from numpy.typing import NDArray
from safetensors.torch import load_model, save
from segue.music import Piece, music_to_piece
from segue.music.features import features
from segue.music.reading import Reading
from segue.plugin_api.errors import InvalidMusic, SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.score.emotion_nets import NOTES, AttentionNet, RecurrentNet, RollNet, note_features, piano_roll
from segue.plugins.score.linear import LinearClassifier
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2
from torch import nn

LISTENERS: Final = ("features", "roll", "recurrent", "attention")
_LONGEST_POINTS: Final = 16
_POINT_SECONDS: Final = 8.0
_FEWEST_NOTES: Final = 8


@dataclass(frozen=True)
class Listeners:
    """The classifiers of one version.

    Attributes
    ----------
    linear
        On features; its labels are ``"0"`` to ``"3"``.
    nets
        Name → network.
    shares
        Name → share of its vote; they add to 1.
    temperature
        What the joint logarithms are divided by, so that probabilities are calibrated.
    """

    linear: LinearClassifier
    nets: Mapping[str, nn.Module]
    shares: Mapping[str, float]
    temperature: float

    @classmethod
    def blank(cls, linear: LinearClassifier) -> Listeners:
        """Return untrained networks beside a classifier, all with the same share."""
        nets = {"roll": RollNet(), "recurrent": RecurrentNet(), "attention": AttentionNet()}
        return cls(linear, nets, dict.fromkeys(LISTENERS, 1 / len(LISTENERS)), 1.0)

    @classmethod
    def load(cls, folder: Path) -> Listeners:
        """Read a version; the networks run on the CPU, where a clip takes milliseconds."""
        listeners = cls.blank(LinearClassifier.load(folder / "features.safetensors"))
        for name, net in listeners.nets.items():
            load_model(net, folder / f"{name}.safetensors")
            net.eval()
        vote = json.loads((folder / "vote.json").read_text())
        return cls(listeners.linear, listeners.nets, vote["shares"], vote["temperature"])

    def save(self, folder: Path) -> None:
        """Write a version."""
        self.linear.save(folder / "features.safetensors")
        for name, net in self.nets.items():
            (folder / f"{name}.safetensors").write_bytes(save(net.state_dict()))
        vote = {"shares": dict(self.shares), "temperature": self.temperature}
        (folder / "vote.json").write_text(json.dumps(vote))

    @torch.inference_mode()
    def hear(self, piece: Piece) -> dict[str, NDArray[np.float64]]:
        """Return what each listener makes of a piece with pitched notes: name → log probabilities, shape (4,)."""
        heard = {"features": np.log(self.linear.probabilities(features(Reading(piece))) + 1e-9)}
        notes = piece.without_drums()
        windows = torch.from_numpy(_windows(note_features(notes)))
        inputs = {"roll": torch.from_numpy(piano_roll(notes))[None], "recurrent": windows, "attention": windows}
        for name, net in self.nets.items():
            heard[name] = torch.log_softmax(net(inputs[name]), dim=1).mean(dim=0).double().numpy()
        return heard

    def vote(self, heard: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Join what the listeners heard into the probabilities of the four quadrants, shape (4,)."""
        joint = np.sum([self.shares[name] * logs for name, logs in heard.items()], axis=0) / self.temperature
        share = np.exp(joint - joint.max())
        return np.asarray(share / share.sum())


def _windows(notes: NDArray[np.float32], most: int = 4) -> NDArray[np.float32]:
    """Cut notes into at most four stretches of 256, spread over the piece; shorter music is one stretch."""
    if len(notes) <= NOTES:
        return notes[None]
    count = min(most, -(-len(notes) // NOTES))
    starts = np.linspace(0, len(notes) - NOTES, count).astype(np.int64)
    return np.stack([notes[start : start + NOTES] for start in starts])


def to_emotion(probabilities: NDArray[np.float64]) -> music_pb2.Emotion:
    """Write quadrant probabilities as a message; valence and arousal are their balance, -1 to 1."""
    happy, tense, sad, calm = probabilities.tolist()
    return music_pb2.Emotion(
        quadrant=music_pb2.EmotionQuadrant.ValueType(int(probabilities.argmax()) + 1),
        valence=float(np.clip(happy + calm - tense - sad, -1, 1)),
        arousal=float(np.clip(happy + tense - sad - calm, -1, 1)),
        probabilities=probabilities.tolist(),
    )


def describe_emotion(piece: Piece, listeners: Listeners) -> pb.EmotionAnalysis:
    """Describe the emotion of a piece and how it goes: one point for every eight seconds or sixteenth of the piece.

    Raises
    ------
    InvalidMusic
        If it has no pitched notes.
    """
    notes = piece.without_drums()
    if not len(notes):
        raise InvalidMusic("music", "has no pitched notes, whose emotion could be told")
    overall = to_emotion(listeners.vote(listeners.hear(notes)))
    seconds = float(notes.beats_to_seconds(notes.beats))
    points = int(np.clip(seconds // _POINT_SECONDS, 1, _LONGEST_POINTS))
    edges = notes.seconds_to_beats(np.linspace(0, seconds, points + 1))
    bounds = np.searchsorted(notes.start, edges)
    curve = []
    for row in range(points if points > 1 else 0):
        part = notes.select(np.arange(bounds[row], bounds[row + 1]))
        if len(part) >= _FEWEST_NOTES:
            span = music_pb2.Span(start=max(float(edges[row]), 0.0), end=float(edges[row + 1]))
            curve.append(pb.EmotionPoint(span=span, emotion=to_emotion(listeners.vote(listeners.hear(part)))))
    return pb.EmotionAnalysis(overall=overall, curve=curve)


class EmotionModel(MessageModel[pb.AnalyzeRequest]):
    """Tells the emotion of scores."""

    request_type = pb.AnalyzeRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the listeners."""
        self._listeners = Listeners.load(artifacts)

    def answer(self, items: Sequence[Item[pb.AnalyzeRequest]]) -> Sequence[Message | SegueError]:
        """Tell the emotion of each piece."""
        return [self._answer(item) for item in items]

    def _answer(self, item: Item[Any]) -> Message | SegueError:
        request: pb.AnalyzeRequest = item.request
        try:
            piece, notices = music_to_piece(request.music)
            response = pb.AnalyzeResponse(
                seconds=float(piece.beats_to_seconds(piece.beats)), beats=piece.beats, notes=len(piece), notices=notices
            )
            if not request.aspects or pb.ASPECT_EMOTION in request.aspects:
                response.emotion.CopyFrom(describe_emotion(piece, self._listeners))
            if any(aspect != pb.ASPECT_EMOTION for aspect in request.aspects):
                text = "The algorithm 'emotion' tells emotion alone; 'score' tells the rest."
                response.notices.append(music_pb2.Notice(subject="aspects", text=text))
        except SegueError as error:
            return error
        return response
