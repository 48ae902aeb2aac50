"""Trains any method: read and clean, hold out, tune on a carve-out of the rest, measure, then fit on everything.

The order keeps the report honest: what is held out for the report is never seen by tuning or by the reported fit. Only
the version that is written is fitted on all plays, so its own quality is that of the report or a little better.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from rich.progress import track
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.recommend.algorithms import base, find_scorer
from segue.plugins.recommend.algorithms.content import ContentSettings
from segue.plugins.recommend.algorithms.ease import EaseSettings
from segue.plugins.recommend.algorithms.hybrid import HybridSettings
from segue.plugins.recommend.algorithms.ials import IalsSettings
from segue.plugins.recommend.algorithms.knn import ItemSettings, UserSettings
from segue.plugins.recommend.algorithms.sequence import SequenceSettings
from segue.plugins.recommend.algorithms.svd import SvdSettings
from segue.plugins.recommend.dataset import Catalogue, Dataset
from segue.plugins.recommend.evaluation import evaluate, evaluate_next, split
from segue.plugins.recommend.model import RECIPE, load_weights, save_scorer
from segue.plugins.recommend.picture import draw_report
from segue.plugins.recommend.reading import read_dataset
from segue.plugins.recommend.search import TrackSearch
from segue.plugins.recommend.tuning import Trials
from segue.plugins.training import keep
from torch.utils.tensorboard import SummaryWriter

ASKED = 200
"""Listeners that the recall of a search index is measured on."""

HeldOut = Sequence[NDArray[np.int32]]


class DataSettings(TrainingSettings):
    """What every trainer of this family can be told about the data and the protocol."""

    listener_column: str = Field("", description="Column of the listener; empty: the usual names are looked for.")
    track_column: str = Field("", description="Column of the track.")
    count_column: str = Field("", description="Column of the number of plays.")
    time_column: str = Field("", description="Column of the time.")
    min_listeners: int = Field(1, ge=1, description="Tracks with fewer listeners are dropped.")
    min_tracks: int = Field(1, ge=1, description="Listeners with fewer tracks are dropped.")
    split: Literal["random", "temporal"] = Field("random", description="What the report holds out: any, or the latest.")
    held_out: float = Field(0.2, gt=0, lt=1, description="Part of each listener's tracks that the report holds out.")
    update: str = Field("", description="Folder of a version to start from: its settings stay, nothing is tuned.")
    index: bool = Field(
        False, description="Write a search index too (ials, svd): a catalogue of a million tracks answers faster by it."
    )
    tune: bool = Field(True, description="Try the method's grid on a carve-out; settings that are given stay fixed.")

    def columns(self) -> dict[str, str]:
        """Return the columns that were named."""
        given = {name: getattr(self, f"{name}_column") for name in ("listener", "track", "count", "time")}
        return {name: column for name, column in given.items() if column}


class RecommendTrainer(Trainer):
    """Trains the method named ``algorithm``.

    Attributes
    ----------
    baselines
        Further rows of every report, with their settings where the defaults are not the best on the demo's carve-out.
    in_order
        The order of the plays matters: the report predicts the held-out tracks one by one.
    """

    algorithm: ClassVar[str]
    Settings: ClassVar[type[TrainingSettings]] = DataSettings
    baselines: ClassVar[Mapping[str, Mapping[str, Any]]] = {"popularity": {}, "item-knn": {}}
    in_order: ClassVar[bool] = False

    def train(self, run: Run, settings: Any) -> Sequence[Report]:
        """Tune, measure, and fit on all plays."""
        data = self._read(run.data, settings, run.console, run)
        rest, held_out = split(data, settings.held_out, settings.split, run.seed)
        part, wanted = split(rest, settings.held_out, settings.split, run.seed + 1)
        if settings.index and not issubclass(find_scorer(self.algorithm), base.FactorScorer):
            raise InvalidRequest("index", f"is for methods of factors: ials, svd; {self.algorithm} is none")
        trials = Trials(run.work / "trials.json", run.console, in_order=self.in_order)
        method = find_scorer(self.algorithm)
        earlier = Path(settings.update) if settings.update else None
        if earlier:
            chosen = method.Settings(**_recipe(earlier)["settings"])
        else:
            chosen = self.tune(settings, trials, part, wanted, run.seed)
        watch = RunWatch(run)
        report = self._report(rest, held_out, chosen, settings, run.seed, watch)
        for name, value in report.rows[self.algorithm].items():
            watch.log(f"held out/{name}", value, 0)
        try:
            draw_report(report, run.work / "report.png")
        except ImportError:
            run.console.print("no picture of the report: it needs matplotlib, pip install 'segue[media]'")
        scorer = method(chosen)
        scorer.watch = watch
        if earlier:
            scorer.update(data, run.seed, load_weights(earlier), Catalogue.load(earlier).ids)
        else:
            scorer.fit(data, run.seed)
        protocol = settings.model_dump(mode="json", include=set(DataSettings.model_fields) - {"update"})
        save_scorer(scorer, data, run.artifacts, protocol=protocol, seed=run.seed)
        watch.close()
        if settings.index and isinstance(scorer, base.FactorScorer):
            return [report, _write_index(scorer, data, run)]
        return [report]

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Fit on the part that is not held out, with the version's settings and seed, and measure.

        The version itself has seen all plays, so to measure it directly would be to measure on training data.
        """
        recipe = _recipe(artifacts)
        settings, seed = DataSettings(**recipe["protocol"]), recipe["seed"]
        rest, held_out = split(self._read(data, settings, console), settings.held_out, settings.split, seed)
        chosen = find_scorer(self.algorithm).Settings(**recipe["settings"])
        return [self._report(rest, held_out, chosen, settings, seed, base.Watch())]

    def tune(self, settings: Any, trials: Trials, part: Dataset, wanted: HeldOut, seed: int) -> Any:
        """Return the settings of the method that do best on the carve-out."""
        method = find_scorer(self.algorithm)
        fields = set(method.Settings.model_fields)
        start = settings.model_dump(include=fields)
        if not settings.tune:
            return method.Settings(**start)
        return trials.best(method, start, fields & settings.model_fields_set, part, wanted, seed)

    def _read(self, path: Path, settings: Any, console: Console, run: Run | None = None) -> Dataset:
        data, cleaning, source = read_dataset(
            path, settings.columns(), settings.min_listeners, settings.min_tracks, in_order=self.in_order
        )
        console.print(
            f"{source.name}: {data.plays.shape[0]:,} listeners, {len(data.catalogue):,} tracks; {cleaning}",
            soft_wrap=True,
        )
        if run is not None:
            run.sources.append(source)
        return data

    def _report(
        self, rest: Dataset, held_out: HeldOut, chosen: Any, settings: Any, seed: int, watch: base.Watch
    ) -> Report:
        rows = {}
        for name in dict.fromkeys((*self.baselines, self.algorithm)):
            method = find_scorer(name)
            scorer = method(chosen if name == self.algorithm else method.Settings(**self.baselines[name]))
            scorer.watch = watch
            scorer.fit(rest, seed)
            rows[name] = (evaluate_next if self.in_order else evaluate)(scorer, rest, held_out)
        share = f"{1 - settings.held_out:.0%}/{settings.held_out:.0%}"
        what = "predicted one by one" if self.in_order else "to be found"
        return Report(
            protocol=(
                f"{rest.plays.shape[0]:,} listeners, {settings.split} {share} split of each one's tracks, seed {seed}; "
                f"held-out ones {what} among all {len(rest.catalogue):,} tracks but those played before"
            ),
            rows=rows,
        )


def _write_index(scorer: base.FactorScorer, data: Dataset, run: Run) -> Report:
    search = TrackSearch.build(scorer.tracks)
    search.save(run.artifacts)
    rows = np.random.default_rng(run.seed).permutation(data.plays.shape[0])[:ASKED]
    recall = search.recall(scorer.fold_in([data.history(row) for row in rows]), min(50, len(data.catalogue)))
    protocol = f"search index beside all {len(data.catalogue):,} tracks scored, best 50, {len(rows)} listeners"
    return Report(protocol, {scorer.name: {"recall@50": recall}})


def _recipe(version: Path) -> dict[str, Any]:
    if not (version / RECIPE).is_file():
        raise InvalidRequest("update", f"{version} is no version of a recommender: it has no {RECIPE}")
    return dict(json.loads((version / RECIPE).read_text()))


class RunWatch(base.Watch):
    """Shows epochs, logs to TensorBoard, and keeps a checkpoint of every epoch until the whole training is done."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._board = SummaryWriter(str(run.work))
        self._fits = 0

    def epochs(self, name: str, total: int, state: Mapping[str, Any]) -> Iterator[int]:
        """Yield the epochs that are left, saving the state after each."""
        self._fits += 1
        path = self._run.work / f"checkpoint-{self._fits}.pt"
        first = 0
        if state and path.is_file():
            saved = torch.load(path, weights_only=True)
            first = saved.pop("epoch") + 1
            for key, part in saved.items():
                state[key].load_state_dict(part)
        for epoch in track(range(first, total), description=name, console=self._run.console, transient=True):
            yield epoch
            if state:
                keep({"epoch": epoch} | {key: part.state_dict() for key, part in state.items()}, path)

    def log(self, name: str, value: float, step: int) -> None:
        """Note a figure for TensorBoard."""
        self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Drop the checkpoints: the next training starts afresh."""
        self._board.close()
        for path in self._run.work.glob("checkpoint-*.pt"):
            path.unlink()


class PopularityTrainer(RecommendTrainer):
    """Trains ``popularity``."""

    algorithm = "popularity"


class UserKnnTrainer(RecommendTrainer):
    """Trains ``user-knn``."""

    algorithm = "user-knn"

    class Settings(DataSettings, UserSettings):
        """Settings of the data and of the method."""


class ItemKnnTrainer(RecommendTrainer):
    """Trains ``item-knn``."""

    algorithm = "item-knn"

    class Settings(DataSettings, ItemSettings):
        """Settings of the data and of the method."""


class SvdTrainer(RecommendTrainer):
    """Trains ``svd``."""

    algorithm = "svd"

    class Settings(DataSettings, SvdSettings):
        """Settings of the data and of the method."""


class IalsTrainer(RecommendTrainer):
    """Trains ``ials``."""

    algorithm = "ials"
    example = "segue train ials --data lastfm_2k --out store --set factors=64"

    class Settings(DataSettings, IalsSettings):
        """Settings of the data and of the method."""


class EaseTrainer(RecommendTrainer):
    """Trains ``ease``."""

    algorithm = "ease"

    class Settings(DataSettings, EaseSettings):
        """Settings of the data and of the method."""


class ContentTrainer(RecommendTrainer):
    """Trains ``content``."""

    algorithm = "content"

    class Settings(DataSettings, ContentSettings):
        """Settings of the data and of the method."""


class HybridTrainer(RecommendTrainer):
    """Trains ``hybrid``: its members are tuned one by one, then their weights."""

    algorithm = "hybrid"
    example = """segue train hybrid --data lastfm_2k --out store --set ials='{"factors": 64}'"""

    class Settings(DataSettings, HybridSettings):
        """Settings of the data and of the method."""

    def tune(self, settings: Any, trials: Trials, part: Dataset, wanted: HeldOut, seed: int) -> Any:
        """Tune the members, then the blend."""
        if settings.tune:
            given = settings.model_fields_set
            members = {
                name: trials.best(find_scorer(name), getattr(settings, name).model_dump(), set(), part, wanted, seed)
                for name in ("ials", "ease")
                if name not in given
            }
            settings = settings.model_copy(update=members)
        return super().tune(settings, trials, part, wanted, seed)


class SequenceTrainer(RecommendTrainer):
    """Trains a sequence network on plays in order of time."""

    baselines: ClassVar = {"popularity": {}, "markov": {"smoothing": 1000.0}, "item-knn": {"power": 1.0}}
    in_order = True

    class Settings(DataSettings, SequenceSettings):
        """Settings of the data and of the network."""

        split: Literal["random", "temporal"] = Field("temporal", description="Which tracks the report holds out.")


class SasRecTrainer(SequenceTrainer):
    """Trains ``sasrec``."""

    algorithm = "sasrec"


class Gru4RecTrainer(SequenceTrainer):
    """Trains ``gru4rec``."""

    algorithm = "gru4rec"


class CaserTrainer(SequenceTrainer):
    """Trains ``caser``."""

    algorithm = "caser"
