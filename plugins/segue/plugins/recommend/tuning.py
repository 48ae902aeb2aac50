"""Tuning on a carve-out of the training part. What is held out for the report never comes here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.plugins.recommend.algorithms.base import Scorer
from segue.plugins.recommend.dataset import Dataset
from segue.plugins.recommend.evaluation import evaluate, evaluate_next


class Trials:
    """Results of trials, kept in a file so that an interruption loses none.

    Parameters
    ----------
    path
        The file.
    console
        Where progress is shown.
    in_order
        The order of the plays matters: the measure is HR@10 of the next track, else NDCG@20.
    """

    def __init__(self, path: Path, console: Console, *, in_order: bool = False) -> None:
        self._path, self._console, self._in_order = path, console, in_order
        self._values: dict[str, float] = json.loads(path.read_text()) if path.is_file() else {}

    def best(
        self,
        method: type[Scorer],
        start: Mapping[str, Any],
        fixed: set[str],
        part: Dataset,
        wanted: Sequence[NDArray[np.int32]],
        seed: int,
    ) -> Any:
        """Return the settings out of a method's grid with the highest measure.

        Parameters
        ----------
        method
            The method.
        start
            Settings to start from; they are the first trial.
        fixed
            Names of settings that the grid must not change.
        part, wanted
            What to fit on, and the tracks of each listener to be found.
        seed
            Seed of the fits.
        """
        changes = [{}, *({k: v for k, v in change.items() if k not in fixed} for change in method.grid)]
        candidates = [method.Settings(**{**start, **change}) for change in changes]
        distinct = list({one.model_dump_json(): one for one in candidates}.values())
        if len(distinct) == 1:
            return distinct[0]
        values = []
        for settings in track(distinct, description=f"tuning {method.name}", console=self._console, transient=True):
            key = f"{method.name} {settings.model_dump_json()} {part.plays.nnz} {seed}"
            key = hashlib.sha256(key.encode()).hexdigest()[:16]
            if key not in self._values:
                scorer = method(settings)
                scorer.fit(part, seed)
                self._values[key] = self._measure(scorer, part, wanted)
                aside = self._path.with_suffix(".new")
                aside.write_text(json.dumps(self._values))
                aside.replace(self._path)
            values.append(self._values[key])
        place = int(np.argmax(values))
        best = f"{values[place]:.4f} with {distinct[place]}"
        self._console.print(f"{method.name}: best of {len(values)} on the carve-out: {best}", soft_wrap=True)
        return distinct[place]

    def _measure(self, scorer: Scorer, part: Dataset, wanted: Sequence[NDArray[np.int32]]) -> float:
        if self._in_order:
            return evaluate_next(scorer, part, wanted)["hr@10"]
        return evaluate(scorer, part, wanted)["ndcg@20"]
