"""Reads a folder of MIDI files, each in the training part or the held-out one for good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from segue.music import Piece, midi_to_piece
from segue.plugin_api import InvalidMusic, InvalidRequest

MAX_FILES: Final = 5000
MAX_BYTES: Final = 8 << 20


def read_pieces(folder: Path, *, held_out: bool) -> Iterator[Piece]:
    """Yield the pieces of one part, by name of file; a file that can't be read or holds no note is left out.

    Raises
    ------
    InvalidRequest
        If the folder holds no MIDI file, or too many.
    """
    if not folder.is_dir():
        raise InvalidRequest("data", f"is {folder.name!r}, must be a folder of MIDI files")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not 0 < len(paths) <= MAX_FILES:
        raise InvalidRequest("data", f"holds {len(paths)} MIDI files, must hold 1 to {MAX_FILES}")
    for path in paths:
        digest = hashlib.sha256(path.relative_to(folder).as_posix().encode()).digest()
        if (digest[0] % 5 == 0) != held_out or path.stat().st_size > MAX_BYTES:
            continue
        try:
            piece, _ = midi_to_piece(path.read_bytes())
        except InvalidMusic:
            continue
        piece = piece.without_drums()
        if len(piece):
            yield piece
