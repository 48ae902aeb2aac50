"""What a trainer is: data in, the next version of a model out.

``segue train NAME --data FOLDER --out STORE`` finds the algorithm's ``trainer``, checks the settings, gives it a
``Run`` and writes the model card. The trainer reads the data, shows progress, resumes after an interruption, measures
itself on a held-out part beside simple baselines, and writes its files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from segue.plugin_api.errors import Unsupported


class TrainingSettings(BaseModel):
    """Settings of a trainer: a pydantic model; ``--set NAME=VALUE`` on the command line.

    A field that is itself a model, or a list, is given there as JSON.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class DataSource:
    """A data set that took part, for the model card.

    Attributes
    ----------
    name
        Name of the data set.
    licence
        Its licence, SPDX where there is one.
    path
        Folder or file that was read; the card records its digest.
    non_commercial
        True if the licence forbids commercial use.
    """

    name: str
    licence: str
    path: Path
    non_commercial: bool = False


@dataclass(frozen=True)
class Report:
    """What was measured on held-out data.

    Attributes
    ----------
    protocol
        Data, split and unit, in a sentence.
    rows
        Method → metric → value; simple baselines beside the model.
    """

    protocol: str
    rows: Mapping[str, Mapping[str, float]]

    def to_markdown(self, number: str = ".3f") -> str:
        """Return the protocol and, below it, a table of the rows; ``number`` says how a figure is written."""
        metrics = list(dict.fromkeys(metric for row in self.rows.values() for metric in row))
        lines = [self.protocol, "", f"| | {' | '.join(metrics)} |", "|---" * (len(metrics) + 1) + "|"]
        for name, row in self.rows.items():
            lines.append(f"| {name} | " + " | ".join(f"{row[m]:{number}}" if m in row else "" for m in metrics) + " |")
        return "\n".join(lines)


@dataclass
class Run:
    """One run of a trainer.

    Attributes
    ----------
    data
        The folder or file named by ``--data``.
    artifacts
        Folder to write the version's files into.
    work
        Folder that outlives an interruption: checkpoints and TensorBoard logs go here.
    seed
        Seed of everything drawn at random.
    console
        Where progress is shown.
    sources
        The trainer appends the data sets it read.
    earlier_seconds
        What an earlier run took for that which this one takes up again; the trainer adds it.
    """

    data: Path
    artifacts: Path
    work: Path
    seed: int
    console: Console
    sources: list[DataSource] = field(default_factory=list)
    earlier_seconds: float = 0.0


class Trainer(ABC):
    """Trains one model.

    Attributes
    ----------
    Settings
        Model of its settings.
    example
        An example command line, shown by ``segue train NAME --settings``.
    """

    Settings: ClassVar[type[TrainingSettings]] = TrainingSettings
    example: ClassVar[str] = ""

    @abstractmethod
    def train(self, run: Run, settings: Any) -> Sequence[Report]:
        """Train, write the files of the new version into ``run.artifacts``, and report its held-out metrics.

        Raises
        ------
        InvalidRequest
            Naming what is wrong with the data or the settings.
        """

    @abstractmethod
    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure an existing version on the held-out part of the data."""

    def export(self, data: Path, artifacts: Path, out: Path, console: Console) -> Sequence[Report]:
        """Write an existing version for other runtimes into ``out``, and report what each form loses, weighs and takes.

        Raises
        ------
        Unsupported
            If this model has no such form.
        """
        raise Unsupported("this algorithm's model can't be exported")
