"""Bars where nothing is stated: the likeliest path, what the network hears, and what it learns from."""

import csv
import re
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo, piece_to_midi
from segue.music.grid import find_grid
from segue.music.meter import accented_bars
from segue.plugin_api.training import Run
from segue.plugins.score import train
from segue.plugins.score.bar_examples import (
    Barred,
    barred_pieces,
    repeat_beat,
    skip_beat,
    skip_three,
    stretches,
)
from segue.plugins.score.bar_net import CHANGE_COST, FEATURES, LENGTHS, beat_features, best_bars
from segue.plugins.score.grids import main_metre
from segue.plugins.score.networks import BARS_FILE, Networks
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.plugins.score.train import ScoreSettings, ScoreTrainer

from ..synth_pack import write_synth

SHIPPED = ScoreAnalyzer.models[0].shipped / "1"


def value_of(logs, downbeats, lengths):
    """What a path is worth, by the definition."""
    value = logs[: downbeats[0], 0].sum()
    for start, length in zip(downbeats, lengths, strict=True):
        value += logs[start, 1] + logs[start + 1 : start + length, 0].sum() - LENGTHS[length]
    return value - CHANGE_COST * sum(a != b for a, b in pairwise(lengths))


def all_paths(count, start):
    """Each way to cover beats with bars, from a start on."""
    if start >= count:
        yield []
        return
    for length in LENGTHS:
        for rest in all_paths(count, start + length):
            yield [(start, length), *rest]


@pytest.mark.parametrize("seed", range(20))
def test_the_bars_found_are_the_likeliest_of_all(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 13))
    logits = 4 * rng.normal(size=(count, 2))
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    paths = [path for upbeat in range(min(max(LENGTHS), count)) for path in all_paths(count, upbeat)]
    best = max(value_of(logs, *zip(*path, strict=True)) for path in paths if path[0][0] < path[0][1])
    downbeats, lengths = best_bars(logs)
    assert value_of(logs, downbeats.tolist(), lengths.tolist()) == pytest.approx(best)


def test_an_upbeat_is_no_whole_bar():
    begins = np.array([0.01, 0.01, 0.01, 0.01, *[0.99, 0.01, 0.01, 0.01] * 4])
    downbeats, lengths = best_bars(np.log(np.stack([1 - begins, begins], axis=1)))
    assert (downbeats.tolist(), lengths.tolist()) == ([0, 4, 8, 12, 16], [4] * 5)


def song(bars):
    """A bass on each downbeat, chords on the other beats, a tune in eighths; bars of the lengths that are given."""
    rng, rows, at = np.random.default_rng(1), [], 0.0
    for number, length in enumerate(bars):
        root = (0, 9, 5, 7)[number % 4]
        rows.append((at, 0.9 * length, 36 + root, 80))
        rows += [(at + beat, 0.8, 55 + root + step, 60) for beat in range(1, length) for step in (0, 4, 7)]
        rows += [(at + half / 2, 0.45, 72 + int(rng.choice([0, 2, 4, 7])), 70) for half in range(2 * length)]
        at += length
    return Piece.of(*zip(*rows, strict=True))


@pytest.mark.parametrize("length", [3, 4, 5])
@pytest.mark.parametrize("upbeat", [0, 1, 2])
def test_bars_and_their_upbeat_are_heard(networks, length, upbeat):
    piece = song([length] * 24)
    piece = piece.with_notes(start=piece.start + upbeat)
    if upbeat:
        begin = Piece.of(np.arange(2 * upbeat) / 2, 0.45, 74, 70)
        columns = ("start", "duration", "pitch", "velocity")
        piece = Piece.of(*(np.r_[getattr(begin, name), getattr(piece, name)] for name in columns))
    grid = networks.read(piece).grid
    downbeats = grid.beats[grid.downbeats]
    assert downbeats[:24].tolist() == (upbeat + length * np.arange(24.0)).tolist()
    assert {meter.numerator for meter in grid.meters} == {length}


@pytest.mark.parametrize(
    ("lengths", "stated"),
    [
        ([4] * 12 + [3] + [4] * 12, [(0, 4), (48, 3), (51, 4)]),
        ([3] * 12 + [4] * 12, [(0, 3), (36, 4)]),
        ([4] * 12 + [3] * 12, [(0, 4), (48, 3)]),
        ([4] * 12 + [5] * 12, [(0, 4), (48, 5)]),
        ([4] * 12 + [2] + [4] * 12, [(0, 4), (48, 2), (50, 4)]),
    ],
)
def test_bars_may_change_their_length(networks, lengths, stated):
    reading = networks.read(song(lengths))
    truth = np.r_[0, np.cumsum(lengths)[:-1]]
    heard = reading.grid.beats[reading.grid.downbeats]
    assert heard[: len(truth)].tolist() == truth.tolist()
    assert [(meter.beat, meter.numerator) for meter in reading.grid.meters] == stated
    assert reading.piece.bar_starts[: len(truth)].tolist() == truth.tolist()


HOME_ON_THE_RANGE = "D2|D2G2A2|B4GF|E2c2c2|c4cc|B2G2G2|G2F2G2|A6|A4D2|D2G2A2|B4GF|E2c2c2|c4cc|B2A2G2|F2G2A2|G6|G4"
IRISH_WASHERWOMAN = (
    "d/c/|BGGDGG|BGBdcB|cAAEAA|cAcedc|BGGDGG|BGBdcB|cBcAdc|BGGG2"
    "d|gdggdg|gdgbag|fdffdf|fdfagf|eggdgg|cggBgg|cBcAdc|BGGG2"
)
HASTE_TO_THE_WEDDING = (
    "A|AFAagf|edefdB|AFAAFA|Beee2B|AFAagf|edefdB|ABAfaf|eddd2A|fafafa|fafafa|gbgbgb|gbgbgb|a2aagf|edefdB|ABAfaf|eddd2"
)
YANKEE_DOODLE = "GGABGBAD|GGABG2F2|GGABcBAG|FDEFG2G2|EFEDEFG2|DEDCB,2D2|EFEDEFGE|DGFAG2G2"


def tune(abc):
    """Play an old tune four times, in the letters of ABC, whose unit is an eighth: one voice, no accompaniment."""
    rows, at = [], 0.0
    for letter, low, eighths, half in re.findall(r"([A-Ga-g])(,?)(\d*)(/?)", 4 * abc):
        length = int(eighths or 1) / (4 if half else 2)
        pitch = 60 + (9, 11, 0, 2, 4, 5, 7)["ABCDEFG".index(letter.upper())] + 12 * letter.islower() - 12 * bool(low)
        rows.append((at, 0.95 * length, pitch))
        at += length
    return Piece.of(*zip(*rows, strict=True))


@pytest.mark.parametrize("by", ["network", "accents"])
@pytest.mark.parametrize(
    ("abc", "metre"),
    [(HOME_ON_THE_RANGE, (3, 4)), (IRISH_WASHERWOMAN, (6, 8)), (HASTE_TO_THE_WEDDING, (6, 8)), (YANKEE_DOODLE, (4, 4))],
    ids=["waltz", "jig", "jig in even eighths", "march"],
)
def test_the_metre_of_a_tune_alone_is_told(networks, abc, metre, by):
    grid = find_grid(tune(abc), networks.find_bars if by == "network" else accented_bars)
    assert main_metre(grid) == metre
    if metre == (6, 8):  # an upbeat of an eighth
        assert set((grid.beats % 1.5).tolist()) == {0.5}
        assert grid.pickup in grid.beats[grid.downbeats[:2]]  # the first may lie before the piece


def test_what_is_said_of_beats_does_not_hang_on_key_and_track():
    piece = song([4] * 8)
    beats = np.arange(33.0)
    moved = piece.with_notes(pitch=piece.pitch + 5, track=np.arange(len(piece)) % 2)
    moved = replace(moved, tracks=(TrackInfo(), TrackInfo()))
    assert beat_features(piece, beats).shape == (33, FEATURES)
    assert np.allclose(beat_features(piece, beats), beat_features(moved, beats), atol=1e-6)


@pytest.mark.parametrize(
    "piece",
    [
        Piece.of([0.0], [1.0], [60]),
        Piece.of([0.0, 0.0], [1e-3, 400.0], [0, 127]),
        Piece.of([3.0, 7.0], 0.5, [38, 49], tracks=(TrackInfo(drums=True),)),
    ],
    ids=["one note", "far apart", "drums alone"],
)
def test_little_to_hear_still_has_bars(networks, piece):
    grid = networks.read(piece).grid
    assert len(grid.downbeats) >= 1
    assert np.isfinite(grid.confidence)


def test_a_version_without_the_network_goes_by_accents(tmp_path):
    for file in SHIPPED.iterdir():
        if file.name != BARS_FILE:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    old = Networks.load(tmp_path)
    assert old.bars is None
    assert old.read(song([3] * 24)).grid.meters == (Meter(0.0, 3, 4),)


def test_without_one_beat_of_each_bar_four_beats_are_three():
    piece, beats = song([4] * 8), np.arange(33.0)
    barred = Barred.of("songs", "train", piece, beats, np.arange(0, 32, 4.0))
    skipped = skip_beat(barred, 2)
    assert skipped.kind == "triple"
    assert np.flatnonzero(skipped.begins).tolist() == list(range(0, 24, 3))
    assert skipped.beats[:7].tolist() == list(range(7))
    bass = skipped.piece.select(skipped.piece.pitch < 50)
    assert bass.start.tolist() == list(range(0, 24, 3))
    assert bass.duration == pytest.approx(2.6)  # three quarters of what it was, and a little: it ended within a beat
    assert len(skipped.piece) == len(piece) - 8 * 5


def test_with_one_beat_of_each_bar_twice_four_beats_are_five():
    piece, beats = song([4] * 8), np.arange(33.0)
    made = repeat_beat(Barred.of("songs", "train", piece, beats, np.arange(0, 32, 4.0)), 2)
    assert made.kind == "quintuple"
    assert np.flatnonzero(made.begins).tolist() == list(range(0, 40, 5))
    assert made.beats[:11].tolist() == list(range(11))
    bass = made.piece.select(made.piece.pitch < 50)
    assert bass.start.tolist() == list(range(0, 40, 5))
    assert bass.duration == pytest.approx(4.6)
    begin = [made.piece.select((made.piece.start >= beat) & (made.piece.start < beat + 1)) for beat in (2, 3)]
    assert begin[0].pitch.tolist() == begin[1].pitch.tolist()
    assert (begin[1].start - begin[0].start).tolist() == [1.0] * len(begin[0])
    assert len(made.piece) == len(piece) + 8 * 5


@pytest.mark.parametrize(("place", "inner"), [(1, 2), (2, 3)])
def test_without_three_of_eight_beats_two_bars_are_one_of_five(place, inner):
    piece, beats = song([4] * 8), np.arange(33.0)
    made = skip_three(Barred.of("songs", "train", piece, beats, np.arange(0, 32, 4.0)), place)
    assert made.kind == "quintuple"
    assert np.flatnonzero(made.begins).tolist() == list(range(0, 20, 5))
    assert made.beats[:6].tolist() == list(range(6))
    bass = made.piece.select(made.piece.pitch < 50)
    assert bass.start.tolist() == sorted([*range(0, 20, 5), *range(inner, 20, 5)])


@pytest.mark.parametrize(("change", "other"), [(skip_beat, 3), (repeat_beat, 5), (skip_three, 5)])
def test_the_metre_changes_in_stretches_of_whole_bars(change, other):
    piece, beats = song([4] * 64), np.arange(257.0)
    barred = Barred.of("songs", "train", piece, beats, np.arange(0, 256, 4.0))
    inside = stretches(barred, np.random.default_rng(3))
    lengths = np.diff(np.flatnonzero(change(barred, 2, inside).begins)).tolist()
    runs = [(length, len(list(run))) for length, run in groupby(lengths)]
    assert {length for length, _ in runs} == {4, other}
    assert all((2 if change is skip_three else 4) <= count <= 16 for _, count in runs[:-1])


@pytest.fixture
def data(tmp_path):
    """Charts in one style, songs and lead sheets."""
    root = tmp_path / "data"
    band = replace(song([4] * 8), meters=(Meter(0.0, 4, 4),))
    write_synth(root, {("oompah", number): band for number in range(12)}, {}, bars=8)
    for number in range(1, 13):
        folder = root / "pop909" / f"{number:03d}"
        folder.mkdir(parents=True)
        names = (TrackInfo("MELODY"), TrackInfo("PIANO"))
        notes = band.with_notes(track=(band.pitch < 70).astype(int))
        (folder / f"{number:03d}.mid").write_bytes(piece_to_midi(replace(notes, tracks=names)))
        lines = [f"{beat / 2} {int(beat % 2 == 0)} {int(beat % 4 == 0)}" for beat in range(33)]
        (folder / "beat_midi.txt").write_text("\n".join(lines))
    columns = ["song_id", "name", "num_beats_per_measure", "num_quavers_per_beat", "main_key"]
    with (root / "pop909" / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *([number, "Song", 2, 2, "C:maj"] for number in range(1, 13))])
    sheets = root / "openewld"
    (sheets / "midi").mkdir(parents=True)
    waltz = replace(song([3] * 8), meters=(Meter(0.0, 3, 4),))
    (sheets / "midi" / "0.mid").write_bytes(piece_to_midi(waltz))
    with (sheets / "index.csv").open("w", newline="") as file:
        rows = [
            ["id", "title", "us_pd_pre1931", "metric", "tonality", "midi"],
            [0, "A", "yes", "3/4", "", "midi/0.mid"],
        ]
        csv.writer(file).writerows(rows)
    return root


def test_pieces_of_all_kinds_have_their_bars_marked(data):
    found = list(barred_pieces(data))
    assert {barred.kind for barred in found} == {
        "songs", "tracked", "arrangements", "triple", "quintuple", "changing"
    }  # fmt: skip
    for barred in found:
        if barred.kind != "tracked":
            lengths = {"triple": {3}, "quintuple": {5}, "changing": {3, 4, 5}}.get(barred.kind, {4})
            assert set(np.diff(np.flatnonzero(barred.begins)).tolist()) <= lengths


def test_the_network_alone_is_learnt_anew(data, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "evaluate", lambda *_: {})
    for name in ("artifacts", "work"):
        (tmp_path / name).mkdir()
    run = Run(data, tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))
    ScoreTrainer().train(run, ScoreSettings(keep=SHIPPED, anew=["bars"], bar_steps=60))
    made = Networks.load(run.artifacts)
    grid = made.read(song([4] * 12)).grid
    assert grid.beats[grid.downbeats[:12]].tolist() == list(range(0, 48, 4))
    assert (run.artifacts / "chords.safetensors").read_bytes() == (SHIPPED / "chords.safetensors").read_bytes()
