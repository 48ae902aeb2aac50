"""What the chorale network would put in the place of a note, or of a silence, of a piece in four voices.

It is asked about the notes that ``judge`` suspects and the gaps that ``missing`` finds. What it says is added,
tempered, to what the polish's own networks say. A version of the polish holds the network that it was measured with, so
that it stays what it was measured to be whichever version of ``chorale`` serves.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.bar_lines import PER_BEAT, Frames
from segue.plugins.chorale.alternatives import Alternative, gains
from segue.plugins.chorale.artifacts import CONFIG, WEIGHTS, load
from segue.plugins.chorale.frames import RANGES
from segue.plugins.chorale.network import Network
from segue.plugins.chorale.voices import to_voices, voice_tracks
from segue.plugins.polish.context import Queries, polyphony
from segue.plugins.polish.missing import SINGLE

Floats = NDArray[np.float64]

FOLDER: Final = "infiller"
FILES: Final = (WEIGHTS, CONFIG)
MOST_FRAMES: Final = 4_000
"""Sixteenths of the longest piece that is read: sixteen minutes of a chorale."""
MOST_ASKED: Final = 400
"""Notes that are weighed in one question: a second of work."""
LONGEST: Final = 32
"""Frames of a note that are weighed."""
WITHIN: Final = 0.95
"""Share of each voice's notes in its range, and of all notes on a sixteenth, that makes a piece one in four voices."""
_NEAR: Final = 0.06


def save(chorale: Path, artifacts: Path) -> None:
    """Copy the network of a version of ``chorale``."""
    (artifacts / FOLDER).mkdir()
    for name in FILES:
        shutil.copyfile(chorale / name, artifacts / FOLDER / name)


class Infiller:
    """The chorale network of a version of the polish."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @classmethod
    def load(cls, artifacts: Path) -> Infiller | None:
        """Read what ``save`` copied; None if the version has none. One thread: its products are small."""
        if not (artifacts / FOLDER).is_dir():
            return None
        torch.set_num_threads(1)
        return cls(load(artifacts / FOLDER)[0])

    def gains(self, piece: Piece, notes: Queries, together: NDArray[np.int64] | None = None) -> Floats | None:
        """Weigh notes in the place of what sounds in their track.

        Parameters
        ----------
        piece
            Pitched notes, their timing mended.
        notes
            The surest first; those beyond ``MOST_ASKED`` are not weighed.
        together
            Numbers from 0 on, shape (notes,), equal for notes that are weighed as one; None weighs each by itself.

        Returns
        -------
        ndarray, shape (notes,), or None
            Nats by which the piece gets likelier, 0 where that was not asked; None if it is not in four voices.
        """
        tracks = _voices(piece)
        if tracks is None:
            return None
        frames: Frames = to_voices(piece, tracks)
        voice = {track: number for number, track in enumerate(tracks)}
        begin = np.rint(notes.start * PER_BEAT).astype(np.int64)
        length = np.clip(np.rint(notes.duration * PER_BEAT).astype(np.int64), 1, LONGEST)
        group = np.arange(len(notes)) if together is None else together
        asked = np.flatnonzero((begin < len(frames)) & (group < MOST_ASKED))
        alternatives: dict[int, list[Alternative]] = {}
        columns = (group[asked], notes.track[asked], begin[asked], (begin + length)[asked], notes.pitch[asked])
        for number, track, first, end, pitch in zip(*(column.tolist() for column in columns), strict=True):
            alternatives.setdefault(number, []).append(Alternative(voice[track], first, end, pitch))
        nats = np.zeros(int(group.max(initial=-1)) + 1)
        nats[list(alternatives)] = gains(self._network, frames, list(alternatives.values()))
        return np.asarray(nats[group])


def _voices(piece: Piece) -> list[int] | None:
    """Return the tracks of the four voices, soprano first; None if the piece is something else."""
    tracks = voice_tracks(piece)
    if len(tracks) != len(RANGES) or piece.beats * PER_BEAT > MOST_FRAMES or (polyphony(piece)[tracks] >= SINGLE).any():
        return None
    beside = np.abs(piece.start * PER_BEAT - np.rint(piece.start * PER_BEAT)) / PER_BEAT
    if (beside < _NEAR).mean() < WITHIN:
        return None
    for track, (low, high) in zip(tracks, RANGES, strict=True):
        pitch = piece.pitch[piece.track == track]
        if ((pitch >= low) & (pitch <= high)).mean() < WITHIN:
            return None
    return tracks
