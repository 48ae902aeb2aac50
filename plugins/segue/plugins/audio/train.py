"""``segue train audio``: takes the two published networks, learns what goes on top of them, and measures it all."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final

import torch
from pydantic import Field
from rich.console import Console
from rich.progress import track
from safetensors.numpy import load_file, save_file
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource, Report, Run, Trainer, TrainingSettings
from segue.plugins.audio.corpus import choose, hear
from segue.plugins.audio.evaluation import evaluate
from segue.plugins.audio.learning import learn_notes
from segue.plugins.audio.scorer import Scorer
from segue.plugins.audio.tempo_learning import learn_tempo, tempo_choices
from segue.plugins.audio.transcriber import Transcriber
from segue.plugins.packs.files import sources

_SECONDS: Final = 45.0
_COUNTS: Final = (160, 50, 60, 0)
_LEARNT: Final = "learnt.safetensors"
_TAGGER: Final = ("MSD_musicnn.onnx", "MSD_musicnn.labels.json")


class AudioSettings(TrainingSettings):
    """Settings of ``audio``."""

    transcriber: str = Field(
        "", description="Path of basic-pitch's nmp.onnx; by default that of the installed package basic-pitch."
    )
    keep: str = Field("", description="Folder of a version whose judge of notes stays; the tempo alone is learnt.")


class AudioTrainer(Trainer):
    """Learns from pieces made to sound by a SoundFont; measures on others."""

    Settings = AudioSettings
    example: ClassVar[str] = "segue train audio --data DATA --evaluate"

    def train(self, run: Run, settings: AudioSettings) -> Sequence[Report]:
        """Copy the networks, learn, measure."""
        torch.set_num_threads(1)
        transcriber = _transcriber(settings.transcriber)
        tagger = run.data / "musicnn_onnx"
        if not (tagger / _TAGGER[0]).is_file():
            raise InvalidRequest("data", f"{run.data} holds no musicnn_onnx/{_TAGGER[0]}")
        run.sources += [
            DataSource("basic-pitch 0.4.0, its network", "Apache-2.0", transcriber),
            DataSource("musicnn 0.1.0, its network", "ISC", tagger),
            *sources(run.data, "jsb_chorales", "openewld", "pop909", "style_parallel_synth"),
        ]
        for path in (transcriber, *(tagger / name for name in _TAGGER)):
            shutil.copyfile(path, run.artifacts / path.name)
        notes = _kept_notes(Path(settings.keep)) if settings.keep else self._learn_notes(run, transcriber)
        choices = list(track(tempo_choices(run.data, run.seed), "tempos", console=run.console))
        learnt = notes.to_arrays("notes") | learn_tempo(choices, run.seed).to_arrays("tempo")
        save_file(learnt, run.artifacts / _LEARNT)
        return self.evaluate(run.data, run.artifacts, run.console)

    def _learn_notes(self, run: Run, transcriber: Path) -> Scorer:
        network = Transcriber(transcriber)
        chosen = choose(run.data, "train", _COUNTS)
        examples = [
            (played, hear(played, _SECONDS, network, run.work))
            for played in track(chosen, "listening", console=run.console)
        ]
        return learn_notes(examples, run.seed)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure notes, tempo and key of 50 pieces made to sound."""
        return evaluate(data, artifacts, console)


def _kept_notes(folder: Path) -> Scorer:
    if not (folder / _LEARNT).is_file():
        raise InvalidRequest("keep", f"{folder} holds no {_LEARNT}, must be the folder of a version of 'audio'")
    return Scorer.of(load_file(folder / _LEARNT), "notes")


def _transcriber(given: str) -> Path:
    path = Path(given)
    if not given:
        package = find_spec("basic_pitch")
        if package is None or package.origin is None:
            text = "is not given: pip install --no-deps basic-pitch==0.4.0, or name its nmp.onnx"
            raise InvalidRequest("transcriber", text)
        path = Path(package.origin).parent / "saved_models" / "icassp_2022" / "nmp.onnx"
    if not path.is_file():
        raise InvalidRequest("transcriber", f"is {path}, must be the path of basic-pitch's nmp.onnx")
    return path
