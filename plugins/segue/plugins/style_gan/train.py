"""The trainer: learns, measures how styles are written and played, and how well they are reached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from rich.console import Console
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.packs.files import sources
from segue.plugins.style_gan.artifacts import Artifacts, load, save
from segue.plugins.style_gan.calibrate import calibrate
from segue.plugins.style_gan.data import DOMAINS, grooves, read_songs
from segue.plugins.style_gan.learning import StyleGanSettings, fit
from segue.plugins.style_gan.lessons import Windows
from segue.plugins.style_gan.report import reports


class StyleGanTrainer(Trainer):
    """Trains ``style-gan`` on charts in many styles, chorales and lead sheets."""

    Settings: ClassVar[type[TrainingSettings]] = StyleGanSettings
    example: ClassVar[str] = "segue train style-gan --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: StyleGanSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        songs = read_songs(run.data, ["train"])
        run.sources.extend(sources(run.data, "style_parallel_synth", "jsb_chorales", "openewld"))
        styles = [name for names in DOMAINS.values() for name in names]
        windows = Windows(songs, [*styles, *sorted({song.style for song in songs} - set(styles))])
        generator = fit(windows, styles, run, settings)
        textures = calibrate(generator, windows, len(styles), np.random.default_rng((run.seed, 0, 1)))
        save(Artifacts(generator, styles, textures, grooves(songs, styles)), run.artifacts)
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), read_songs(data, ["test"]))
