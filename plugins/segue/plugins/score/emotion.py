"""Emotion of a score: the model half of the algorithm ``emotion``.

Four listeners vote: logistic regression on the documented features, and on what the three networks of ``emotion_nets``,
which learnt from music without labels before, make of a piece.
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
from safetensors.torch import load_model
from segue.music import Piece, music_to_piece
from segue.music.features import features
from segue.music.reading import Reading
from segue.plugin_api.errors import SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.half_precision import save_halves
from segue.plugins.score.emotion_nets import (
    NOTES,
    ROLL_SECONDS,
    AttentionNet,
    RecurrentNet,
    RollNet,
    note_tokens,
    piano_roll,
    roll_inputs,
    signature,
)
from segue.plugins.score.linear import LinearClassifier
from segue.plugins.score.networks import use_one_thread
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

LISTENERS: Final = ("features", "roll", "recurrent", "attention")
_MOST_POINTS: Final = 16
_POINT_SECONDS: Final = 8.0
_FEWEST_NOTES: Final = 8
_MOST_WINDOWS: Final = 4
Heard = Mapping[str, NDArray[np.float64]]
"""Name of a listener → log probabilities of the quadrants, shape (pieces, 4)."""


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
        """Read a version to listen with; the networks run on the CPU, where a clip takes milliseconds."""
        listeners = cls.blank(LinearClassifier.load(folder / "features.safetensors"))
        for name, net in listeners.nets.items():
            load_model(net, folder / f"{name}.safetensors")
            net.eval()
        listeners.nets["recurrent"].fold()
        vote = json.loads((folder / "vote.json").read_text())
        return cls(listeners.linear, listeners.nets, vote["shares"], vote["temperature"])

    def save(self, folder: Path) -> None:
        """Write a version."""
        self.linear.save(folder / "features.safetensors")
        for name, net in self.nets.items():
            save_halves(net.state_dict(), folder / f"{name}.safetensors")
        vote = {"shares": dict(self.shares), "temperature": self.temperature}
        (folder / "vote.json").write_text(json.dumps(vote))

    def embed(self, name: str, pieces: Sequence[Piece]) -> NDArray[np.float64]:
        """Return what a network hears in pieces with pitched notes, shape (pieces, width of the network).

        Each piece is heard in at most four stretches.
        """
        stretches = _rolls if name == "roll" else _tokens
        return self._embed_stretches(name, [stretches(piece.without_drums()) for piece in pieces])

    @torch.inference_mode()
    def _embed_stretches(self, name: str, pieces: Sequence[Sequence[NDArray[np.float32]]]) -> NDArray[np.float64]:
        """Return what a network hears in the stretches of each piece, in the mean."""
        stretches = [stretch for piece in pieces for stretch in piece]
        heard: dict[int, NDArray[np.float32]] = {}
        for length in {len(stretch) for stretch in stretches}:  # one call for all that are as long
            own = [number for number, stretch in enumerate(stretches) if len(stretch) == length]
            found = self.nets[name].embed(torch.from_numpy(np.stack([stretches[number] for number in own])))
            heard.update(zip(own, found.numpy(), strict=True))
        rows = np.stack([heard[number] for number in range(len(stretches))]).astype(np.float64)
        ends = np.cumsum([len(piece) for piece in pieces])
        return np.stack([part.mean(axis=0) for part in np.split(rows, ends[:-1])])

    @torch.inference_mode()
    def _embed_parts(self, name: str, notes: Piece, parts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what a network on note tokens hears in parts of a piece, shape (parts, width of the network).

        Each part has a first note and one after its last; the 160 in its middle are heard. Parts that share notes share
        what was heard: each note is followed in one of the stretches that cover them all.
        """
        net = self.nets[name]
        first = np.maximum(parts[:, 0], (parts.sum(axis=1) - NOTES) // 2)
        last = np.minimum(parts[:, 1], first + NOTES)
        heard = np.unique(np.concatenate([np.arange(*part) for part in zip(first, last, strict=True)]))
        stretches = _windows(heard, len(heard))
        tokens = np.stack([note_tokens(notes.select(stretch)) for stretch in stretches])
        context = net.follow(torch.from_numpy(tokens))
        whole = torch.empty(len(heard), context.shape[2])
        whole[np.searchsorted(heard, stretches)] = context
        ends = np.searchsorted(heard, last)
        pooled = [net.pool(whole[None, end - size : end]) for end, size in zip(ends, last - first, strict=True)]
        return np.asarray(torch.cat(pooled).double().numpy())

    def _embed_rolls(self, notes: Piece, spans: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the roll network hears in parts of a piece, shape (parts, its width).

        Rolls begin every 32 seconds; a part hears the one nearest to its middle, and may share it with its neighbours.
        """
        begin = float(notes.beats_to_seconds(notes.start[0]))
        places = (notes.beats_to_seconds(spans).mean(axis=1) - begin) / ROLL_SECONDS - 0.5
        numbers, shared = np.unique(np.maximum(np.rint(places), 0), return_inverse=True)
        rolls = []
        for start in (begin + numbers * ROLL_SECONDS).tolist():
            own = slice(*np.searchsorted(notes.start, notes.seconds_to_beats([start, start + ROLL_SECONDS])))
            tonic = signature(notes.select(own) if own.stop > own.start else notes)
            rolls.append([roll_inputs(piano_roll(notes, start), tonic)])
        return self._embed_stretches("roll", rolls)[shared]

    def hear(self, readings: Sequence[Reading]) -> Heard:
        """Return what each listener makes of pieces with pitched notes: name → log probabilities, shape (pieces, 4)."""
        pieces = [reading.original for reading in readings]
        return self._judge(readings, {name: self.embed(name, pieces) for name in self.nets})

    def hear_parts(self, reading: Reading, spans: NDArray[np.float64]) -> Heard:
        """Return what each listener makes of parts of a piece without drums, as ``hear`` does of pieces.

        Parameters
        ----------
        reading
            The piece.
        spans : ndarray, shape (parts, 2)
            Begin and end in beats of the parts, in order; notes begin in each.
        """
        notes = reading.original
        excerpts = [reading.excerpt(begin, end) for begin, end in spans.tolist()]
        parts = np.searchsorted(notes.start, spans)
        heard = {name: self._embed_parts(name, notes, parts) for name in ("recurrent", "attention")}
        heard["roll"] = self._embed_rolls(notes, spans)
        return self._judge(excerpts, heard)

    @torch.inference_mode()
    def _judge(self, readings: Sequence[Reading], heard: Mapping[str, NDArray[np.float64]]) -> Heard:
        table = np.stack([features(reading) for reading in readings])
        logs = {"features": np.log(self.linear.probabilities(table) + 1e-9)}
        for name, embedding in heard.items():
            logits = self.nets[name].leave(torch.from_numpy(embedding).float())
            logs[name] = torch.log_softmax(logits, dim=1).double().numpy()
        return logs

    def vote(self, heard: Heard) -> NDArray[np.float64]:
        """Join what the listeners heard into the probabilities of the four quadrants, shape (pieces, 4)."""
        joint = np.sum([self.shares[name] * logs for name, logs in heard.items()], axis=0) / self.temperature
        share = np.exp(joint - joint.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True))


def _tokens(piece: Piece) -> list[NDArray[np.float32]]:
    """Return what the networks on notes are given of a piece: at most four stretches of as many notes."""
    return list(_windows(note_tokens(piece), _MOST_WINDOWS))


def _rolls(piece: Piece) -> list[NDArray[np.float32]]:
    """Return what the network on rolls is given of a piece: as many rolls as it takes, at most four, spread evenly."""
    begin, end = (float(piece.beats_to_seconds(beats)) for beats in (piece.start[0], piece.beats))
    count = int(np.clip(-((begin - end) // ROLL_SECONDS), 1, _MOST_WINDOWS))
    starts = np.linspace(begin, max(begin, end - ROLL_SECONDS), count)
    tonic = signature(piece)
    return [roll_inputs(piano_roll(piece, start), tonic) for start in starts.tolist()]


def _windows(notes: NDArray[Any], most: int) -> NDArray[Any]:
    """Cut notes into stretches of 160, at most so many, spread evenly; fewer notes are one stretch."""
    if len(notes) <= NOTES:
        return notes[None]
    starts = np.linspace(0, len(notes) - NOTES, min(most, -(-len(notes) // NOTES))).astype(np.int64)
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
    own = notes.seconds_to_beats(np.stack([edges[:-1], edges[1:]], axis=1))
    around = notes.seconds_to_beats(np.stack([np.r_[0, edges[:-2]], np.r_[edges[2:], edges[-1] + 1]], axis=1))
    told = np.diff(np.searchsorted(notes.start, around))[:, 0] >= (_FEWEST_NOTES if count > 1 else np.inf)
    reading = Reading(notes)
    overall = to_emotion(listeners.vote(listeners.hear([reading]))[0])
    curve = listeners.vote(listeners.hear_parts(reading, around[told])) if told.any() else ()
    spans = [music_pb2.Span(start=begin, end=end) for begin, end in own[told].tolist()]
    points = [pb.EmotionPoint(span=span, emotion=to_emotion(s)) for span, s in zip(spans, curve, strict=True)]
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
