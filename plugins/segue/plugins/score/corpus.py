"""The pieces that originality is measured against: packs whose licence lets results ship."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segue.music import Piece, TrackInfo
from segue.plugins.packs import jsb, openewld, pop909


def chorales(data: Path) -> Iterator[tuple[str, Piece]]:
    """Read the chorales, each with its name.

    Raises
    ------
    InvalidRequest
        If the folder does not hold them.
    """
    for chorale in jsb.chorales(data / jsb.PLACE):
        begin, end, pitch, voice = chorale.notes().T
        yield chorale.title, Piece.of(begin / 4, (end - begin) / 4, pitch, 64, voice, tracks=(TrackInfo(),) * 4)


def known_melodies(data: Path) -> Iterator[tuple[str, Piece]]:
    """Read the pieces of the originality index: chorales, free lead sheets, melodies of POP909, each with its title."""
    yield from chorales(data)
    for sheet in openewld.lead_sheets(data):
        if sheet.free:
            piece = sheet.piece()
            yield sheet.title, piece.select(piece.track == 0)
    for song in pop909.songs(data):
        piece = song.piece()
        yield song.citation, piece.select(pop909.played_by(piece, pop909.MELODY))
