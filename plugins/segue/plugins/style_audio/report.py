"""What ``style-audio`` gets right, on charts that nothing was learnt from, by means that have no part in the search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from segue.plugin_api.training import Report
from segue.plugins.style_audio.artifacts import Artifacts
from segue.plugins.style_audio.data import SECONDS, Arrangement, arrangements
from segue.plugins.style_audio.judge import Ear, Judge
from segue.plugins.style_audio.measure import chroma_similarity, onset_correlation
from segue.plugins.style_audio.network import distance
from segue.plugins.style_audio.plugin import StyleAudioOptions
from segue.plugins.style_audio.search import Search
from segue.plugins.style_audio.spectrum import loudest, to_bands, to_spectrum
from segue.plugins.style_audio.synthesis import resound
from torch import Tensor

_PAIRS: Final = 48
_JUDGE_CHARTS: Final = 12
_STRENGTHS: Final = (0.25, 0.5, 0.75, 1.0)
_GRADED: Final = 12
"""Pairs that are also made at less than full strength."""


@dataclass(frozen=True)
class Pair:
    """A chart in the style it has, and in the one it is to have."""

    source: Arrangement
    target: Arrangement
    other: str


class Bench:
    """What measures: the judge, and who hears notes."""

    def __init__(self, made: Artifacts, found: Sequence[Arrangement], console: Console) -> None:
        self.made = made
        self.ear = Ear()
        charts = sorted({each.chart for each in found if each.part == "train"})[:_JUDGE_CHARTS]
        train = [each for each in found if each.part == "train" and each.chart in charts]
        played = track(train, "teaching the judge", console=console)
        embeddings = [self.ear.embed(torch.from_numpy(each.sound())) for each in played]
        self.judge = Judge(embeddings, [each.style for each in train])

    def measure(self, pair: Pair, wanted: str, before: Tensor, after: Tensor) -> dict[str, float]:
        """Return the figures of what became of a recording; ``wanted`` is the style it is held against."""
        was = self.judge.probabilities(self.ear.embed(before))
        now = self.judge.probabilities(self.ear.embed(after))
        bands = to_bands(to_spectrum(after / loudest(after)))
        texture = self.made.listener.texture(bands)
        source = pair.source.style
        return {
            "strength": (was[source] - now[source] + now[wanted] - was[wanted]) / 2,
            "target": now[wanted],
            "source": now[source],
            "named target": float(max(now, key=lambda style: now[style]) == wanted),
            "chroma": chroma_similarity(before, after),
            "onsets": onset_correlation(before, after),
            "melody heard": self.ear.share_heard(pair.source.tune(), after),
            "texture distance": float(distance(texture, self.made.textures[wanted])),
        }


def pairs(found: Sequence[Arrangement], count: int) -> list[Pair]:
    """Return pairs of styles of the test part's charts, every style as often as any other."""
    test = {(each.style, each.chart): each for each in found if each.part == "test"}
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
    bench = Bench(made, found, console)
    rows: dict[str, list[dict[str, float]]] = {}
    graded: list[list[dict[str, float]]] = []
    chosen = pairs(found, _PAIRS)
    for number, pair in enumerate(track(chosen, "transferring", console=console)):
        before = _level(pair.source.sound())
        target = pair.target.style
        changes = dict(_changes(made, before, target))
        sounds = {name: resound(before, change, 0) for name, change in changes.items()}
        sounds |= {"identity": before, "the target style's own recording": _level(pair.target.sound())}
        for name, sound in sounds.items():
            rows.setdefault(name, []).append(bench.measure(pair, target, before, sound))
        rows.setdefault("random target", []).append(bench.measure(pair, pair.other, before, sounds["style-audio"]))
        if number < _GRADED:
            whole = rows["style-audio"][-1]
            steps = [resound(before, strength * changes["style-audio"], 0) for strength in _STRENGTHS[:-1]]
            graded.append([*(bench.measure(pair, target, before, step) for step in steps), whole])
    order = ("identity", "random target", "equaliser", "style-audio", "the target style's own recording")
    protocol = (
        f"{len(chosen)} pairs of styles, the first {SECONDS:g} seconds of charts of the test part, synthetic, played by a "
        "SoundFont. "
    )
    return [
        Report(
            protocol + "strength: half the sum of the drop of the source's and the rise of the target's probability, by a "
            f"logistic regression on musicnn's embedding, learnt from {_JUDGE_CHARTS} charts of the train part, which "
            "has no part in the search; named target: share in which it finds the target likeliest; chroma: cosine "
            "of the pitch classes with the recording's; onsets: correlation with the recording's; melody heard: share "
            "of the melody's notes that basic-pitch hears; texture distance: by the network that the search uses. "
            "Random target: held against a style that was not asked for; equaliser: bands' means alone.",
            {name: _mean(rows[name]) for name in order},
        ),
        Report(
            f"{len(graded)} of these pairs at lesser strength: the same figures, and Spearman's correlation of the strength "
            "asked with target's probability and with (the negative of) the texture's distance, mean over pairs.",
            {
                f"strength {strength:g}": _mean([row[step] for row in graded])
                for step, strength in enumerate(_STRENGTHS)
            }
            | {"spearman": {"target": _monotone(graded, "target"), "texture distance": -_monotone(graded, "texture distance")}},
        ),
    ]


def _level(samples: NDArray[np.float32]) -> Tensor:
    tensor = torch.from_numpy(samples)
    return tensor / loudest(tensor)


def _changes(made: Artifacts, samples: Tensor, target: str) -> Iterator[tuple[str, Tensor]]:
    bands = to_bands(to_spectrum(samples))
    wanted = made.textures[target]
    options = StyleAudioOptions()
    search = Search(made.listener, bands, wanted, options.keep)
    search.go_on(options.iterations)
    yield "style-audio", search.change()
    means = made.listener.texture(bands).means[0]
    lasting = ((wanted.means[0] - means) * made.listener.scale)[:, None]
    yield "equaliser", (bands + lasting).clamp(min=0) - bands


def _monotone(graded: Sequence[Sequence[dict[str, float]]], name: str) -> float:
    return float(np.mean([spearmanr(_STRENGTHS, [step[name] for step in steps]).statistic for steps in graded]))


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
