"""How well pieces of the test part are moved between jazz, classical and pop, and how much of them is kept.

Pieces go the whole way that a request goes: ``score`` hears them, what it heard is all that the model knows.

References
----------
G. Brunner et al., "Symbolic Music Genre Transfer with CycleGAN", ICTAI 2018: the strength, and a classifier that was not
trained for this as its judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from scipy.stats import spearmanr  # type: ignore[import-untyped]
from segue.music import Piece, piece_to_midi
from segue.plugin_api.training import Report
from segue.plugins.score.model import analyze
from segue.plugins.score.networks import Networks
from segue.plugins.score.plugin import ScoreAnalyzer, ScoreOptions
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style.measure import StyleJudge, chroma_similarity, groove_similarity, melody_kept, strength
from segue.plugins.style.styles import GROUPS
from segue.plugins.style.transferrer import HEARD_BEFORE
from segue.plugins.style_gan.artifacts import Artifacts
from segue.plugins.style_gan.data import LEAD_SHEET, Song
from segue.plugins.style_gan.model import style_to_write
from segue.plugins.style_gan.rewriter import rewrite
from segue.v1 import analyze_pb2, music_pb2

_TARGETS: Final = ("jazz", "classical", "pop")
_REAL: Final = 24
"""Chorales and lead sheets that are moved, of each."""
_STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_MONOTONE: Final = 24
"""Pieces that are moved by each of the strengths."""


class Listener:
    """Hears pieces as the gateway half has them heard."""

    def __init__(self) -> None:
        folder = ScoreAnalyzer.models[0].shipped
        assert folder is not None
        self._networks = Networks.load(folder / "1")
        self._options = ScoreOptions().model_dump()

    def __call__(self, piece: Piece) -> Arrangement:
        """Return what is kept of a piece."""
        music = music_pb2.Music(midi=piece_to_midi(piece))
        request = analyze_pb2.AnalyzeRequest(music=music, aspects=HEARD_BEFORE)
        return read_arrangement(piece, analyze(request, self._options, self._networks))


Way = tuple[Song, Arrangement, str, str]
"""A song, what was heard of it, the group it comes from, and the one it goes to."""
Change = Callable[[Way], Piece]


def reports(made: Artifacts, songs: Sequence[Song]) -> list[Report]:
    """Measure the test part."""
    listen, judge = Listener(), StyleJudge()
    rng = np.random.default_rng(0)
    test = [song for song in songs if song.part == "test"]
    ways = _ways([song for song in test if _group(song.style)], listen)
    real = [song for style in ("chorale", LEAD_SHEET) for song in test if song.style == style][: 2 * _REAL]
    written = {target: style_to_write(target, made.styles) for target in _TARGETS}
    by_chart = {(song.chart, song.style): song for song in test}

    def moved(way: Way) -> Piece:
        return rewrite(made, way[1], written[way[3]], seed=1).piece

    def other(way: Way) -> Piece:
        own = [song for song in test if song.style == written[way[3]]]
        return own[rng.integers(len(own))].arrangement.piece

    changes: dict[str, Change] = {
        "style-gan": moved,
        "identity": lambda way: way[1].piece,
        "another piece in the target style": other,
    }
    del real, by_chart
    rows = {name: _mean([_figures(way, change(way), judge) for way in ways]) for name, change in changes.items()}
    pairs: dict[str, dict[str, float]] = {}
    for one, to in sorted({(way[2], way[3]) for way in ways}):
        own = [way for way in ways if way[2:] == (one, to)]
        pairs[f"{one} to {to}"] = _mean([_figures(way, moved(way), judge) for way in own]) | {"pieces": len(own)}
    return [Report("", rows), Report("", pairs)]


def _group(style: str) -> str:
    """Return the group of a style, of those that pieces are moved between; empty for others."""
    return next((group for group in _TARGETS if style in GROUPS[group]), "")


def _ways(songs: Sequence[Song], listen: Listener) -> list[Way]:
    found = []
    for song in songs:
        heard, group = listen(song.arrangement.piece), _group(song.style)
        found += [(song, heard, group, target) for target in _TARGETS if target != group]
    return found


def _figures(way: Way, after: Piece, judge: StyleJudge) -> dict[str, float]:
    song, heard, group, target = way
    how_far = strength(judge, heard.piece, after, GROUPS[group], GROUPS[target])
    return {
        "S": how_far.total,
        "drop": how_far.drop,
        "rise": how_far.rise,
        "chroma": chroma_similarity(heard.piece, after, heard.bars),
        "groove": groove_similarity(heard.piece, after, heard.bars),
        "melody kept": melody_kept(heard, after),
        "tune kept": melody_kept(song.arrangement, after),
    }


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    columns = defaultdict(list)
    for row in rows:
        for name, value in row.items():
            columns[name].append(value)
    return {name: float(np.mean(values)) for name, values in columns.items()}


def _monotone(made: Artifacts, ways: Sequence[Way], written: dict[str, str], judge: StyleJudge) -> float:
    found = []
    for _, heard, _, target in ways:
        pieces = [rewrite(made, heard, written[target], strength=share, seed=1).piece for share in _STRENGTHS]
        found.append(spearmanr(_STRENGTHS, [judge.probability(piece, GROUPS[target]) for piece in pieces]).statistic)
    return float(np.nanmean(found))
