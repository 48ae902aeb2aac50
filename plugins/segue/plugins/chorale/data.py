"""Chorales to train on: reading them, and turning some of them into a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import midi_to_piece
from segue.music.bar_lines import PER_BEAT, Frames, Metre
from segue.plugin_api import InvalidMusic, InvalidRequest
from segue.plugins.chorale import memory
from segue.plugins.chorale.features import (
    Past,
    Setting,
    frame_features,
    given_features,
    hold_lengths,
    make_past,
    voice_anchors,
    voice_features,
)
from segue.plugins.chorale.frames import (
    ASTRAY,
    BASS,
    ELSEWHERE,
    MAJOR,
    MINOR,
    ORDER,
    RANGES,
    REST,
    START,
    UNKNOWN,
    bar_class,
    reference,
    remaining_class,
    shift_of,
    to_tokens,
)
from segue.plugins.chorale.voices import is_one_voice, to_voices, voice_tracks
from segue.plugins.packs import jsb
from segue.plugins.packs.jsb import SPLITS


@dataclass(frozen=True)
class Chorale:
    """A piece with everything about it that moving it to another key leaves as it is.

    Attributes
    ----------
    frames
        MIDI numbers, shape (frames, 4).
    metre
        None where it is not known.
    mode
        ``MAJOR``, ``MINOR``, or ``ELSEWHERE`` where the reference is not the tonic.
    hold, lengths, followed
        As ``features.make_past`` takes them, for the frames before each frame; times in sixteenths.
    reference
        The pitch class that it is seen from.
    frame_length
        Sixteenths in a frame.
    """

    frames: Frames
    metre: Metre | None
    mode: int
    hold: NDArray[np.int64]
    lengths: NDArray[np.int64]
    followed: NDArray[np.int64]
    reference: int
    frame_length: int

    @classmethod
    def of(cls, frames: Frames, metre: Metre | None, seen_from: int | None = None, frame_length: int = 1) -> Chorale:
        """Compute what is computed once; ``seen_from`` is the reference where it is not that of the first chord."""
        per_beat = PER_BEAT // frame_length
        runs, lengths, followed = memory.new_runs(1, len(frames), per_beat), [], []
        for now in range(len(frames)):
            runs, length, tokens = memory.recall(frames[None], np.array([now]), runs, per_beat)
            lengths.append(frame_length * length[0])
            followed.append(tokens[0])
        hold = frame_length * np.vstack([np.zeros((1, 4), np.int64), hold_lengths(frames)[:-1]])
        home = reference(frames) if seen_from is None else seen_from
        mode = mode_of(frames, home)
        return cls(frames, metre, mode, hold, np.stack(lengths), np.stack(followed), home, frame_length)


def mode_of(frames: Frames, home: int) -> int:
    """Return the mode by which third is heard more over the last bass note, which in a chorale is the tonic."""
    bass = frames[frames[:, BASS] != REST, BASS]
    if not len(bass) or bass[-1] % 12 != home:
        return ELSEWHERE
    heard = np.bincount((frames[frames != REST] - bass[-1]) % 12, minlength=12)
    return MINOR if heard[3] > heard[4] else MAJOR


def read_chorales(data: Path) -> dict[str, list[Chorale]]:
    """Read ``Jsb16thSeparated.json`` (its own split) or every MIDI file of four voices below a folder (80/10/10).

    Raises
    ------
    InvalidRequest
        If there is nothing to train on.
    """
    path = data / jsb.PLACE.name if data.is_dir() else data
    if path.is_file() and path.suffix == ".json":
        read = jsb.chorales(path)
        return {split: [Chorale.of(one.frames, one.metre) for one in read if one.split == split] for split in SPLITS}
    pieces = [found for file in sorted(data.rglob("*.mid*")) if (found := _read_midi(file)) is not None]
    if len(pieces) < 10:
        wanted = f"{jsb.PLACE.name} nor ten MIDI files of four voices in 4/4 or 3/4"
        raise InvalidRequest("data", f"holds neither {wanted} (found {len(pieces)})")
    order = np.random.default_rng(0).permutation(len(pieces))
    cuts = [len(pieces) * 8 // 10, len(pieces) * 9 // 10]
    return {split: [pieces[i] for i in part] for split, part in zip(SPLITS, np.split(order, cuts), strict=True)}


def _read_midi(path: Path) -> Chorale | None:
    try:
        piece, _ = midi_to_piece(path.read_bytes())
    except InvalidMusic:
        return None
    tracks = voice_tracks(piece)
    signatures = {(meter.numerator, meter.denominator) for meter in piece.meter_map}
    if len(tracks) != 4 or not all(is_one_voice(piece, track) for track in tracks):
        return None
    if signatures not in ({(4, 4)}, {(3, 4)}):
        return None
    frames = to_voices(piece, tracks)
    silence = int(np.argmax((frames != REST).any(1)))
    bar_frames = signatures.pop()[0] * PER_BEAT
    return Chorale.of(frames[silence:], Metre(bar_frames, silence % bar_frames))


@dataclass(frozen=True)
class Draw:
    """What is drawn for one piece of a training batch; the default is how a piece is measured.

    Attributes
    ----------
    transpose
        Semitones.
    astray
        Semitones by which the reference is off: a piece is then seen from a pitch class that means nothing to it.
    metre, mode, remaining
        Whether the model is told.
    given
        Shape (frames, 4), true where the model sees the piece beforehand and is not asked; None if nowhere.
    """

    transpose: int = 0
    astray: int = 0
    metre: bool = False
    mode: bool = False
    remaining: bool = False
    given: NDArray[np.bool_] | None = None


def draw(piece: Chorale, rng: np.random.Generator, free: float, astray: float = 0.0) -> Draw:
    """Draw a key within the voices' ranges and, but for a share ``free`` of the pieces, conditions.

    A share ``astray`` of the pieces is seen from any reference, which keeps the network from learning them by heart.
    """
    sounding = [piece.frames[piece.frames[:, voice] != REST, voice] for voice in range(4)]
    down = max((low - line.min() for (low, _), line in zip(RANGES, sounding, strict=True) if len(line)), default=0)
    up = min((high - line.max() for (_, high), line in zip(RANGES, sounding, strict=True) if len(line)), default=0)
    transpose = int(rng.integers(min(0, max(-6, down)), max(0, min(6, up)) + 1))
    off = int(rng.integers(1, 12)) if rng.random() < astray else 0
    if rng.random() < free:
        return Draw(transpose, off)
    told = rng.random(3) < 0.6
    return Draw(transpose, off, bool(told[0]), bool(told[1]), bool(told[2]), _draw_given(len(piece.frames), rng))


def _draw_given(length: int, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """Draw what is given: the melody, some voices, all but some voices of a stretch, or nothing."""
    given = np.zeros((length, 4), bool)
    kind = rng.random()
    if kind < 0.5:
        given[:, 0] = True
    elif kind < 0.75:
        given[:, rng.random(4) < 0.5] = True
    elif kind < 0.9:
        begin, end = np.sort(rng.integers(0, length // PER_BEAT + 1, 2)) * PER_BEAT
        given[:] = True
        given[begin:end, rng.random(4) < 0.5] = False
    return given if given.any() and not given.all() else None


def collate(pieces: Sequence[Chorale], draws: Sequence[Draw], device: str | torch.device = "cpu") -> dict[str, Any]:
    """Make a batch of whole pieces, padded to the longest.

    Returns
    -------
    dict
        ``frame``, ``voice``, ``anchors``, ``candidates``, ``given``, ``any_given``, ``backward``: what
        ``Network.forward`` takes; ``target``, shape (batch, frames, 4), tokens in the order in which voices are chosen;
        ``weight``, alike, 1 where the token counts.
    """
    size, length = len(pieces), max(len(piece.frames) for piece in pieces)
    tokens = np.zeros((size, length, 4), np.int64)
    before = np.full((size, length, 4), START, np.int64)
    hold, lengths = np.zeros((size, length, 4), np.int64), np.zeros((size, length, 5), np.int64)
    followed = np.zeros((size, length, 5, 4), np.int64)
    bar, shift, mode, remaining = np.zeros((4, size, length), np.int64)
    given, inside = np.zeros((size, length, 4), bool), np.zeros((size, length), bool)
    backward = np.tile(np.arange(length), (size, 1))
    for row, (piece, drawn) in enumerate(zip(pieces, draws, strict=True)):
        n = len(piece.frames)
        at = np.arange(n)
        key = shift_of((piece.reference + drawn.transpose + drawn.astray) % 12)
        tokens[row, :n] = _moved(piece.frames, drawn.transpose, key)
        before[row, 1:n] = tokens[row, : n - 1]
        followed[row, :n] = _moved(piece.followed, drawn.transpose, key)
        hold[row, :n], lengths[row, :n], shift[row] = piece.hold, piece.lengths, key
        if drawn.metre and piece.metre is not None:
            bar[row, :n] = bar_class(at + piece.metre.offset, piece.metre.bar_frames)
        if drawn.remaining:
            remaining[row, :n] = remaining_class(n - 1 - at)
        mode[row] = ASTRAY if drawn.astray else piece.mode if drawn.mode else UNKNOWN
        if drawn.given is not None:
            given[row, :n] = drawn.given
        inside[row, :n] = True
        backward[row, :n] = at[::-1]
    past = make_past(before, hold, lengths, followed)
    since = np.arange(length) * np.array([[piece.frame_length] for piece in pieces])
    setting = Setting(since, bar, shift, mode, remaining)
    arrays = _arrays(tokens, past, setting)
    arrays["target"] = tokens[..., list(ORDER)]
    arrays["weight"] = (inside[..., None] & ~given)[..., list(ORDER)].astype(np.float32)
    any_given = given.any((1, 2))
    arrays["given"] = given_features(tokens, given, setting) if any_given.any() else None
    arrays["any_given"] = any_given[:, None, None].astype(np.float32)
    arrays["backward"] = backward
    return {name: _to_device(value, device) for name, value in arrays.items()}


def _moved(frames: NDArray[np.int64], transpose: int, shift: int) -> NDArray[np.int64]:
    return to_tokens(np.where(frames == REST, REST, frames + transpose), shift)


def _arrays(tokens: NDArray[np.int64], past: Past, setting: Setting) -> dict[str, Any]:
    return {
        "frame": frame_features(past, setting),
        "voice": [voice_features(turn, tokens, past, setting) for turn in range(4)],
        "anchors": [voice_anchors(turn, tokens, past) for turn in range(4)],
        "candidates": [past.candidates[..., ORDER[turn]] for turn in range(4)],
    }


def _to_device(value: Any, device: str | torch.device) -> Any:
    if isinstance(value, list):
        return [_to_device(item, device) for item in value]
    return None if value is None else torch.from_numpy(np.ascontiguousarray(value)).to(device)
