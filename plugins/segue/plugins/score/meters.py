"""How well beats and bars are found where the file's tempo and metre are taken away and its time is stretched."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music import Piece, midi_to_piece
from segue.music.grid import find_grid
from segue.music.meter import BarFinder, accented_bars
from segue.plugin_api.training import Report
from segue.plugins.packs.pop909 import songs
from segue.plugins.score.data import part_of

_STRETCH: Final = 4 / 3
_FRAMES_PER_SECOND: Final = 50
_BAR: Final = 4
Seconds = NDArray[np.float64]
Finder = Callable[[Piece], tuple[Seconds, Seconds]]


def measure_meters(data: Path, find_bars: BarFinder, console: Console) -> dict[str, Report]:
    """Measure beats and downbeats on the test songs of POP909 and on the scores of ASAP, and bars by accents beside."""
    songs_labelled, scores = list(_songs(data)), list(asap_scores(data))
    packs = {
        "beats of songs": (
            f"{len(songs_labelled)} test songs of POP909, whose labels are machine-made",
            songs_labelled,
        ),
        "beats of scores": (f"{len(scores)} scores of ASAP, none of which was trained on", scores),
    }
    return {
        key: Report(
            f"Beats and downbeats of {name}: notes alone, on one track, in a file without tempo or metre, time "
            "stretched by a random factor of 3/4 to 4/3; F1 within 70 ms, the first five seconds left out (mir_eval). "
            "comb: one period by autocorrelation of onsets, one phase, each fourth beat a downbeat. accents: the "
            "same beats as score, and bars of one length by their accents.",
            _measure(pieces, find_bars, console),
        )
        for key, (name, pieces) in packs.items()
        if pieces
    }


def _songs(data: Path) -> Iterator[tuple[str, Piece, Seconds, Seconds]]:
    for song in songs(data):
        if part_of(song.number) == "test":
            marks = song.marks()
            yield song.number, song.piece(), marks.seconds, marks.seconds[marks.pairs]


def asap_scores(data: Path) -> Iterator[tuple[str, Piece, Seconds, Seconds]]:
    """Read the scores of ASAP: name, notes, seconds of beats and of downbeats."""
    folder = data / "genre_midi" / "classical_asap"
    for labels in sorted(folder.rglob("midi_score_annotations.txt")):
        rows = [line.split("\t") for line in labels.read_text().splitlines() if line.strip()]
        beats = np.array([float(row[0]) for row in rows])
        down = np.array([row[2].startswith("db") for row in rows])
        piece = midi_to_piece((labels.parent / "midi_score.mid").read_bytes())[0]
        yield str(labels.parent.relative_to(folder)), piece, beats, beats[down]


def _measure(
    pieces: list[tuple[str, Piece, Seconds, Seconds]], find_bars: BarFinder, console: Console
) -> dict[str, dict[str, float]]:
    finders: dict[str, Finder] = {
        "comb": _comb,
        "accents": partial(_found, accented_bars),
        "score": partial(_found, find_bars),
    }
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, piece, beats, downbeats in track(pieces, "beats", console=console):
        seed = int(hashlib.sha1(name.encode()).hexdigest()[:8], 16)
        factor = float(_STRETCH ** np.random.default_rng(seed).uniform(-1, 1))
        bare = without_time(piece, factor)
        for method, finder in finders.items():
            found = finder(bare)
            for metric, truth, guess in zip(("beat F1", "downbeat F1"), (beats, downbeats), found, strict=True):
                rows[method][metric].append(_f_measure(truth * factor, guess))
    return {name: {metric: float(np.mean(values)) for metric, values in row.items()} for name, row in rows.items()}


def without_time(piece: Piece, factor: float) -> Piece:
    """Write the notes of a piece on one track at 120 quarter notes per minute, whatever their tempo was."""
    start, end = (2 * factor * piece.beats_to_seconds(beats) for beats in (piece.start, piece.end))
    return Piece.of(start, end - start, piece.pitch, piece.velocity)


def _f_measure(truth: Seconds, found: Seconds) -> float:
    import mir_eval

    trimmed = [mir_eval.beat.trim_beats(np.sort(times)) for times in (truth, found)]
    return float(mir_eval.beat.f_measure(*trimmed)) if all(map(len, trimmed)) else 0.0


def _found(find_bars: BarFinder, piece: Piece) -> tuple[Seconds, Seconds]:
    grid = find_grid(piece, find_bars)
    beats = np.maximum(grid.beats, 0) / 2
    return beats, beats[grid.downbeats]


def _comb(piece: Piece) -> tuple[Seconds, Seconds]:
    """The baseline: one period and one phase for the whole piece."""
    frames = np.rint(piece.start / 2 * _FRAMES_PER_SECOND).astype(np.int64)
    strength = np.bincount(frames, minlength=4 * _FRAMES_PER_SECOND).astype(np.float64)
    size = 1 << (2 * len(strength)).bit_length()
    alike = np.fft.irfft(np.abs(np.fft.rfft(strength - strength.mean(), size)) ** 2, size)
    lags = np.arange(15, 60)  # 50 to 200 beats per minute
    usual = np.exp(-0.5 * np.log2(lags / _FRAMES_PER_SECOND / 0.5) ** 2)
    near = lags[(np.maximum(alike[lags], 0) * usual).argmax()] + np.linspace(-1, 1, 201)
    turns = np.exp(2j * np.pi * frames / near[:, None]).mean(axis=1)  # how far all onsets lie at one phase
    period, turn = near[np.abs(turns).argmax()], turns[np.abs(turns).argmax()]
    beats = np.arange(np.angle(turn) / (2 * np.pi) % 1 * period, len(strength), period) / _FRAMES_PER_SECOND
    return beats, beats[::_BAR]
