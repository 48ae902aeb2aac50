"""What measuring ``style-seq`` stands on: test charts as they are heard, and what is put in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style.measure import StyleJudge
from segue.plugins.style.pack import Chart, read_charts
from segue.plugins.style_seq.arrange import frames_of, read_content, silent_frames
from segue.plugins.style_seq.artifacts import Artifacts
from segue.plugins.style_seq.composer import Composer
from segue.plugins.style_seq.data import Song
from segue.plugins.style_seq.ensemble import Ensemble
from segue.plugins.style_seq.hearing import Listener, root_and_mode
from segue.plugins.style_seq.rewrite import Manner, put_in_place
from segue.plugins.style_seq.source_cycle import hear_cycle

MANNER: Final = Manner(strength=1.0, temperature=0.4, drafts=4, seed=0)


@dataclass(frozen=True)
class Case:
    """A transfer that is measured: a test chart, and the styles it has and is to have."""

    chart: Chart
    source: str
    target: str


@dataclass(frozen=True)
class Bench:
    """All that measuring needs; what was heard once is kept."""

    made: Artifacts
    songs: Sequence[Song]
    data: Path

    @cached_property
    def charts(self) -> list[Chart]:
        """The charts of the test part."""
        return [chart for chart in read_charts(self.data) if chart.part == "test"]

    @cached_property
    def listener(self) -> Listener:
        """``score`` and the ear of the version."""
        return Listener.shipped(self.made.ear)

    @cached_property
    def judge(self) -> StyleJudge:
        """The classifier of ``score``."""
        return StyleJudge()

    @cached_property
    def composer(self) -> Composer:
        """What plays."""
        return Composer(self.made.network)

    @cached_property
    def heard(self) -> dict[tuple[str, str], Arrangement]:
        """Chart and style → what was heard."""
        return {}

    @cached_property
    def _known(self) -> dict[int, tuple[Piece, dict[str, float], NDArray[np.int64]]]:
        return {}

    def facts(self, piece: Piece) -> tuple[dict[str, float], NDArray[np.int64]]:
        """Return the probability of each style of a chart's piece, and its chords by half beats, as heard; kept."""
        if id(piece) not in self._known:
            half = (np.arange(8 * int(np.ceil(piece.beats / 4))) + 0.5) / 2
            self._known[id(piece)] = (
                piece,
                self.judge.probabilities(piece),
                root_and_mode(self.listener.networks.read(piece).chord_at(half)),
            )
        return self._known[id(piece)][1:]

    def truth(self, chart: Chart, style: str) -> Piece:
        """Return a chart in a style with its melody; always the same object."""
        key = (chart.number, style)
        return self._truths.setdefault(key, chart.with_melody(style))

    @cached_property
    def _truths(self) -> dict[tuple[str, str], Piece]:
        return {}

    def cases(self) -> list[Case]:
        """Return every ordered pair of styles once; the charts take turns."""
        styles = sorted(self.charts[0].styles)
        found = []
        for number, source in enumerate(styles):
            for other, target in enumerate(styles):
                if source != target:
                    chart = self.charts[(3 * number + other % 3) % len(self.charts)]
                    found.append(Case(chart, source, target))
        return found

    def arrangement(self, case: Case) -> Arrangement:
        """Return a chart in its source's style, its melody on top, as it is heard."""
        key = (case.chart.number, case.source)
        if key not in self.heard:
            self.heard[key] = self.listener.arrangement(self.truth(case.chart, case.source))
        return self.heard[key]

    def play(self, arrangement: Arrangement, ensembles: Sequence[Ensemble]) -> list[Played]:
        """Rewrite a piece for several ensembles, all in one pass."""
        frames = frames_of(arrangement.piece, arrangement.bars)
        content, silent = read_content(arrangement, frames), silent_frames(arrangement, frames)
        players = tuple(player for ensemble in ensembles for player in ensemble.players)
        cycle = hear_cycle(arrangement, frames, content, self.made.network)
        *_, rows = self.composer.compose(MANNER.plan(content, silent, players, cycle))
        assert not isinstance(rows, float)
        ends = np.cumsum([len(ensemble.players) for ensemble in ensembles]).tolist()
        return [
            Played(arrangement, ensemble, rows[end - len(ensemble.players) : end])
            for ensemble, end in zip(ensembles, ends, strict=True)
        ]


@dataclass(frozen=True)
class Played:
    """An accompaniment to a piece, composed or found, which can be put in place at any strength."""

    arrangement: Arrangement
    ensemble: Ensemble
    rows: list[NDArray[np.int64]]

    def piece(self, strength: float = 1.0) -> Piece:
        """Return the piece with this accompaniment."""
        frames = frames_of(self.arrangement.piece, self.arrangement.bars)
        content = read_content(self.arrangement, frames)
        manner = replace(MANNER, strength=strength)
        return put_in_place(self.arrangement, self.ensemble, manner, frames, content, self.rows)[0]
