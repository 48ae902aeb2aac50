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


def test_kicks_between_beats_do_not_move_the_stated_bars_of_drums_alone():
    at = 4.0 * np.repeat(np.arange(16), 12) + np.tile([0.5, 1.5, 2.5, 3.5, *np.arange(8) / 2], 16)
    drums = Piece.of(
        at, 0.1, np.tile([36] * 4 + [42] * 8, 16), tracks=(TrackInfo(drums=True),), meters=(Meter(0, 4, 4),)
    )
    grid = find_grid(drums)
    assert grid.stated
    assert grid.beats[grid.downbeats[:3]].tolist() == [0, 4, 8]
