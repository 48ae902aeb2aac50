"""The pack ``openewld``: lead sheets, a melody over chords.

``index.csv`` lists the sheets and names their MIDI files, whose first track is the melody; ``leadsheets.jsonl`` holds
the melodies as numbers. Weights that are to be shipped may learn from the free ones alone.

References
----------
OpenEWLD, Zenodo, doi:10.5281/zenodo.4332855.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, midi_to_piece
from segue.music.theory import key_to_index
from segue.plugins.packs.files import read_index, reading


@dataclass(frozen=True)
class LeadSheet:
    """A lead sheet; its notes are read when they are asked for.

    Attributes
    ----------
    number, title
        Its id and its title.
    free
        Whether it is in the public domain in the United States: published before 1931, or traditional.
    metric
        Its metre, such as ``4/4``.
    key
        Its key, 0-23; None where none is stated.
    path
        Its MIDI file.
    """

    number: str
    title: str
    free: bool
    metric: str
    key: int | None
    path: Path

    def piece(self) -> Piece:
        """Read its notes; those of the first track are the melody."""
        return midi_to_piece(self.path.read_bytes())[0]


def lead_sheets(data: Path) -> list[LeadSheet]:
    """List the sheets of a folder of packs in order of the index, but those without a MIDI file.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the pack, or its index can't be read.
    """
    return [sheet for sheet in read_index(data / "openewld" / "index.csv", _sheet) if sheet.path.is_file()]


def _sheet(pack: Path, row: dict[str, str]) -> LeadSheet:
    free, tonality = row["us_pd_pre1931"] in ("yes", "traditional"), row["tonality"].replace(" ", ":")
    key = key_to_index(tonality) if tonality else None
    return LeadSheet(row["id"], row["title"], free, row["metric"], key, pack / row["midi"])


def melodies(data: Path) -> dict[str, NDArray[np.float64]]:
    """Read the melody of each sheet by its id: begin and end in quarters, and pitch, of each note; shape (notes, 3).

    Raises
    ------
    InvalidRequest
        If the folder does not hold them, or they can't be read.
    """
    path = data / "openewld" / "leadsheets.jsonl"
    with reading(path), path.open(encoding="utf-8") as lines:
        sheets = [json.loads(line) for line in lines]
        return {str(sheet["id"]): np.array(sheet["melody"], np.float64).reshape(-1, 3) for sheet in sheets}
