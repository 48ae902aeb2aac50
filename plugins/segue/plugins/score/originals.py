"""Whether originality finds copies and leaves other music alone, and how fast a large index answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track
from segue.music import Piece, midi_to_piece
from segue.music.originality import OriginalityIndex
from segue.plugin_api.errors import InvalidMusic
from segue.plugin_api.training import Report
from segue.plugins.score.corpus import known_melodies

_ASKED: Final = 300
_WRONG: Final = 0.1
_BAND: Final = 0.95
_MANY: Final = 10_000


def measure_originality(data: Path, index: OriginalityIndex, console: Console) -> dict[str, Report]:
    """Measure an index on its own pieces, on other pieces of a composer it holds, and an index of 10,000 pieces."""
    known = [piece for _, piece in known_melodies(data)]
    rng = np.random.default_rng(0)
    found = []
    for number in rng.choice(len(known), min(_ASKED, len(known)), replace=False).tolist():
        piece = known[number]
        wrong = np.where(rng.random(len(piece)) < _WRONG, rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], len(piece)), 0)
        changed = piece.with_notes(pitch=np.clip(piece.pitch + wrong + rng.integers(-5, 7), 0, 127))
        likeness = index.compare(changed)
        found.append(bool(likeness.sources) and likeness.sources[0][0] == number)
    reports = {
        "copies": Report(
            f"Originality of {len(found)} pieces of the index, transposed at random and with a tenth of the pitches "
            "changed: the share that is found as its own nearest source.",
            {"score": {"found": float(np.mean(found))}},
        )
    }
    folder = data / "genre_midi" / "classical_asap" / "Bach"
    others = [midi_to_piece(path.read_bytes())[0] for path in sorted(folder.rglob("midi_score.mid"))]
    if others:
        percentiles = np.array([index.compare(piece).human_percentile for piece in others])
        reports["same composer"] = Report(
            f"{len(others)} preludes, fugues and other keyboard pieces by Bach, whose chorales are in the index: the "
            f"share that copies no more than {_BAND:.0%} of the index's own pieces copy from one another.",
            {"score": {"inside the band": float((percentiles <= _BAND).mean())}},
        )
    large = _halves(data)
    if len(large) >= _MANY:
        big = OriginalityIndex.build(large[:_MANY], [str(number) for number in range(_MANY)])
        taken = []
        for number in track(range(0, _MANY, 40), "large index", console=console):
            began = time.perf_counter()
            big.compare(large[number])
            taken.append(1e3 * (time.perf_counter() - began))
        reports["large index"] = Report(
            f"An index of {_MANY} half pieces of all packs, asked about {len(taken)} of them.",
            {"score": {"median ms": float(np.median(taken)), "p95 ms": float(np.percentile(taken, 95))}},
        )
    return reports


def _halves(data: Path) -> list[Piece]:
    """Cut the pieces of all packs at hand into halves."""
    whole: Iterator[Piece] = (piece for _, piece in known_melodies(data))
    names = ("nottingham", "emopia", "style_parallel_synth", "vgmidi", "genre_midi")
    pieces = [*whole]
    for path in sorted(path for name in names for path in (data / name).rglob("*.mid")):
        try:
            pieces.append(midi_to_piece(path.read_bytes())[0])
        except InvalidMusic:
            continue
    return [piece.select(half) for piece in pieces for half in np.array_split(np.arange(len(piece)), 2)]
