"""``python -m segue.plugins.score.acceptance DATA``: what is asked of the analysis, what it does, baselines beside it.

Measures the shipped versions of ``score`` and ``emotion`` anew; DATA holds the packs. Tables in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Console
from segue.plugin_api.training import Report
from segue.plugins.score.emotion import Listeners
from segue.plugins.score.emotion_train import measure_emotion
from segue.plugins.score.evaluation import evaluate
from segue.plugins.score.networks import shipped_networks
from segue.plugins.score.plugin import EmotionAnalyzer


class Line(NamedTuple):
    """A demand: its words, the least (or, for milliseconds, most) asked, and where the figure and its baselines are."""

    what: str
    asked: float | None
    report: str
    row: str
    metric: str
    beside: tuple[str, ...] = ()


_HISTOGRAMS: Final = ("krumhansl", "temperley")
_FOLDED: Final = "all together, fitted in each fold"
_FAMILIES: Final = tuple(f"{name}, fitted in each fold" for name in ("features", "roll", "recurrent", "attention"))
LINES: Final = (
    Line("key of chorales, main, weighted", 0.92, "chorales", "score", "main weighted", _HISTOGRAMS),
    Line("key of aligned pieces, first, exact", 0.90, "keys", "score", "first exact", _HISTOGRAMS),
    Line("key of aligned pieces, first, weighted", 0.93, "keys", "score", "first weighted", _HISTOGRAMS),
    Line("key of POP909, main, weighted", None, "song keys", "score", "weighted", _HISTOGRAMS),
    Line("chords of POP909, majmin", 0.93, "chords", "score", "majmin", ("templates",)),
    Line("roots of aligned pieces", 0.70, "numerals", "score", "root"),
    Line("local key of aligned pieces", None, "numerals", "score", "local key"),
    Line("Roman numerals of aligned pieces", None, "numerals", "score", "numeral"),
    Line("melody of POP909, notes", 0.90, "melody", "score", "melody or not", ("skyline",)),
    Line("beats of POP909, F1", None, "beats of songs", "score", "beat F1", ("comb",)),
    Line("downbeats of POP909, F1", None, "beats of songs", "score", "downbeat F1", ("comb", "accents")),
    Line("beats of ASAP, F1", None, "beats of scores", "score", "beat F1", ("comb",)),
    Line("downbeats of ASAP, F1", None, "beats of scores", "score", "downbeat F1", ("comb", "accents")),
    Line("emotion of VGMIDI, quadrant", 0.62, "VGMIDI", _FOLDED, "quadrant", ("largest class", *_FAMILIES)),
    Line("emotion of VGMIDI, arousal", 0.83, "VGMIDI", _FOLDED, "arousal", ("largest class", *_FAMILIES)),
    Line(
        "emotion of EMOPIA, quadrant", 0.66, "EMOPIA", "emotion", "quadrant",
        ("largest class", "features", "roll", "recurrent", "attention"),
    ),
    Line("five genres", None, "genres", "all", "accuracy"),
    Line("pairs of genres, mean", None, "genres", "mean of the pairs", "accuracy"),
    Line("copies found", 0.95, "copies", "score", "found"),
    Line("same composer inside the human band", 0.95, "same composer", "score", "inside the band"),
    Line("index of 10,000 pieces, p95 ms", 50.0, "large index", "score", "p95 ms"),
)  # fmt: skip


def table(reports: Mapping[str, Report]) -> Iterator[str]:
    """Write one row for each demand that was measured."""
    yield "| | asked | measured | | beside it |"
    yield "|---|---|---|---|---|"
    for line in LINES:
        if line.report in reports:
            rows = reports[line.report].rows
            value = rows[line.row][line.metric]
            met = ""
            if line.asked is not None:
                met = (
                    "met" if (value <= line.asked if line.metric.endswith("ms") else value >= line.asked) else "missed"
                )
            beside = ", ".join(f"{name.partition(',')[0]} {rows[name][line.metric]:.3f}" for name in line.beside)
            asked = "reported" if line.asked is None else f"{line.asked:g}"
            yield f"| {line.what} | {asked} | {value:.3f} | {met} | {beside} |"


def main(data: Annotated[Path, typer.Argument(help="Folder of the packs.", exists=True)]) -> None:
    """Print the acceptance table and the reports it is made from."""
    emotion = EmotionAnalyzer.models[0].shipped
    assert emotion is not None
    progress = Console(stderr=True)
    reports = {
        **evaluate(data, shipped_networks(), progress),
        **measure_emotion(data, Listeners.load(emotion / "1"), progress),
    }
    out = Console(soft_wrap=True, highlight=False, markup=False)
    for text in (*table(reports), *(f"\n{report.to_markdown()}" for report in reports.values())):
        out.print(text)


if __name__ == "__main__":
    typer.run(main)
