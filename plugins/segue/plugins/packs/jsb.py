"""The pack ``jsb_chorales``: chorales by Bach in four voices on a grid of sixteenths, in the split of its authors.

The file holds, by split, for each chorale the four pitches of each sixteenth, soprano first, -1 for a rest. A pitch
that is struck again can't be told from one that is held; the metre is inferred.

References
----------
N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling Temporal Dependencies in High-Dimensional Sequences", ICML
2012: the split.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from segue.music.bar_lines import Frames, Metre, infer_metres
from segue.plugins.packs.files import reading

PLACE: Final = Path("jsb_chorales", "Jsb16thSeparated.json")
"""The file, in a folder of packs."""
VOICES: Final = ("Soprano", "Alto", "Tenor", "Bass")
Split = Literal["train", "valid", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)


@dataclass(frozen=True)
class Chorale:
    """A chorale.

    Attributes
    ----------
    split, number
        Where it is in the pack.
    frames : ndarray of int, shape (sixteenths, 4)
        Pitches, soprano first; negative for a rest.
    metre
        Its bars; None where its length fits no metre.
    """

    split: Split
    number: int
    frames: Frames
    metre: Metre | None

    @property
    def title(self) -> str:
        """Its composer, with pack and place."""
        return f"J. S. Bach, chorale (JSB {self.split} {self.number})"

    def notes(self) -> NDArray[np.int64]:
        """Return begin and end in sixteenths, pitch and voice (0 is the soprano), voice by voice; shape (notes, 4)."""
        found: list[tuple[int, int, int, int]] = []
        for voice, line in enumerate(self.frames.T):
            cuts = np.r_[0, np.flatnonzero(np.diff(line)) + 1, len(line)]
            found += [(begin, end, line[begin], voice) for begin, end in pairwise(cuts) if line[begin] >= 0]
        return np.array(found, np.int64).reshape(-1, 4)


def chorales(path: Path) -> list[Chorale]:
    """Read the chorales of a file, in its order.

    Raises
    ------
    InvalidRequest
        If there is no such file, or it does not hold the three splits.
    """
    found: list[Chorale] = []
    with reading(path):
        raw = json.loads(path.read_text())
        frames = {split: [np.array(piece, np.int64).reshape(-1, 4) for piece in raw[split]] for split in SPLITS}
    for split in sorted(SPLITS, key=list(raw).index):
        of = zip(frames[split], infer_metres(frames[split]), strict=True)
        found += [Chorale(split, number, *both) for number, both in enumerate(of)]
    return found
