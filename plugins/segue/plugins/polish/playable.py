"""What an instrument can't play: another octave mends a note; where many can't be played, the instrument is wrong."""

from __future__ import annotations

from collections import Counter

from segue.music import Piece
from segue.music.playability import Unplayable, unplayable

SHARE, FEW = 0.05, 3
"""Share of a track's notes, and number of them, up to which what can't be played is a slip. Many a file names another
instrument than the one that was meant: cellos as violas, whole bands as pianos."""


def mendable(piece: Piece) -> tuple[list[Unplayable], list[tuple[str, str]]]:
    """Return what another octave mends, and of what was left alone its subject and a sentence.

    Parameters
    ----------
    piece
        Notes without drums.
    """
    found = list(unplayable(piece))
    places = Counter(each.track for each in found)
    wrong = {track for track, count in places.items() if count > max(SHARE * (piece.track == track).sum(), FEW)}
    said = []
    for track in sorted(wrong):
        name = f" ({piece.tracks[track].name})" if piece.tracks[track].name else ""
        example = next(each.text for each in found if each.track == track)
        text = (
            f"Track {track + 1}{name} can't be played in {places[track]} places, too many for slips: it is not for the "
            f"instrument that the file names, and they stay. The first: {example}"
        )
        said.append(("music", text))
    return [each for each in found if each.note >= 0 and each.track not in wrong], said
