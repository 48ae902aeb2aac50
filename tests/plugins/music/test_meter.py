"""Bars and upbeats: as the file states them, and as they are heard where it does not."""

import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo
from segue.music.grid import find_grid
from segue.music.meter import find_meter

ROOTS = (0, 5, 7, 0, 9, 2, 7, 0)


def dance(beats, upbeat=0.0, bars=24):
    """A long bass on each downbeat, a chord on the other beats, a tune that comes back every eight bars."""
    rows = [(beat / 2, 0.45, 74) for beat in range(int(2 * upbeat))]
    for bar in range(bars):
        start, root, rng = upbeat + bar * beats, ROOTS[bar % 8], np.random.default_rng(bar % 8)
        rows.append((start, 0.95 * beats, 36 + root))
        rows += [(start + beat, 0.45, 55 + root + step) for beat in range(1, beats) for step in (0, 4, 7)]
        at = 0.0
        while at < beats:
            length = min(rng.choice([0.5, 1.0]), beats - at)
            rows.append((start + at, 0.95 * length, 72 + int(rng.choice([0, 2, 4, 5, 7]))))
            at += length
    start, duration, pitch = zip(*rows, strict=True)
    return Piece.of(start, duration, pitch)


@pytest.mark.parametrize("beats", [3, 4])
@pytest.mark.parametrize("upbeat", [0, 1, 2])
def test_bars_are_heard_where_nothing_is_stated(beats, upbeat):
    piece = dance(beats, upbeat)
    length, first, strength = find_meter(piece, np.arange(0, np.ceil(piece.beats) + 1))
    assert (length, first) == (beats, upbeat)
    assert strength > 0.9


def sevens(upbeat=0, bars=24):
    """Seven eighths, 2 + 2 + 3: a long bass, chords on the third and fifth, a tune that comes back every eight bars."""
    rows = [(half / 2, 0.45, 74) for half in range(upbeat)]
    for bar in range(bars):
        start, root, rng = (upbeat + 7 * bar) / 2, ROOTS[bar % 8], np.random.default_rng(bar % 8)
        rows.append((start, 3.3, 36 + root))
        rows += [(start + at, 0.9, 55 + root + step) for at in (1.0, 2.0) for step in (0, 4, 7)]
        rows += [(start + at / 2, 0.45, 72 + int(rng.choice([0, 2, 4, 5, 7]))) for at in range(7) if rng.random() < 0.8]
    return Piece.of(*zip(*rows, strict=True))


@pytest.mark.parametrize("upbeat", [0, 1, 3])
def test_seven_eighths_are_heard_where_nothing_is_stated(upbeat):
    grid = find_grid(sevens(upbeat))
    assert grid.meters == (Meter(0.0, 7, 8),)
    assert not grid.stated
    downbeats = grid.beats[grid.downbeats]
    assert downbeats[:24].tolist() == ((upbeat + 7 * np.arange(24)) / 2).tolist()
    assert grid.pickup == downbeats[0] - grid.beats[0] == upbeat / 2
    assert 0.5 < grid.bar_confidence <= 1


@pytest.mark.parametrize("upbeat", [0, 0.5, 1, 1.5])
def test_an_upbeat_is_as_long_as_what_comes_before_the_first_bar(upbeat):
    grid = find_grid(dance(3, upbeat))
    assert grid.pickup == upbeat == pytest.approx(grid.beats[grid.downbeats[0]])


@pytest.mark.parametrize("beats", [3, 4])
def test_other_bars_are_not_of_seven_eighths(beats):
    assert find_grid(dance(beats)).meters[0].denominator == 4


def test_few_bars_of_seven_eighths_are_not_told():
    assert find_grid(sevens(bars=5)).meters[0].denominator == 4


def test_four_beats_that_last_as_long_as_seven_eighths_of_the_file_are_no_seven():
    rows = []
    for bar in range(24):
        root = ROOTS[bar % 8]
        rows += [(3.5 * bar, 0.8, 36 + root + step) for step in (0, 12)]
        rows += [(3.5 * bar + 0.875 * beat, 0.8, 72 + root + 2 * beat) for beat in (1, 2, 3)]
    grid = find_grid(Piece.of(*zip(*rows, strict=True)))
    assert 0.12 < grid.confidence < 0.3
    assert grid.meters[0].denominator == 4


def test_triplets_beside_eighths_are_as_sure_as_they_are_written():
    rows = [(beat + third / 3, 0.3, 72 + third) for beat in range(64) for third in range(3)]
    rows += [(beat + half / 2, 0.45, 48 + half) for beat in range(64) for half in range(2)]
    piece = Piece.of(*zip(*rows, strict=True), meters=(Meter(0, 4, 4),))
    assert find_grid(piece).confidence > 0.95
    loose = piece.with_notes(start=np.maximum(piece.start + np.random.default_rng(0).uniform(-0.5, 0.5, len(piece)), 0))
    assert find_grid(loose).confidence < 0.3


def test_a_scale_over_and_over_has_four_beats_and_makes_nobody_sure():
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    length, _, strength = find_meter(Piece.of(np.arange(64) / 2, 0.5, scale * 8), np.arange(33.0))
    assert length == 4
    assert strength < 0.9


@pytest.mark.parametrize(
    ("upbeat", "stated"),
    [
        (1.0, (Meter(0, 1, 4), Meter(1, 3, 4))),  # as notation programs write an upbeat of a quarter
        (2.0, (Meter(0, 2, 4), Meter(2, 3, 4))),
        (0.5, (Meter(0, 1, 8), Meter(0.5, 3, 4))),
        (0.5, (Meter(0, 3, 4), Meter(0.5, 3, 4))),  # as MusicXML is read
    ],
)
def test_a_stated_upbeat_is_no_bar(upbeat, stated):
    piece = Piece.of(*(getattr(dance(3, upbeat), name) for name in ("start", "duration", "pitch")), meters=stated)
    grid = find_grid(piece)
    assert grid.stated
    assert grid.pickup == upbeat
    assert grid.beats[grid.downbeats[:3]].tolist() == [upbeat, upbeat + 3, upbeat + 6]


FUNK = {36: [0, 1.5, 2.5, 3.5], 38: [1, 3], 42: np.arange(8) / 2}
ROCK = {36: [0, 2], 38: [1, 3], 42: np.arange(8) / 2}


def band(kit, *, bass, moved=0.0, bars=16):
    """Play a kit, and a bass note and a long chord with its kicks and bars, in a file that states four-four."""
    rows = [(at, 0.1, drum, 0) for drum, beats in kit.items() for at in beats]
    if bass:
        rows += [(at, 0.5, 40, 1) for at in kit[36]] + [(0, 4, 64, 2), (0, 4, 67, 2)]
    start, duration, pitch, track = np.array(rows * bars).T
    start += 4.0 * np.repeat(np.arange(bars), len(rows)) + moved
    tracks = (TrackInfo("Kit", drums=True), TrackInfo("Bass"), TrackInfo("Organ"))
    return Piece.of(start, duration, pitch, 64, track, tracks=tracks, meters=(Meter(0, 4, 4),))


@pytest.mark.parametrize("bass", [False, True])
def test_kicks_between_beats_do_not_move_stated_bars(bass):
    grid = find_grid(band(FUNK, bass=bass))
    assert grid.stated
    assert grid.beats[grid.downbeats[:3]].tolist() == [0, 4, 8]


@pytest.mark.parametrize("bass", [False, True])
@pytest.mark.parametrize("moved", [0.25, 0.5])
def test_kicks_and_snares_beside_stated_beats_move_them(bass, moved):
    grid = find_grid(band(ROCK, bass=bass, moved=moved))
    assert not grid.stated
    assert np.allclose((grid.beats - moved + 0.5) % 1, 0.5)


def test_a_drummer_who_hurries_keeps_the_stated_bars():
    drums = band(ROCK, bass=False)
    late = np.random.default_rng(0).normal(-0.065, 0.07, len(drums))
    assert find_grid(drums.with_notes(start=np.maximum(drums.start + late, 0))).stated
    assert not find_grid(drums.with_notes(start=drums.start + 0.08)).stated  # all of them: then it is the file


def test_few_notes_that_agree_with_stated_beats_by_chance_are_not_related_to_them():
    random = np.random.default_rng(0)
    takes = [Piece.of(random.uniform(0, 40, 60), 0.5, 60, meters=(Meter(0, 4, 4),)) for _ in range(100)]
    assert sum(find_grid(take).stated for take in takes) < 15


def jig(beats, bars=24, upbeat=0.0):
    """A long bass on each bar, a chord on each dotted beat, a tune of quarters and eighths."""
    rows = [(0.0, upbeat, 74)] if upbeat else []
    for bar in range(bars):
        root, rng = ROOTS[bar % 8], np.random.default_rng(bar % 8)
        for beat in range(beats):
            at = upbeat + 1.5 * (beats * bar + beat)
            rows += [(at, 1.5 * beats if beat == 0 else 0.5, 36 + root), (at, 1.0, 60 + root), (at, 1.0, 64 + root)]
            parts = [(0.0, 1.0), (1.0, 0.5)] if rng.random() < 0.5 else [(0.0, 0.5), (0.5, 0.5), (1.0, 0.5)]
            rows += [(at + begin, 0.9 * length, 72 + int(rng.choice([0, 2, 4, 5, 7]))) for begin, length in parts]
    return Piece.of(*zip(*rows, strict=True))


@pytest.mark.parametrize("upbeat", [0.0, 0.5])
@pytest.mark.parametrize("beats", [2, 3])
def test_dotted_beats_are_heard_where_nothing_is_stated(beats, upbeat):
    grid = find_grid(jig(beats, upbeat=upbeat))
    assert (grid.meters[0].numerator, grid.meters[0].denominator) == (3 * beats, 8)
    assert set(grid.divisions) == {3}
    assert np.allclose(np.diff(grid.beats), 1.5)
    bars = grid.beats[grid.downbeats]
    assert np.allclose(((bars - upbeat) / (1.5 * beats) + 0.25) % 1, 0.25)
    assert grid.beats[0] <= 1e-6
    assert grid.beats[-1] >= jig(beats, upbeat=upbeat).beats - 1e-6


def test_a_waltz_is_not_counted_in_dotted_beats():
    assert {meter[1:] for meter in find_grid(dance(3)).meters} == {(3, 4)}
