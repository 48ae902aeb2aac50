"""Emotion of a score: the model half of the algorithm ``emotion``.

Four listeners vote: logistic regression on the documented features, and the three networks of ``emotion_nets``, one of
which learnt from music without labels before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
from segue.plugin_api.errors import SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.score.emotion_nets import NOTES, AttentionNet, RecurrentNet, RollNet, note_tokens, piano_roll
from segue.plugins.score.linear import LinearClassifier
from segue.plugins.score.networks import use_one_thread
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

LISTENERS: Final = ("features", "roll", "recurrent", "attention")
_MOST_POINTS: Final = 16
_POINT_SECONDS: Final = 8.0
_FEWEST_NOTES: Final = 8
_MOST_WINDOWS: Final = 4


@dataclass(frozen=True)
class Listeners:
    """The classifiers of one version.

    Attributes
    ----------
    linear
        On features; its labels are ``"0"`` to ``"3"``.
    nets
        Name → network with ``embed`` and ``leave``.
    shares
        Name → share of its vote; they add to 1.
    temperature
        What the joint logarithms are divided by, so that probabilities are calibrated.
    """

    linear: LinearClassifier
    nets: Mapping[str, Any]
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
            tensors = net.state_dict().items()
            half = {part: tensor.half() if tensor.is_floating_point() else tensor for part, tensor in tensors}
            (folder / f"{name}.safetensors").write_bytes(save(half))
        vote = {"shares": dict(self.shares), "temperature": self.temperature}
        (folder / "vote.json").write_text(json.dumps(vote))

    @torch.inference_mode()
    def embed(self, name: str, pieces: Sequence[Piece], most: int = _MOST_WINDOWS) -> NDArray[np.float64]:
        """Return what a network hears in pieces with pitched notes, shape (pieces, width of the network).

        Note tokens are heard in at most so many stretches of each piece.
        """
        notes = [piece.without_drums() for piece in pieces]
        if name == "roll":
            rolls = torch.from_numpy(np.stack([piano_roll(piece) for piece in notes]))
            return np.asarray(self.nets[name].embed(rolls).double().numpy())
        windows = [_windows(note_tokens(piece), most) for piece in notes]
        stretches = [stretch for each in windows for stretch in each]
        heard: dict[int, NDArray[np.float32]] = {}
        for length in {len(stretch) for stretch in stretches}:  # one call for all that are as long
            own = [number for number, stretch in enumerate(stretches) if len(stretch) == length]
            found = self.nets[name].embed(torch.from_numpy(np.stack([stretches[number] for number in own])))
            heard.update(zip(own, found.numpy(), strict=True))
        rows = np.stack([heard[number] for number in range(len(stretches))]).astype(np.float64)
        ends = np.cumsum([len(each) for each in windows])
        return np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])])

    @torch.inference_mode()
    def hear(self, pieces: Sequence[Piece], most: int = _MOST_WINDOWS) -> dict[str, NDArray[np.float64]]:
        """Return what each listener makes of pieces with pitched notes: name → log probabilities, shape (pieces, 4)."""
        table = np.stack([features(Reading(piece)) for piece in pieces])
        heard = {"features": np.log(self.linear.probabilities(table) + 1e-9)}
        for name, net in self.nets.items():
            logits = net.leave(torch.from_numpy(self.embed(name, pieces, most)).float())
            heard[name] = torch.log_softmax(logits, dim=1).double().numpy()
        return heard

    def vote(self, heard: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Join what the listeners heard into the probabilities of the four quadrants, shape (pieces, 4)."""
        joint = np.sum([self.shares[name] * logs for name, logs in heard.items()], axis=0) / self.temperature
        share = np.exp(joint - joint.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True))


def _windows(notes: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Cut notes into stretches, at most so many, spread over the piece or the one in its middle; little is one."""
    if len(notes) <= NOTES:
        return notes[None]
    count = min(most, -(-len(notes) // NOTES))
    last = len(notes) - NOTES
    starts = np.linspace(0, last, count).astype(np.int64) if count > 1 else [last // 2]
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


def describe_emotion(notes: Piece, listeners: Listeners) -> pb.EmotionAnalysis:
    """Describe the emotion of a piece with pitched notes only, and how it goes.

    There is one point for every eight seconds or sixteenth of the piece, whichever is longer; each hears as much
    before and after as it lasts, because the listeners learnt from clips of about 40 seconds; of its note
    tokens the 160 in the middle are heard.
    """
    seconds = float(notes.beats_to_seconds(notes.beats))
    count = int(np.clip(seconds // _POINT_SECONDS, 1, _MOST_POINTS))
    edges = np.linspace(0, seconds, count + 1)
    beats = dict(zip(edges.tolist(), notes.seconds_to_beats(edges).tolist(), strict=True))
    starts = notes.beats_to_seconds(notes.start)
    parts, spans = [], []
    for begin, end in pairwise(edges.tolist() if count > 1 else ()):
        around = end - begin
        own = np.flatnonzero((starts >= begin - around) & (starts < end + around))
        if len(own) >= _FEWEST_NOTES:
            parts.append(notes.select(own))
            spans.append(music_pb2.Span(start=beats[begin], end=beats[end]))
    overall = to_emotion(listeners.vote(listeners.hear([notes]))[0])
    curve = [to_emotion(shares) for shares in listeners.vote(listeners.hear(parts, most=1))] if parts else []
    points = [pb.EmotionPoint(span=span, emotion=emotion) for span, emotion in zip(spans, curve, strict=True)]
    return pb.EmotionAnalysis(overall=overall, curve=points)


class EmotionModel(MessageModel[pb.AnalyzeRequest]):
    """Tells the emotion of scores."""

    request_type = pb.AnalyzeRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the listeners."""
        use_one_thread()
        self._listeners = Listeners.load(artifacts)

    def answer(self, items: Sequence[Item[pb.AnalyzeRequest]]) -> Sequence[Message | SegueError]:
        """Tell the emotion of each piece."""
        return [self._answer(item) for item in items]

    def _answer(self, item: Item[Any]) -> Message | SegueError:
        request: pb.AnalyzeRequest = item.request
        try:
            piece, notices = music_to_piece(request.music)
        except SegueError as error:
            return error
        response = pb.AnalyzeResponse(
            seconds=float(piece.beats_to_seconds(piece.beats)), beats=piece.beats, notes=len(piece), notices=notices
        )
        notes = piece.without_drums()
        if len(notes):
            response.emotion.CopyFrom(describe_emotion(notes, self._listeners))
        else:
            response.notices.append(
                music_pb2.Notice(subject="emotion", text="There are no pitched notes to tell it by.")
            )
        return response
