"""How well scale and metre of folk tunes are told: tunes of music21's corpus, whose ABC states them.

They are read from the installed package and used for nothing else: their licences are mixed.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track
from segue.music import Piece
from segue.music.grid import find_grid
from segue.music.modes import DORIAN, LYDIAN, MAJOR, MINOR, MIXOLYDIAN, PHRYGIAN, find_scale
from segue.music.reading import Reading
from segue.plugin_api.training import Report
from segue.plugins.score.grids import main_metre

_COLLECTIONS: Final = ("airdsAirs", "essenFolksong", "josquin", "miscFolk", "oneills1850", "ryansMammoth")
_SCALES: Final = {
    "": MAJOR, "maj": MAJOR, "m": MINOR, "min": MINOR,
    "dor": DORIAN, "phr": PHRYGIAN, "lyd": LYDIAN, "mix": MIXOLYDIAN,
}  # fmt: skip
_NAMES: Final = ("major", "minor", "Dorian", "Phrygian", "Lydian", "Mixolydian")
_KEY: Final = re.compile(r"^K:[ \t]*([A-G])([#b]?)[ \t]*(\w*)", re.MULTILINE)
_METRE: Final = re.compile(r"^M:[ \t]*(\S+)", re.MULTILINE)
_EVEN: Final = "2/4 or 4/4"
_METRES: Final = {
    "C": _EVEN, "C|": _EVEN, "2/2": _EVEN, "2/4": _EVEN, "4/4": _EVEN,
    "3/4": "3/4", "6/8": "6/8", "9/8": "9/8",
}  # fmt: skip
_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_FEWEST_NOTES, _TOLD = 24, 3
_SOME: Final = {MAJOR: 20, MINOR: 128}
"""Of 256: how many of the tunes in major and in minor are taken, as there are so many."""
_FEW: Final = 5
"""The same of the 8,500 German songs in major."""


class Tune(NamedTuple):
    """A tune, the pitch class of its tonic, its scale, its metre, and whether the constants were chosen on it.

    The metre is the text of the ABC, empty if it states none or several.
    """

    piece: Piece
    tonic: int
    scale: int
    metre: str
    development: bool


def measure_folk_tunes(read: Callable[[Piece], Reading], console: Console) -> dict[str, Report]:
    """Measure scale and metre on the tunes that no constant was chosen on; nothing where music21 is not installed."""
    if find_spec("music21") is None:
        return {}
    found: dict[str, list[tuple[bool, ...]]] = defaultdict(list)
    metres: dict[str, list[tuple[bool, ...]]] = defaultdict(list)
    for tune in track(list(folk_tunes(development=False)), "folk tunes", console=console):
        reading = read(tune.piece)
        weights, notes = reading.cells.chroma.sum(axis=0), len(reading.pitched)
        given = find_scale(weights, tune.tonic + 12 * (tune.scale in (MINOR, DORIAN, PHRYGIAN)), notes=notes).scale
        keys = np.argsort(-reading.keys.probability)[:_TOLD].tolist()
        right = [(key % 12, find_scale(weights, key, notes=notes).scale) == (tune.tonic, tune.scale) for key in keys]
        found[_NAMES[tune.scale]].append((given == tune.scale, keys[0] % 12 == tune.tonic, right[0], any(right)))
        if (metre := _METRES.get(tune.metre)) is not None:
            told = ("{}/{}".format(*main_metre(grid)) for grid in (find_grid(tune.piece), reading.grid))
            metres[metre].append(tuple(_METRES.get(name) == metre for name in told))
    return {
        "scales": Report(
            "Scale of folk tunes of music21's corpus: half of those whose ABC states a church mode, and a sample of "
            "those in major and minor, by the hash of their text; the constants were chosen on the others. Notes "
            "alone. One of three: tonic and scale of one of the three likeliest keys. Where there are only major and "
            "minor, no church mode is right.",
            _table(found, _NAMES, ("scale, tonic given", "tonic", "tonic and scale", "one of three")),
        ),
        "metres of folk tunes": Report(
            "Metre of those of the same tunes whose ABC states one of these alone: the share where it is told for most "
            "of the bars. accents: bars of one length by their accents.",
            _table(metres, sorted(metres), ("accents", "score")),
        ),
    }


def _table(
    rows: Mapping[str, Sequence[Sequence[bool]]], names: Sequence[str], metrics: Sequence[str]
) -> dict[str, dict[str, float]]:
    return {
        f"{name}, {len(rows[name])} tunes": dict(zip(metrics, np.mean(rows[name], axis=0).tolist(), strict=True))
        for name in names
        if name in rows
    }


def folk_tunes(*, development: bool) -> Iterator[Tune]:
    """Read the tunes that constants were chosen on, or the others."""
    from music21 import common, converter

    for collection in _COLLECTIONS:
        for file in sorted((Path(common.getCorpusFilePath()) / collection).glob("*.abc")):
            for text in re.split(r"\n(?=X:)", "\n" + file.read_text(encoding="utf-8", errors="replace")):
                stated = _KEY.findall(text)
                if len(stated) != 1 or (scale := _SCALES.get(stated[0][2][:3].lower())) is None:
                    continue
                part = hashlib.sha1((collection + text[:200]).encode()).digest()
                few = _FEW if (collection, scale) == ("essenFolksong", MAJOR) else _SOME.get(scale, 256)
                if part[0] >= few or bool(part[1] & 1) == development:
                    continue
                piece = _notes(converter, text)
                if piece is not None:
                    letter, accidental, _ = stated[0]
                    tonic = (_LETTERS[letter] + {"": 0, "#": 1, "b": -1}[accidental]) % 12
                    metres = _METRE.findall(text)
                    yield Tune(piece, tonic, scale, metres[0] if len(metres) == 1 else "", development)


def _notes(converter: Any, text: str) -> Piece | None:
    """Read a tune; None if music21 can't, or if it is too short to be in a key."""
    try:
        score = converter.parse(text.strip() + "\n", format="abc")
    except Exception:  # of many kinds
        return None
    rows = [
        (float(note.offset), float(note.quarterLength), pitch.midi, 64)
        for note in score.flatten().notes
        for pitch in note.pitches
        if note.quarterLength > 0
    ]
    return Piece.of(*zip(*rows, strict=True)) if len(rows) >= _FEWEST_NOTES else None
