"""Fits the style classifier of ``score``, and measures it on charts, songs and chorales that it has not seen."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track
from segue.plugin_api.training import Report
from segue.plugins.score.linear import LinearClassifier, fit_linear
from segue.plugins.score.style_examples import styled_pieces, views

_STRENGTH: Final = 1.0
"""Of 0.1 and 1, the better on the validation part."""
_TEST_SEED: Final = 0


def fit_styles(data: Path, seed: int, console: Console) -> LinearClassifier:
    """Fit the classifier on all pieces but those of the test part."""
    rng = np.random.default_rng(seed)
    pieces = [styled for styled in styled_pieces(data) if styled.part != "test"]
    seen = [(one.style, found) for one in track(pieces, "styles", console=console) for _, found in views(one, rng)]
    return fit_linear(np.stack([found for _, found in seen]), [style for style, _ in seen], _STRENGTH)


def measure_styles(data: Path, styles: LinearClassifier, console: Console) -> Report:
    """Measure how often the classifier names the style of pieces of the test part, in each way that they are seen."""
    rng = np.random.default_rng(_TEST_SEED)
    hits: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    tests = [styled for styled in styled_pieces(data) if styled.part == "test"]
    for styled in track(tests, "styles", console=console):
        for view, found in views(styled, rng):
            guess = styles.labels[int(styles.probabilities(found).argmax())]
            hits[styled.tune][view].append(guess == styled.style)
    truth = np.array([styled.style for styled in tests])
    counts = np.unique(truth, return_counts=True)[1]
    return Report(
        "Style by name, one of 18, of held-out chorales, songs and charts, whole and as a transposed window; 16 of the "
        "styles are synthetic. Instruments, loudness, tempo, drums and tracks are taken away. With a tune: the chart's "
        "melody over its accompaniment; songs are heard with their melody (its own) and without. Accuracy.",
        {
            "largest class": {"whole, as played": float(counts.max() / counts.sum())},
            **{f"score, {t}": {v: float(np.mean(right)) for v, right in row.items()} for t, row in hits.items()},
        },
    )
