"""Training the lyrics model, and measuring it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import Field
from rich.console import Console
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.lyrics.artifacts import Artifacts
from segue.plugins.lyrics.corpus import SONGS, VERSE, Corpus, read_corpus
from segue.plugins.lyrics.learning import FitSettings, fit
from segue.plugins.lyrics.measure import reports
from segue.plugins.lyrics.network import NetworkSettings
from segue.plugins.lyrics.pronounce import DICTIONARY
from segue.plugins.lyrics.vocabulary import Vocabulary


class LyricsSettings(FitSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU."""

    verse_lines: int = Field(
        default=250_000, ge=0, description="Lines of verse to learn from, where there is a file of verse."
    )
    vocabulary: int = Field(default=7000, ge=10, description="Most words the model knows.")
    batch: int = Field(default=64, ge=1, description="Texts read side by side.")
    length: int = Field(default=32, ge=2, description="Words read between two steps of the optimiser.")
    songs_in_verse: int = Field(default=1, ge=0, description="How often the songs are read among the verse.")
    tuning_passes: int = Field(
        default=3, ge=0, description="How often they are read afterwards, among an eighth of the verse."
    )
    learning_rate: float = Field(default=3e-3, gt=0, description="Peak learning rate; it falls to 0.")
    weight_decay: float = Field(default=0.02, ge=0, description="Weight decay.")
    candidates: int = Field(default=1000, ge=1, description="Words that stand for those not in a batch.")
    evaluate_every: int = Field(
        default=100, ge=1, description="Steps between looks at the validation songs, and checkpoints."
    )
    network: NetworkSettings = Field(default=NetworkSettings(), description="Sizes and dropout, as JSON.")


class LyricsTrainer(Trainer):
    """Trains ``lyrics`` on songs and verse."""

    Settings: ClassVar[type[TrainingSettings]] = LyricsSettings
    example: ClassVar[str] = "segue train lyrics --data lyrics --out models"

    def train(self, run: Run, settings: LyricsSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(1)
        corpus = read_corpus(run.data, settings.verse_lines, run.seed)
        run.sources.append(DataSource("Public-domain song texts", "public domain in the US", run.data / SONGS))
        if corpus.verse:
            run.sources.append(DataSource("A Gutenberg Poetry Corpus", "CC0-1.0", run.data / VERSE))
        run.sources.append(DataSource("CMU Pronouncing Dictionary 0.7b", "BSD-2-Clause", DICTIONARY))
        vocabulary = Vocabulary.of(corpus.train, corpus.verse, settings.vocabulary)
        network = fit(corpus, vocabulary, settings, run.work, run.seed, run.console)
        Artifacts.of(network, vocabulary, corpus).save(run.artifacts)
        return self._measure(corpus, run.artifacts, run.data)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test songs."""
        return self._measure(read_corpus(data, LyricsSettings().verse_lines, 0), artifacts, data)

    def _measure(self, corpus: Corpus, artifacts: Path, data: Path) -> Sequence[Report]:
        return reports(Artifacts.load(artifacts), corpus, data)
