"""Small pieces of text that several commands write."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from segue.client._parse import enum_to_text
from segue.v1.catalog_pb2 import Model
from segue.v1.lineage_pb2 import Lineage, ModelLineage
from segue.v1.music_pb2 import Emotion, EmotionQuadrant, Label, Notice, Originality, Place

_BLOCKS = " ▁▂▃▄▅▆▇█"
SEEN = 0.005
"""Share that is written as 1 % at least."""


def lineage_line(lineage: Lineage) -> str:
    """Say which algorithm and models answered, with which seed, in rich markup."""
    parts = [f"{lineage.algorithm} {lineage.algorithm_version}".strip()]
    for model in lineage.models:
        licences = licences_text(model)
        parts.append(f"model {model.name} v{model.version}" + (f" (data: {licences})" if licences else ""))
    if lineage.seed:
        parts.append(f"seed {lineage.seed}")
    if lineage.variant not in ("", "default", "named"):
        parts.append(lineage.variant)
    return f"[dim]{escape(' · '.join(parts))}[/dim]"


def licences_text(model: ModelLineage | Model) -> str:
    """Name the licences of a model's data, and say if they forbid commercial use."""
    licences = list(model.data_licences)
    if model.non_commercial and not any("non-commercial" in licence for licence in licences):
        licences.append("non-commercial")
    return ", ".join(licences)


def notice_lines(notices: Iterable[Notice | str]) -> list[str]:
    """Write notices in rich markup, one a line."""
    texts = [n if isinstance(n, str) else f"{n.subject}: {n.text}" if n.subject else n.text for n in notices]
    return [f"[yellow]note[/yellow] {escape(text)}" for text in texts]


def percent(share: float) -> str:
    """Write a share 0-1 as a whole percentage."""
    return f"{100 * share:.0f} %"


def bars(values: Iterable[float]) -> str:
    """Draw numbers as a row of blocks, the largest full height."""
    values = list(values)
    top = max(values, default=0.0)
    return "".join(_BLOCKS[round(8 * max(0.0, v) / top)] for v in values) if top > 0 else ""


def emotion_text(emotion: Emotion) -> str:
    """Write an emotion, e.g. ``calm (valence 0.31, arousal -0.40)``."""
    name = enum_to_text(EmotionQuadrant, emotion.quadrant) if emotion.quadrant else ""
    numbers = [f"{n} {getattr(emotion, n):+.2f}" for n in ("valence", "arousal") if emotion.HasField(n)]
    return f"{name} ({', '.join(numbers)})" if name and numbers else name or ", ".join(numbers)


def labels_text(labels: Iterable[Label], most: int = 3) -> str:
    """Write the most probable labels with their probabilities, but none that would be 0 %."""
    shown = [label for label in list(labels)[:most] if label.probability >= SEEN]
    return ", ".join(f"{label.name} {percent(label.probability)}" for label in shown)


def originality_text(originality: Originality, unit: str = "notes") -> str:
    """Write how far a piece copies."""
    text = f"{percent(originality.copied_fraction)} of the {unit} copied, longest run {originality.longest_run}"
    for source in originality.sources:
        if source.longest_run == originality.longest_run and source.HasField("place"):
            span = source.source_span
            there = f" beat {number_text(span.start)}" if source.HasField("source_span") else ""
            text += f" (from {place_text(source.place)}: {source.title}{there})"
            break
    if originality.sources:
        text += f", nearest to {originality.sources[0].title}"
    return text


def place_text(place: Place) -> str:
    """Write a place, e.g. ``bar 3, track 1``, both counted from 1."""
    return f"bar {place.bar}" + (f", track {place.track + 1}" if place.HasField("track") else "")


def number_text(number: float) -> str:
    """Write a number with at most three decimals."""
    return f"{round(number, 3) + 0.0:,.3f}".rstrip("0").rstrip(".")
