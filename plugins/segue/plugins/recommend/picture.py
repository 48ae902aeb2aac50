"""The picture of a report: one panel a metric, one bar a method."""

from __future__ import annotations

from pathlib import Path

from segue.plugin_api.training import Report


def draw_report(report: Report, path: Path) -> None:
    """Write a report as PNG.

    Raises
    ------
    ImportError
        Without matplotlib, which comes with ``segue[media]``.
    """
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(metric for row in report.rows.values() for metric in row))
    figure = Figure(figsize=(2.2 * len(metrics), 0.35 * len(report.rows) + 1.6), layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    names = list(report.rows)
    for panel, metric in zip(panels, metrics, strict=True):
        values = [report.rows[name].get(metric, 0.0) for name in names]
        bars = panel.barh(names, values, color=["#b0b7c3"] * (len(names) - 1) + ["#2f6fb2"])
        panel.bar_label(bars, [f"{value:.3g}" for value in values], padding=2, fontsize=8)
        panel.set_title(metric, fontsize=9)
        panel.margins(x=0.3)
        panel.tick_params(labelsize=8, bottom=False, labelbottom=False)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    panels[0].invert_yaxis()
    figure.suptitle(report.protocol, fontsize=7, wrap=True)
    figure.savefig(path, dpi=100)
