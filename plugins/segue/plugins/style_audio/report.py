"""What ``style-audio`` gets right, on charts that nothing was learnt from, by means that have no part in the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from segue.plugin_api.training import Report
from segue.plugins.style_audio.artifacts import Artifacts
from segue.plugins.style_audio.data import SECONDS, Arrangement, arrangements
from segue.plugins.style_audio.judge import Ear, Judge
from segue.plugins.style_audio.measure import chroma_similarity, onset_correlation
from segue.plugins.style_audio.plugin import StyleAudioOptions
from segue.plugins.style_audio.recording import Recording
from segue.plugins.style_audio.spectrum import to_bands
from segue.plugins.style_audio.synthesis import resound
from segue.plugins.style_audio.transfer import Transfer, Wanted, far
from torch import Tensor

_PAIRS: Final = 20
_JUDGE_CHARTS: Final = 10
_STRENGTHS: Final = (0.25, 0.5, 0.75, 1.0)
_GRADED: Final = 6
"""Pairs that are also made at less than full strength, and without rhythm."""


@dataclass(frozen=True)
class Pair:
    """A chart in the style it has, and in the one it is to have."""

    source: Arrangement
    target: Arrangement
    other: str


class Bench:
    """What measures: the judge, and who hears notes."""

    def __init__(self, made: Artifacts, train: Sequence[Arrangement], console: Console) -> None:
        self.made = made
        self.ear = Ear()
        charts = sorted({each.chart.number for each in train})[:_JUDGE_CHARTS]
        train = [each for each in train if each.chart.number in charts]
        played = track(train, "teaching the judge", console=console)
        embeddings = [self.ear.embed(each.sound()) for each in played]
        self.judge = Judge(embeddings, [each.style for each in train])

    def judge_of(self, samples: Tensor) -> dict[str, float]:
        """Return the probability of each style."""
        return self.judge.probabilities(self.ear.embed(samples))

    def measure(
        self, pair: Pair, wanted: str, before: Tensor, was: dict[str, float], after: Tensor
    ) -> dict[str, float]:
        """Return the figures of what became of a recording that was judged; ``wanted`` is what it is held against."""
        heard = self.ear.embed(after)
        now = self.judge.probabilities(heard)
        source = pair.source.style
        return {
            "strength": (was[source] - now[source] + now[wanted] - was[wanted]) / 2,
            "source": now[source],
            "target": now[wanted],
            "distance of likeness": self.judge.far(heard, wanted),
            "distance of texture": far(self.made.listener, after, self.made.styles[wanted].texture),
            "chroma": chroma_similarity(before, after),
            "melody heard": self.ear.share_heard(pair.source.melody(), after),
            "onsets": onset_correlation(before, after),
        }


def pairs(arranged: Sequence[Arrangement], count: int) -> list[Pair]:
    """Return pairs of styles of the test part's charts, every style as often as any other."""
    test = {(each.style, each.chart.number): each for each in arranged}
    styles, charts = sorted({style for style, _ in test}), sorted({chart for _, chart in test})
    made = []
    for number in range(min(count, len(test) * (len(styles) - 1))):
        lap, place = divmod(number, len(styles))
        source, step = styles[place], 1 + (lap * 5 + place * 3) % (len(styles) - 1)
        target = styles[(place + step) % len(styles)]
        other = next(name for name in styles[place + step + 1 :] + styles if name not in (source, target))
        chart = charts[number % len(charts)]
        made.append(Pair(test[source, chart], test[target, chart], other))
    return made


def reports(made: Artifacts, data: Path, console: Console) -> list[Report]:
    """Transfer recordings of the test part and measure what became of them."""
    found = arrangements(data)
    bench = Bench(made, found["train"], console)
    rows: dict[str, list[dict[str, float]]] = {}
    graded: dict[str, list[dict[str, float]]] = {}
    chosen = pairs(found["test"], _PAIRS)
    for number, pair in enumerate(track(chosen, "transferring", console=console)):
        before, target = pair.source.sound(), pair.target.style
        measure = partial(bench.measure, pair, before=before, was=bench.judge_of(before))
        new = _transfer(made, pair, rhythm=True)
        sounds = {
            "identity": before,
            "equaliser": _equalise(made, before, target),
            "style-audio": new,
            "own recording": pair.target.sound(),
        }
        for name, sound in sounds.items():
            rows.setdefault(name, []).append(measure(target, after=sound))
        rows.setdefault("random target", []).append(measure(pair.other, after=new))
        if number < _GRADED:
            for share in _STRENGTHS[:-1]:
                graded.setdefault(f"strength {share:g}", []).append(
                    measure(target, after=before + share * (new - before))
                )
            graded.setdefault("strength 1", []).append(rows["style-audio"][-1])
            graded.setdefault("without rhythm", []).append(measure(target, after=_transfer(made, pair, rhythm=False)))
    order = ("identity", "random target", "equaliser", "style-audio", "own recording")
    protocol = (
        f"{len(chosen)} pairs of styles, the first {SECONDS:g} seconds of charts of the test part, synthetic, played "
        "by a SoundFont. "
    )
    monotone = {
        "target": _monotone(graded, "target", 1),
        "distance of likeness": _monotone(graded, "distance of likeness", -1),
        "distance of texture": _monotone(graded, "distance of texture", -1),
    }
    return [
        Report(
            protocol
            + "strength: half the sum of the source's drop and the target's rise in probability, by a logistic "
            f"regression on musicnn's embedding, learnt from {_JUDGE_CHARTS} charts of the train part, with no part in "
            "the transfer; distance of likeness: of that embedding from the target's mean, in standard deviations; "
            "distance of texture: by the network that the search uses; chroma: cosine of the pitch classes with the "
            "recording's; melody heard: share of the melody's notes that basic-pitch hears; onsets: correlation with "
            "the recording's. Random target: held against a style that was not asked for. Equaliser: the bands' means "
            "alone. Own recording: the chart played in the target style.",
            {name: _mean(rows[name]) for name in order},
        ),
        Report(
            f"{_GRADED} of these pairs at lesser strength, and without the rhythm: the same figures; Spearman's "
            "correlation of strength with the target's probability and with the nearness of likeness and of texture.",
            {name: _mean(some) for name, some in graded.items()} | {"spearman": monotone},
        ),
    ]


def _transfer(made: Artifacts, pair: Pair, *, rhythm: bool) -> Tensor:
    """Return what becomes of a pair's recording; its beats are known."""
    style, options = made.styles[pair.target.style], StyleAudioOptions()
    wanted = Wanted(style.texture, style.rhythm if rhythm else None, 1.0, options.keep, options.iterations)
    recording = Recording(pair.source.sound(), 1.0, SECONDS, 0.0)
    transfer = Transfer(made.listener, recording, wanted, pair.source.meter(), 0)
    while not transfer.go_on(options.iterations):
        pass
    return transfer.result()


def _equalise(made: Artifacts, samples: Tensor, style: str) -> Tensor:
    """Return samples whose bands have the means of a style."""
    bands = to_bands(samples)
    away = made.styles[style].texture.means[0] - made.listener.texture(bands).means[0]
    return resound(samples, (bands + (away * made.listener.scale)[:, None]).clamp(min=0) - bands, 0)


def _monotone(graded: Mapping[str, Sequence[dict[str, float]]], name: str, sign: int) -> float:
    """Return the mean over pairs of the correlation of strength with a figure."""
    by_strength = [[sign * row[name] for row in graded[f"strength {share:g}"]] for share in _STRENGTHS]
    return float(np.mean([spearmanr(_STRENGTHS, row).statistic for row in zip(*by_strength, strict=True)]))


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
