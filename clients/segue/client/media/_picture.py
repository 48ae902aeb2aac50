"""Piano rolls. A piece is laid out in systems, like a score: rows of the same number of beats, one below the other."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.patches import Patch
from numpy.typing import NDArray
from segue.client._parse import key_to_text
from segue.client.media._notes import Roll, read_roll, with_analysis
from segue.client.media._panels import HEIGHT, draw_panels, has_panels
from segue.client.media._staff import COLOURS, Outline, Rows, draw_panel
from segue.v1.analyze_pb2 import AnalyzeResponse
from segue.v1.music_pb2 import Chord, Key

_WIDTH = 15.0  # inches
_DPI = 110
_BEATS_PER_SYSTEM = 48.0
_MOST_SYSTEMS = 12
_OTHER_LETTERS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "SimHei", "Arial Unicode MS",
)  # fmt: skip
_LONGEST_TITLE, _LONGEST_NAME = 48, 32  # letters; a longer title would meet the legend
_SHARE_WORTH_OUTLINING = 0.6
_TOLERANCES = ((0.01, 0.01), (0.2, math.inf))  # of start and length, in beats
_GONE, _NEW = "#d40000", "#00801a"  # outlines of notes before and after a change


def draw(
    midi: bytes,
    path: Path,
    *,
    chords: Sequence[Chord],
    key: Key | None,
    title: str,
    before: bytes | None,
    analysis: AnalyzeResponse | None = None,
) -> Path:
    """Draw a piano roll; see `segue.client.media.piano_roll_png` and `segue.client.media.analysis_picture`."""
    roll = read_roll(midi) if analysis is None else with_analysis(read_roll(midi), analysis)
    old = None if before is None else read_roll(before)
    pieces = [roll] if old is None else [old, roll]
    rows = Rows([part for piece in pieces for part in piece.parts])
    systems = _systems(max(pieces, key=lambda piece: piece.end))
    panel_height = min(max(0.1 * rows.count, 1.5), 4.2)
    heights = [panel_height] * (len(systems) * len(pieces))
    # Above each system there is room for chords and bar numbers, above the first also for the heading.
    gap = 0.58 if chords else 0.42
    between = 0.12
    top, bottom = 0.6 + gap, 0.3
    panels = analysis is not None and has_panels(analysis)
    bottom += HEIGHT * panels
    height = top + bottom + sum(heights) + gap * (len(systems) - 1) + between * len(systems) * (len(pieces) - 1)
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    y = height - top
    outlines = [None] * len(pieces) if old is None else _differences(old, roll)
    for start, end in systems:
        for number, piece in enumerate(pieces):
            axes = figure.add_axes((0.055, (y - panel_height) / height, 0.93, panel_height / height))
            outline = Outline(outlines[number], _GONE if number == 0 else _NEW)
            draw_panel(axes, piece, rows, start, end, outline=outline, key=key, numbered=number == 0)
            if number == len(pieces) - 1 and chords and old is None:
                _write_chords(axes, chords, start, end)
            if old is not None:
                _name_panel(axes, "after" if number else "before")
            y -= panel_height + between
        y -= gap - between
    _write_heading(figure, height, roll, key, title)
    if panels and analysis is not None:
        draw_panels(figure, _WIDTH, height, roll, analysis)
    with warnings.catch_warnings(), rc_context({"font.family": _fonts()}):
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".svg":
            figure.savefig(path, format="svg", metadata={"Date": None})
        else:
            figure.savefig(path, format="png")
    return path


def _systems(roll: Roll) -> list[tuple[float, float]]:
    """Cut a piece into systems of whole bars and equal width: first and last beat of each."""
    count = min(max(1, math.ceil(roll.end / _BEATS_PER_SYSTEM)), _MOST_SYSTEMS)
    starts = roll.bar_starts
    bars = math.ceil((len(starts) - 1) / count)
    edges = [*starts[:-1:bars], starts[-1]]
    width = max(b - a for a, b in pairwise(edges))
    return [(start, start + width) for start in edges[:-1]]


def _differences(old: Roll, new: Roll) -> list[list[NDArray[np.bool_]] | None]:
    """Find which notes of each piece and part the other piece lacks.

    Where nearly every note has moved a little, a note counts as lacking only if none of its pitch is near; where even
    so most do, there is None, as outlines would say nothing.
    """
    found: list[list[NDArray[np.bool_]] | None] = []
    for piece, other in ((old, new), (new, old)):
        known = np.concatenate([part.notes for part in other.parts])
        for tolerance in _TOLERANCES:
            masks = [_lacking(part.notes, known, *tolerance) for part in piece.parts]
            if np.concatenate(masks).mean() < _SHARE_WORTH_OUTLINING:
                found.append(masks)
                break
        else:
            found.append(None)
    return found


def _lacking(
    notes: NDArray[np.float64], known: NDArray[np.float64], start_beats: float, length_beats: float
) -> NDArray[np.bool_]:
    """Return True for each note that has no known one of its pitch within these distances of start and length."""
    lacking = np.ones(len(notes), dtype=bool)
    for pitch in np.unique(notes[:, 2]):
        mine = np.flatnonzero(notes[:, 2] == pitch)
        others = known[known[:, 2] == pitch]
        others = others[np.argsort(others[:, 0])]
        position = np.searchsorted(others[:, 0], notes[mine, 0])
        for neighbour in (position - 1, position) if len(others) else ():
            near = others[np.clip(neighbour, 0, len(others) - 1)]
            distance = np.abs(near[:, :2] - notes[mine, :2])
            lacking[mine[(distance <= (start_beats, length_beats)).all(axis=1)]] = False
    return lacking


def _name_panel(axes: Axes, name: str) -> None:
    axes.text(
        -0.048, 0.5, name, transform=axes.transAxes, rotation=90, ha="center", va="center", fontsize=9, color="#444444"
    )


def _write_chords(axes: Axes, chords: Sequence[Chord], start: float, end: float) -> None:
    """Write chord symbols above a panel, Roman numerals under them, as many as fit."""
    beats_per_inch = (end - start) / (_WIDTH * 0.93)
    free_from, last = -1.0, ""
    for chord in chords:
        beat = max(chord.span.start, start)
        symbol = _plain(chord.symbol)
        if chord.span.end <= start or beat >= end - 1e-6 or beat < free_from or symbol == last or not symbol:
            continue
        _write_above(axes, beat, 20, symbol, fontsize=9, fontweight="bold", color="#222222")
        _write_above(axes, beat, 11, chord.roman_numeral, fontsize=6.5, color="#777777")
        letters = max(len(symbol), len(chord.roman_numeral) * 0.75)
        free_from, last = beat + beats_per_inch * (0.085 * letters + 0.08), symbol


def _write_above(axes: Axes, beat: float, points: float, text: str, **style: Any) -> None:
    axes.annotate(
        text,
        (beat, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, points),
        textcoords="offset points",
        annotation_clip=False,
        **style,
    )


def _plain(symbol: str) -> str:
    """Shorten Harte's notation to what lead sheets write: ``A:min7/b3`` is ``Am7/C``."""
    if symbol in ("", "N", "X"):
        return ""
    root, _, quality = symbol.partition(":")
    quality, slash, bass = quality.partition("/")
    shorthand = {
        "maj": "",
        "min": "m",
        "min7": "m7",
        "maj7": "maj7",
        "hdim7": "ø7",
        "dim": "°",
        "dim7": "°7",
        "aug": "+",
    }
    return root + shorthand.get(quality, quality) + (slash + _degree_to_note(root, bass) if slash else "")


def _degree_to_note(root: str, degree: str) -> str:
    """Name a degree above a root, e.g. ``E#`` for the ``3`` of ``C#``; what is no degree stays as it is."""
    letters, steps = "CDEFGAB", (0, 2, 4, 5, 7, 9, 11)
    number = degree.lstrip("b#")
    if not number.isdigit() or root[:1] not in letters:
        return degree
    place, up = letters.index(root[0]), int(number) - 1
    height = steps[place] + root.count("#") - root.count("b") + steps[up % 7] + degree.count("#") - degree.count("b")
    letter = (place + up) % 7
    off = (height - steps[letter] + 6) % 12 - 6
    return letters[letter] + ("#" * off if off > 0 else "b" * -off)


@cache
def _fonts() -> list[str]:
    """Return the usual font, and after it those at hand that hold letters it lacks, Chinese ones say."""
    known = set(get_font_names())
    return ["DejaVu Sans", *(name for name in _OTHER_LETTERS if name in known)]


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def _write_heading(figure: Figure, height: float, roll: Roll, key: Key | None, title: str) -> None:
    bars = len(roll.bar_starts) - 1
    facts = [key_to_text(key)] if key else []
    facts += [roll.signature, f"{round(roll.tempo, 1):g} bpm", f"{bars} bar{'' if bars == 1 else 's'}"]
    shown = title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1].rstrip() + "…"
    heading = figure.text(0.055, 1 - 0.3 / height, shown, fontsize=14, fontweight="bold", color="#111111", va="center")
    heading.set_parse_math(False)  # a title may hold dollar signs
    figure.text(0.055, 1 - 0.55 / height, " · ".join(facts), fontsize=9, color="#666666", va="center")
    patches = [
        Patch(facecolor=COLOURS[i % len(COLOURS)], label=_shortened(part.name)) for i, part in enumerate(roll.parts[:8])
    ]
    if len(roll.parts) > 8:
        patches[7] = Patch(facecolor="none", label=f"… and {len(roll.parts) - 7} more")
    legend = figure.legend(
        handles=patches,
        loc="upper right",
        bbox_to_anchor=(0.985, 1 - 0.12 / height),
        ncols=min(4, len(patches)),
        frameon=False,
        fontsize=8,
        handlelength=1.0,
        columnspacing=1.2,
    )
    for name in legend.get_texts():
        name.set_parse_math(False)
