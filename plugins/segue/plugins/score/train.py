"""``segue train score``: trains the chord and the melody network, and measures all that ``score`` says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from rich.progress import track
from safetensors.torch import save
from segue.music.originality import OriginalityIndex
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.packs.files import sources
from segue.plugins.packs.pop909 import songs
from segue.plugins.polish.plugin import Polish
from segue.plugins.score.bar_examples import SHARES, barred_pieces, blur
from segue.plugins.score.bar_net import BarNet
from segue.plugins.score.chord_net import ChordNet
from segue.plugins.score.corpus import known_melodies
from segue.plugins.score.evaluation import evaluate
from segue.plugins.score.examples import Example, chart_chords, chorale_chords, crops, hide_top, song_chords, song_notes
from segue.plugins.score.fitting import fit
from segue.plugins.score.melody_net import MelodyNet
from segue.plugins.score.networks import (
    BARS_FILE,
    CHORDS_FILE,
    MELODY_FILE,
    ORIGINALITY_FILE,
    SLIPS_FILE,
    STYLES_FILE,
    Networks,
)
from segue.plugins.score.style_training import fit_styles
from torch import nn

_SHARES: Final = (0.6, 0.15, 0.25)
"""Of songs, accompaniments and chorales in a batch of the chord network."""
_BEATS, _CELLS, _NOTES = 128, 192, 384


PartName = Literal["bars", "chords", "melody", "styles", "originality", "slips"]


class ScoreSettings(TrainingSettings):
    """Settings of the trainer."""

    bar_steps: int = Field(4000, ge=1, description="Training steps of the bar network, 24 stretches each.")
    chord_steps: int = Field(2600, ge=1, description="Training steps of the chord network, 16 stretches each.")
    melody_steps: int = Field(1600, ge=1, description="Training steps of the melody network, 16 stretches each.")
    keep: Path | None = Field(None, description="Folder of a version whose parts stay, but for those named in anew.")
    anew: list[PartName] = Field(
        ["styles"], description="Parts made anew beside those kept: bars, chords, melody, styles, originality, slips."
    )
    judge: str = Field(
        "", description="Folder of a version of polish, whose judge of pitches is taken; shipped if empty."
    )


class ScoreTrainer(Trainer):
    """Trains on packs whose licence lets weights ship; measures on their test parts and on When in Rome."""

    Settings = ScoreSettings
    example: ClassVar[str] = "segue train score --data DATA --evaluate"

    def train(self, run: Run, settings: ScoreSettings) -> Sequence[Report]:
        """Make the parts of a version, or some of them beside those of another, and measure them.

        Raises
        ------
        InvalidRequest
            If the data lacks a pack, or the version to keep lacks a file.
        """
        run.sources += sources(run.data, "jsb_chorales", "openewld", "pop909", "style_parallel_synth")
        made = set(_PARTS if settings.keep is None else settings.anew)
        if settings.keep is not None:
            _copy(settings.keep, [file for name, (file, _) in _PARTS.items() if name not in made], run.artifacts)
        for name, (file, make) in _PARTS.items():
            if name in made:
                torch.manual_seed(run.seed)
                make(run, run.artifacts / file, settings)
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure keys, numerals, chords and melody beside profiles, templates and the skyline."""
        return list(evaluate(data, Networks.load(artifacts), console).values())


def _copy(version: Path, files: Sequence[str], into: Path) -> None:
    for file in files:
        if not (version / file).is_file():
            raise InvalidRequest(
                "keep", f"{version} holds no {file}; it must be a version of 'score', or make that anew"
            )
        shutil.copyfile(version / file, into / file)


def _make_bars(run: Run, file: Path, settings: ScoreSettings) -> None:
    groups: dict[str, list[Example]] = {kind: [] for kind in SHARES}
    for barred in track(barred_pieces(run.data), "pieces to beats", console=run.console, total=None):
        if barred.part != "test":
            groups[barred.kind].append(barred.example())
    valid = [example for kind in groups.values() for example in _part(kind, "valid")]
    trained = [(share, _part(groups[kind], "train")) for kind, share in SHARES.items() if groups[kind]]
    net = BarNet()
    rows = np.concatenate([example.inputs for _, examples in trained for example in examples])
    net.mean.copy_(torch.from_numpy(rows.mean(axis=0)))
    net.spread.copy_(torch.from_numpy(rows.std(axis=0) + 1e-3))
    batch = crops(trained, _BEATS, 24, run.seed, partial(blur, rows.std(axis=0)))
    steps = settings.bar_steps
    fit(net, batch, lambda net: accuracy(net, valid), run, "bars", steps=steps, rate=3e-3, smoothing=0.02)
    file.write_bytes(save(net.state_dict()))


def _make_chords(run: Run, file: Path, settings: ScoreSettings) -> None:
    cells = [song_chords(song) for song in track(songs(run.data), "songs to cells", console=run.console)]
    kinds = (cells, chart_chords(run.data), chorale_chords(run.data))
    groups = [(share, _part(kind, "train")) for share, kind in zip(_SHARES, kinds, strict=True)]
    net, valid = ChordNet(), _part(cells, "valid")
    batch = crops(groups, _CELLS, 16, run.seed, hide_top)
    steps = settings.chord_steps
    fit(net, batch, lambda net: accuracy(net, valid), run, "chords", steps=steps, rate=3e-3, smoothing=0.05)
    file.write_bytes(save(net.state_dict()))


def _make_melody(run: Run, file: Path, settings: ScoreSettings) -> None:
    notes = [song_notes(song) for song in track(songs(run.data), "songs to notes", console=run.console)]
    net, valid = MelodyNet(), _part(notes, "valid")
    batch = crops([(1.0, _part(notes, "train"))], _NOTES, 16, run.seed)
    fit(net, batch, lambda net: accuracy(net, valid), run, "melody", steps=settings.melody_steps, rate=4e-3)
    file.write_bytes(save(net.state_dict()))


def _make_styles(run: Run, file: Path, settings: ScoreSettings) -> None:
    fit_styles(run.data, run.seed, run.console).save(file)


def _make_originality(run: Run, file: Path, settings: ScoreSettings) -> None:
    titles, pieces = zip(*known_melodies(run.data), strict=True)
    OriginalityIndex.build(pieces, titles).save(file)


def _take_judge(run: Run, file: Path, settings: ScoreSettings) -> None:
    shipped = Polish.models[0].shipped
    assert shipped is not None
    judge = Path(settings.judge) if settings.judge else max(shipped.iterdir(), key=lambda version: int(version.name))
    if not (judge / SLIPS_FILE).is_file():
        raise InvalidRequest("judge", f"{judge} holds no {SLIPS_FILE}; it must be a version of 'polish'")
    shutil.copyfile(judge / SLIPS_FILE, file)


_PARTS: Final[Mapping[PartName, tuple[str, Callable[[Run, Path, ScoreSettings], None]]]] = {
    "bars": (BARS_FILE, _make_bars),
    "chords": (CHORDS_FILE, _make_chords),
    "melody": (MELODY_FILE, _make_melody),
    "styles": (STYLES_FILE, _make_styles),
    "originality": (ORIGINALITY_FILE, _make_originality),
    "slips": (SLIPS_FILE, _take_judge),
}


def _part(examples: Sequence[Example], part: str) -> list[Example]:
    return [example for example in examples if example.part == part]


@torch.inference_mode()
def accuracy(net: nn.Module, examples: Sequence[Example]) -> float:
    """Share of all beats, cells or notes of a known class whose class the network gets right."""
    right = []
    for example in examples:
        found = net(torch.from_numpy(example.inputs)[None])[0].argmax(dim=1).numpy()
        right.append((found == example.targets)[example.targets >= 0])
    return float(np.concatenate(right).mean())
