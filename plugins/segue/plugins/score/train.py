"""``segue train score``: trains the chord and the melody network, and measures all that ``score`` says."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from rich.progress import track
from segue.music.originality import OriginalityIndex
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.score.chord_net import ChordNet
from segue.plugins.score.corpus import known_melodies, sources
from segue.plugins.score.data import songs
from segue.plugins.score.evaluation import evaluate
from segue.plugins.score.examples import Example, chart_chords, chorale_chords, crops, hide_top, song_chords, song_notes
from segue.plugins.score.fitting import fit
from segue.plugins.score.melody_net import MelodyNet
from segue.plugins.score.networks import CHORDS_FILE, MELODY_FILE, ORIGINALITY_FILE, STYLES_FILE, Networks
from segue.plugins.score.style_training import fit_styles
from torch import nn

_SHARES: Final = (0.6, 0.15, 0.25)
"""Of songs, accompaniments and chorales in a batch of the chord network."""
_CELLS, _NOTES = 192, 384


class ScoreSettings(TrainingSettings):
    """Settings of the two networks."""

    chord_steps: int = Field(2600, ge=1, description="Training steps of the chord network, 16 stretches each.")
    melody_steps: int = Field(1600, ge=1, description="Training steps of the melody network, 16 stretches each.")
    keep: str = Field("", description="Folder of a version whose networks and index stay; styles alone are learnt.")


class ScoreTrainer(Trainer):
    """Trains on packs whose licence lets weights ship; measures on their test parts and on When in Rome."""

    Settings = ScoreSettings
    example: ClassVar[str] = "segue train score --data DATA --evaluate"

    def train(self, run: Run, settings: ScoreSettings) -> Sequence[Report]:
        """Train both networks and measure them.

        Raises
        ------
        InvalidRequest
            If the data lacks a pack, or the version to keep lacks a file.
        """
        if settings.keep:
            run.sources += sources(run.data)
            _refit_styles(Path(settings.keep), run)
            return self.evaluate(run.data, run.artifacts, run.console)
        everything = list(songs(run.data))
        run.sources += sources(run.data)
        cells = [song_chords(song) for song in track(everything, "songs to cells", console=run.console)]
        kinds = (cells, chart_chords(run.data / "style_parallel_synth"), chorale_chords(run.data))
        groups = [(share, _part(kind, "train")) for share, kind in zip(_SHARES, kinds, strict=True)]
        chords = ChordNet()
        batch = crops(groups, _CELLS, 16, run.seed, hide_top)
        valid = _part(cells, "valid")
        fit(
            chords,
            batch,
            lambda net: accuracy(net, valid),
            run,
            "chords",
            steps=settings.chord_steps,
            rate=3e-3,
            smoothing=0.05,
        )
        notes = [song_notes(song) for song in track(everything, "songs to notes", console=run.console)]
        melody = MelodyNet()
        batch = crops([(1.0, _part(notes, "train"))], _NOTES, 16, run.seed)
        valid = _part(notes, "valid")
        fit(melody, batch, lambda net: accuracy(net, valid), run, "melody", steps=settings.melody_steps, rate=4e-3)
        known = list(known_melodies(run.data))
        Networks(
            chords.eval(),
            melody.eval(),
            fit_styles(run.data, run.seed, run.console),
            OriginalityIndex.build([piece for _, piece in known], [title for title, _ in known]),
        ).save(run.artifacts)
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure keys, numerals, chords and melody beside profiles, templates and the skyline."""
        return list(evaluate(data, Networks.load(artifacts), console).values())


def _refit_styles(kept: Path, run: Run) -> None:
    for name in (CHORDS_FILE, MELODY_FILE, ORIGINALITY_FILE):
        if not (kept / name).is_file():
            raise InvalidRequest("keep", f"{kept} holds no {name}; it must be the folder of a version of 'score'")
        shutil.copyfile(kept / name, run.artifacts / name)
    fit_styles(run.data, run.seed, run.console).save(run.artifacts / STYLES_FILE)


def _part(examples: Sequence[Example], part: str) -> list[Example]:
    return [example for example in examples if example.part == part]


@torch.inference_mode()
def accuracy(net: nn.Module, examples: Sequence[Example]) -> float:
    """Share of all cells or notes whose class the network gets right."""
    right = [
        net(torch.from_numpy(example.inputs)[None])[0].argmax(dim=1).numpy() == example.targets for example in examples
    ]
    return float(np.concatenate(right).mean())
