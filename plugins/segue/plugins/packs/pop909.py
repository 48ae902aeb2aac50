"""The pack ``pop909``: pop songs as melody, bridge and piano, with marked beats, chords and key.

``index.csv`` lists the songs; the folder ``NNN`` of each holds ``NNN.mid``, ``beat_midi.txt`` and ``chord_midi.txt``,
whose times are seconds of the MIDI file. The labels are machine-made.

References
----------
Z. Wang et al., "POP909: A Pop-Song Dataset for Music Arrangement Generation", ISMIR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, midi_to_piece
from segue.music.theory import key_to_index
from segue.plugins.packs.files import read_index, reading

MELODY, BRIDGE, PIANO = "MELODY", "BRIDGE", "PIANO"
"""Names of the tracks."""


@dataclass(frozen=True)
class Marks:
    """The marked beats of a song.

    Attributes
    ----------
    seconds : ndarray, shape (beats,)
        When they are.
    bars, pairs : ndarray of bool, shape (beats,)
        Whether a bar of ``Song.beats`` begins, and whether two bars do: those of a song of two beats make one of 4/4.
    """

    seconds: NDArray[np.float64]
    bars: NDArray[np.bool_]
    pairs: NDArray[np.bool_]

    def count(self, piece: Piece) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where the notes begin and end, in marked beats; what is beyond the marks is put on the nearest."""
        at = piece.seconds_to_beats(self.seconds)
        begin, end = (np.interp(time, at, np.arange(len(at))) for time in (piece.start, piece.end))
        return begin, end


@dataclass(frozen=True)
class Song:
    """A song; its files are read when they are asked for, with ``InvalidRequest`` if labels are not as they should be.

    Attributes
    ----------
    number, title
        Name of its folder, ``"001"`` to ``"909"``, and its title.
    path
        Its MIDI file.
    key
        Main key, 0-23.
    beats, quavers
        Beats in a bar as they were marked, and quavers in a beat.
    """

    number: str
    title: str
    path: Path
    key: int
    beats: int
    quavers: int

    @property
    def citation(self) -> str:
        """Its title, with pack and number."""
        return f"{self.title} (POP909 {self.number})"

    def piece(self) -> Piece:
        """Read its notes."""
        return midi_to_piece(self.path.read_bytes())[0]

    def marks(self) -> Marks:
        """Read its beats."""
        path = self.path.with_name("beat_midi.txt")
        with reading(path):
            seconds, bars, pairs = np.loadtxt(path, ndmin=2).T
        return Marks(seconds, bars == 1, pairs == 1)

    @cached_property
    def chords(self) -> list[tuple[float, float, str]]:
        """Start and end in seconds, and label, of each chord that lasts."""
        path = self.path.with_name("chord_midi.txt")
        with reading(path):
            lines = [line.split() for line in path.read_text().splitlines()]
            found = [(float(words[0]), float(words[1]), words[2]) for words in lines if len(words) == 3]
        return [chord for chord in found if chord[1] > chord[0]]


def songs(data: Path) -> list[Song]:
    """List the songs of a folder of packs in order of the index, but those without a MIDI file.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the pack, or its index can't be read.
    """
    return [song for song in read_index(data / "pop909" / "index.csv", _song) if song.path.is_file()]


def _song(pack: Path, row: dict[str, str]) -> Song:
    number = f"{int(row['song_id']):03d}"
    beats, quavers = int(row["num_beats_per_measure"]), int(row["num_quavers_per_beat"])
    return Song(number, row["name"], pack / number / f"{number}.mid", key_to_index(row["main_key"]), beats, quavers)


def played_by(piece: Piece, track: str) -> NDArray[np.bool_]:
    """Mark the notes of the tracks of a name, shape (notes,)."""
    return np.array([info.name == track for info in piece.tracks], bool)[piece.track]
