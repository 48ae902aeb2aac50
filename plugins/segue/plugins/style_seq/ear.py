"""The chords of a piece as ``style-seq`` hears them: the chord network of ``score``, taught further by bands.

That of ``score`` learnt mostly from songs for piano. What is to be arranged anew is played by anything: a bass that
walks, pads that never end, a riff on one pitch. There its mistakes become wrong notes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from segue.music import Piece
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD
from segue.plugins.score.chord_fold import FoldedChordNet
from segue.plugins.score.chord_net import CHANGE_COST, ChordNet, chord_evidence
from segue.plugins.style.arrangement import NO_CHORD as NONE
from segue.plugins.style.arrangement import Arrangement


@dataclass(frozen=True)
class Ear:
    """A chord network.

    Attributes
    ----------
    network
        The network.
    """

    network: ChordNet

    @cached_property
    def _folded(self) -> FoldedChordNet:
        return FoldedChordNet(self.network)

    def read(self, piece: Piece) -> Reading:
        """Read a piece with it."""
        return Reading(piece, lambda cells: chord_evidence(self._folded, cells), CHANGE_COST)

    def listen(self, arrangement: Arrangement) -> Arrangement:
        """Return an arrangement with the chords that are heard in it; a melody alone keeps those it came with."""
        if not arrangement.accompaniment.any():
            return arrangement
        reading = self.read(arrangement.piece)
        found = reading.chords
        root = found.chord % 12
        rows = np.stack([root, found.chord // 12, np.where(found.bass < 0, root, found.bass)], axis=1)
        rows[found.chord == NO_CHORD] = NONE
        return replace(arrangement, chord_start=reading.cells.edges[found.cell[:-1]], chord=rows)
