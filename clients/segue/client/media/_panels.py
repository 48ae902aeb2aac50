"""What an analysis says of a piece as a whole: which bars are alike, how the tempo goes, how the emotion goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from segue.client.media._notes import Roll
from segue.v1.analyze_pb2 import AnalyzeResponse

HEIGHT: Final = 4.4
"""Inches that the panels take below a piano roll."""
_MOST_CELLS: Final = 480
_REACH: Final = 3
"""Cells on either side, of half a bar each, that similarity is averaged over."""
_TOP, _BOTTOM, _BETWEEN = 0.45, 0.45, 0.65
_GREY, _FAINT = "#555555", "#e4e7ec"
_TEMPO, _VALENCE, _AROUSAL = "#3366aa", "#2a9d76", "#d1495b"
_TEMPO_REACH: Final = 0.15
"""Least distance of the tempo axis' ends from the median, as a share of it."""
_LEAD_IN_BEATS, _LEAD_IN_REACH = 2.0, 0.1
"""A first tempo this short and this far from the median is a way to write what comes before the first beat."""

_Panel = Callable[[Axes, Roll, AnalyzeResponse], None]


def has_panels(response: AnalyzeResponse) -> bool:
    """Say whether there is anything to draw below a piano roll."""
    return response.HasField("structure") or any(True for _ in _curves(response))


def draw_panels(figure: Figure, width: float, height: float, roll: Roll, response: AnalyzeResponse) -> None:
    """Draw the panels into the lowest ``HEIGHT`` inches of a figure of this size in inches."""
    inner = HEIGHT - _TOP - _BOTTOM
    left, right = 0.055 * width, 0.985 * width
    if response.HasField("structure"):
        _draw_similarity(_axes(figure, (left, _BOTTOM, inner, inner), width, height), roll, response)
        left += inner + 0.8
    curves = list(_curves(response))
    each = (inner - _BETWEEN) / 2
    for number, draw in enumerate(curves):
        bottom = _BOTTOM + inner - each - number * (each + _BETWEEN)
        draw(_axes(figure, (left, bottom, right - left, each), width, height), roll, response)


def _axes(figure: Figure, box: tuple[float, float, float, float], width: float, height: float) -> Axes:
    axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    axes.tick_params(length=0, labelsize=7, colors=_GREY)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _curves(response: AnalyzeResponse) -> Iterator[_Panel]:
    if response.HasField("tempo"):
        yield _draw_tempo
    if response.HasField("emotion"):
        yield _draw_emotion


def _name(axes: Axes, text: str) -> None:
    axes.annotate(
        text, (0, 1), xycoords="axes fraction", xytext=(0, 6), textcoords="offset points", fontsize=9, color="#222222"
    )


def _bars(roll: Roll, most: int) -> tuple[list[float], list[str]]:
    """Return places and numbers of at most so many bars, evenly spread."""
    count = len(roll.bar_starts) - 1
    step = next(step for step in (1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 10**9) if count <= step * most)
    chosen = range(0, count, step)
    return [roll.bar_starts[bar] for bar in chosen], [str(bar + 1) for bar in chosen]


def _draw_similarity(axes: Axes, roll: Roll, response: AnalyzeResponse) -> None:
    """Draw how alike any two stretches are; a stripe beside the diagonal is a passage that comes back."""
    edges, features = _features(roll)
    alike = _along_diagonals(features @ features.T)
    low = float(np.quantile(alike, 0.3))
    area = (edges[0], edges[-1], edges[0], edges[-1])
    axes.imshow(alike, cmap="Blues", vmin=low, vmax=1, origin="lower", extent=area, interpolation="nearest")
    for section in response.structure.sections[1:]:
        axes.axvline(section.span.start, color=_AROUSAL, linewidth=0.8)
        axes.axhline(section.span.start, color=_AROUSAL, linewidth=0.8)
    free_from = -np.inf
    for section in response.structure.sections:
        middle = (section.span.start + section.span.end) / 2
        if middle >= free_from:
            axes.annotate(
                section.label, (middle, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(0, 2),
                textcoords="offset points", ha="center", fontsize=8, fontweight="bold", color="#222222",
            )  # fmt: skip
            free_from = middle + (edges[-1] - edges[0]) * 0.03
    places, numbers = _bars(roll, 10)
    axes.set_xticks(places, numbers)
    axes.set_yticks(places, numbers)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(edges[0], edges[-1])
    axes.set_xlabel("Which bars are alike, and the sections (bar by bar)", fontsize=9, color="#222222", labelpad=4)


def _features(roll: Roll) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the edges of equal stretches of about half a bar, and the pitch classes, or drums, of each."""
    halves = 2 * (len(roll.bar_starts) - 1)
    count = int(np.clip(halves, 2, _MOST_CELLS))
    edges = np.linspace(roll.bar_starts[0], roll.end, count + 1)
    pitched = [part for part in roll.parts if not part.drums]
    names = 12 if pitched else 128
    features = np.zeros((count, names))
    for part in pitched or roll.parts:  # drums alone are alike by which drum is struck
        start, length, pitch, _ = part.notes.T
        first = np.clip(np.searchsorted(edges, start + 1e-6) - 1, 0, count - 1)
        last = np.clip(np.searchsorted(edges, start + length - 1e-6) - 1, first, count - 1)
        for offset in range(int((last - first).max(initial=0)) + 1):
            cell = first + offset
            within = cell <= last
            cell = cell[within]
            sounding = np.minimum(edges[cell + 1], (start + length)[within]) - np.maximum(edges[cell], start[within])
            np.add.at(features, (cell, pitch[within].astype(int) % names), np.maximum(sounding, 0))
    features = np.sqrt(features)
    return edges, features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)


def _along_diagonals(alike: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the cells that come before and after both, so that what is alike by chance alone fades."""
    padded = np.pad(alike, _REACH, mode="edge")
    size = len(alike)
    shifted = [padded[at : at + size, at : at + size] for at in range(2 * _REACH + 1)]
    return np.asarray(np.mean(shifted, axis=0))


def _draw_tempo(axes: Axes, roll: Roll, response: AnalyzeResponse) -> None:
    """Draw the tempo map as steps."""
    tempo = response.tempo
    median = tempo.quarters_per_minute
    changes = [(change.beat, change.quarters_per_minute) for change in tempo.changes] or [(0.0, median)]
    if len(changes) > 1 and changes[1][0] <= _LEAD_IN_BEATS and abs(changes[0][1] / median - 1) > _LEAD_IN_REACH:
        changes = [(changes[0][0], changes[1][1]), *changes[2:]]
    beats, paces = zip(*changes, strict=True)
    axes.plot([*beats, roll.end], [*paces, paces[-1]], drawstyle="steps-post", color=_TEMPO, linewidth=1.4)
    low, high = min(paces), max(paces)
    axes.set_ylim(min(low * 0.98, median * (1 - _TEMPO_REACH)), max(high * 1.02, median * (1 + _TEMPO_REACH)))
    _name(axes, f"Tempo: {median:.1f} quarters a minute")
    _over_time(axes, roll)


def _draw_emotion(axes: Axes, roll: Roll, response: AnalyzeResponse) -> None:
    """Draw valence and arousal over time."""
    points = [(point.span, point.emotion) for point in response.emotion.curve]
    overall = response.emotion.overall
    middles = [(span.start + span.end) / 2 for span, _ in points] or [0.0, roll.end]
    emotions = [emotion for _, emotion in points] or [overall, overall]
    axes.axhline(0, color="#c3c9d1", linewidth=0.7)
    for name, colour, values in (
        ("valence: unpleasant to pleasant", _VALENCE, [emotion.valence for emotion in emotions]),
        ("arousal: calm to excited", _AROUSAL, [emotion.arousal for emotion in emotions]),
    ):
        mark = "o" if len(points) < 40 else None
        axes.plot(middles, values, color=colour, linewidth=1.4, marker=mark, markersize=3, label=name)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1])
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2, frameon=False, fontsize=7.5, handlelength=1.4)
    _name(axes, "Emotion")
    _over_time(axes, roll)


def _over_time(axes: Axes, roll: Roll) -> None:
    places, numbers = _bars(roll, 24)
    axes.set_xticks(places, numbers)
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.annotate(
        "bar", (0, 0), xycoords="axes fraction", xytext=(-6, -5), textcoords="offset points", ha="right", va="top",
        fontsize=7, color=_GREY,
    )  # fmt: skip
    axes.set_xlim(roll.bar_starts[0], roll.end)
