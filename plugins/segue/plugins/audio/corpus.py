"""Pieces that are made to sound, to learn from and to measure by: what was played is known.

The part of each piece (train, valid, test) hangs on the hash of its song or chart, so that no song is in two parts.
Packs that state no tempo are played at 60 to 120 quarters a minute, those that state the same for all at three to six
fifths of it; which, the hash of the piece's name decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from segue.music import Piece, Tempo, midi_to_piece
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.audio.render import RATE, render
from segue.plugins.audio.sound import resampled
from segue.plugins.audio.transcriber import RATE as NOTE_RATE
from segue.plugins.audio.transcriber import Posteriors, Transcriber, cut_windows, join
from segue.plugins.packs import openewld, pop909, synth
from segue.plugins.score.data import Part, analysed_pieces, part_of

PACKS: Final = ("pop909", "openewld", "style_parallel_synth", "when_in_rome")
_BATCH: Final = 16


@dataclass(frozen=True)
class Played:
    """A piece to play.

    Attributes
    ----------
    name
        Pack and name.
    piece
        Its notes and tempo.
    key
        Its key, 0-23.
    """

    name: str
    piece: Piece
    key: int

    @property
    def pack(self) -> str:
        """The pack it comes from."""
        return self.name.partition("/")[0]

    @property
    def tempo(self) -> float:
        """Quarters a minute, median over its beats."""
        beats = self.piece.beats_to_seconds(np.arange(max(int(self.piece.beats), 2) + 1))
        return float(60 / np.median(np.diff(beats)))


def choose(data: Path, part: Part, counts: tuple[int, int, int, int]) -> list[Played]:
    """Choose pieces of a part: so many of each pack, in the order of their names' hashes.

    Raises
    ------
    InvalidRequest
        If the folder lacks a pack.
    """
    chosen: list[Played] = []
    readers = (_songs, _lead_sheets, _charts, _analysed)
    for pack, read, count in zip(PACKS, readers, counts, strict=True):
        if count and not (data / pack).is_dir():
            raise InvalidRequest("data", f"{data} holds no {pack}")
        chosen += sorted(read(data, part), key=lambda played: _hash(played.name))[:count] if count else []
    return chosen


def _hash(name: str) -> int:
    return int(hashlib.sha1(name.encode()).hexdigest(), 16)


def _songs(data: Path, part: Part) -> Iterator[Played]:
    for song in pop909.songs(data):
        if part_of(song.number) == part:
            yield Played(f"pop909/{song.number}", song.piece(), song.key)


def _lead_sheets(data: Path, part: Part) -> Iterator[Played]:
    for sheet in openewld.lead_sheets(data):
        if sheet.free and sheet.key is not None and part_of(f"c{sheet.number}") == part:
            yield _at_a_tempo(f"openewld/{sheet.number}", sheet.path, sheet.key)


def _charts(data: Path, part: Part) -> Iterator[Played]:
    keys = {sheet.number: sheet.key for sheet in openewld.lead_sheets(data)}
    for arrangement in synth.arrangements(data):
        key = keys.get(arrangement.number)
        if key is not None and part_of(f"c{arrangement.number}") == part:
            yield _at_a_tempo(str(arrangement.path.relative_to(data)), arrangement.path, key)


def _analysed(data: Path, part: Part) -> Iterator[Played]:
    for found in analysed_pieces(data):
        name = f"when_in_rome/{found.path}"
        if part_of(name) == part:
            yield Played(name, replace(found.piece, tempos=(Tempo(0.0, 100 * _pace(name)),)), found.main)


def _at_a_tempo(name: str, path: Path, key: int) -> Played:
    piece = midi_to_piece(path.read_bytes())[0]
    pace = _pace(name)
    tempos = tuple(Tempo(beat, tempo * pace) for beat, tempo in piece.tempos or (Tempo(0.0, 120.0),))
    return Played(name, replace(piece, tempos=tempos), key)


def _pace(name: str) -> float:
    return 0.6 + _hash(f"pace {name}") % 1000 / 1000 * 0.6


@dataclass(frozen=True)
class Heard:
    """A piece as it sounds.

    Attributes
    ----------
    seconds
        How much of it was played.
    posteriors
        What the transcriber hears.
    """

    seconds: float
    posteriors: Posteriors


def hear(played: Played, seconds: float, transcriber: Transcriber, cache: Path) -> Heard:
    """Play the beginning of a piece and listen; what was heard is kept in a folder, to go on after an interruption."""
    path = cache / f"{_hash(f'{played.name} {seconds}'):040x}.npz"
    if not path.is_file():
        samples = np.asarray(render(played.piece, seconds).mean(axis=1), np.float32)
        at_note_rate = resampled(samples, RATE, NOTE_RATE)
        windows = cut_windows(at_note_rate)
        parts = [transcriber.hear(windows[at : at + _BATCH]) for at in range(0, len(windows), _BATCH)]
        heard = join(np.concatenate(parts), len(at_note_rate))
        cache.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part.npz")
        np.savez_compressed(
            aside,
            active=np.rint(heard.active * 255).astype(np.uint8),
            onset=np.rint(heard.onset * 255).astype(np.uint8),
        )
        aside.rename(path)
    with np.load(path) as kept:
        posteriors = Posteriors(*((kept[name] / 255).astype(np.float32) for name in ("active", "onset")))
        return Heard(seconds, posteriors)
