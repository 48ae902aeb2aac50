"""The trainer: learns, sets what it takes each neuron to fire, and measures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch
from rich.console import Console
from segue.music.originality import OriginalityIndex
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.gan.artifacts import Artifacts, load, save
from segue.plugins.gan.calibrate import calibrate
from segue.plugins.gan.data import read_phrases
from segue.plugins.gan.learning import Batches, GanSettings, draw_noise, fit
from segue.plugins.gan.present import notes_to_piece
from segue.plugins.gan.report import reports
from segue.plugins.gan.roll import MELODY
from segue.plugins.packs.files import sources

_CALIBRATION: Final = 96
"""Phrases of each style by which thresholds are set."""


class GanTrainer(Trainer):
    """Trains ``gan`` on phrases of a band."""

    Settings: ClassVar[type[TrainingSettings]] = GanSettings
    example: ClassVar[str] = "segue train gan --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: GanSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        phrases = read_phrases(run.data)
        run.sources.extend(sources(run.data, "style_parallel_synth", "pop909"))
        train = [song for song in phrases if song.part == "train"]
        styles = sorted({song.style for song in train})
        batches = Batches(train, styles, settings)
        generator = fit(batches, styles, run, settings)
        for style in range(len(styles)):
            rng = np.random.default_rng((run.seed, 0, 1, style))
            known = batches.of_style(rng, style, _CALIBRATION)
            noise = draw_noise(rng, known, settings)
            calibrate(generator, style, *(part.cpu() for part in (known.rolls, known.chords, noise)))
        tunes = {song.tune: notes_to_piece(song.notes[song.notes[:, 0] == MELODY]) for song in phrases}
        index = OriginalityIndex.build(list(tunes.values()), list(tunes))
        save(Artifacts(generator, styles, index), run.artifacts)
        return reports(load(run.artifacts), phrases)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights beside the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), read_phrases(data))
