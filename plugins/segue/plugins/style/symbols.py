"""Chord symbols that stand above a piece: where it has them, they are its chords, and none is guessed or heard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from segue.music.musicxml import musicxml_to_chords
from segue.plugins.style.arrangement import NO_CHORD, Arrangement
from segue.v1 import music_pb2


def with_symbols(arrangement: Arrangement, music: music_pb2.Music) -> tuple[Arrangement, int]:
    """Return an arrangement with the chords that are written above the piece, and how many those are.

    Parameters
    ----------
    arrangement
        The piece as it was heard; what comes before the first symbol has no chord.
    music
        What it was read from; only MusicXML can hold symbols.
    """
    if music.WhichOneof("content") != "musicxml":
        return arrangement, 0
    chords = musicxml_to_chords(music.musicxml)
    if not any(chord.root >= 0 for chord in chords):
        return arrangement, 0
    rows = np.array([(NO_CHORD,) * 3, *(chord[1:] for chord in chords)], np.int64)
    start = np.array([0.0, *(chord.beat for chord in chords)])
    return replace(arrangement, chord_start=start, chord=rows), len(chords)
