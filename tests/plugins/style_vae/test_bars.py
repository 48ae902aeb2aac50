"""Blocks: any metre is laid out in them, and rows and pitches go back and forth."""

import numpy as np
import pytest
from segue.music.theory import NO_CHORD, QUALITY_NAMES
from segue.plugins.style_vae.bars import (
    NO_ROW,
    ROWS,
    Timeline,
    lateness,
    pitch_to_row,
    row_to_pitch,
    surroundings,
    to_cells,
    to_notes,
)


def timeline(*edges: float) -> Timeline:
    bars = np.array(edges, float)
    return Timeline.of(bars, bars, bars)


@pytest.mark.parametrize(
    ("edges", "slots", "first"),
    [
        ((0, 4, 8), [16, 16], [0, 0]),
        ((0, 3, 6), [12, 12], [0, 0]),
        ((0, 1, 5), [4, 16], [12, 0]),
        ((0, 5, 10), [16, 4, 16, 4], [0, 0, 0, 0]),
        ((0, 3.5, 7.5), [14, 16], [2, 0]),
    ],
)
def test_bars_of_any_length_become_blocks(edges, slots, first):
    found = timeline(*edges)
    assert found.slots.tolist() == slots
    assert found.place[:, 0].tolist() == first


def test_every_pitch_that_a_piano_has_survives_as_its_class():
    pitch = np.arange(21, 109)
    for root in range(12):
        roots = np.full(len(pitch), root)
        row = pitch_to_row(pitch, roots)
        assert row.min() >= 0
        assert row.max() < ROWS
        back = row_to_pitch(row, roots)
        assert ((back - pitch) % 12 == 0).all()
        inside = (pitch >= 30) & (pitch <= 90)
        assert (back == pitch)[inside].all()


def test_moments_find_their_slots_and_how_late_they_are():
    found = timeline(0, 4, 8)
    block, slot, late = found.place_of(np.array([0.0, 1.66, 3.95, 7.9]))
    assert block.tolist() == [0, 0, 1, 1]
    assert slot.tolist() == [0, 7, 0, 15]
    np.testing.assert_allclose(late, [0, -0.09, -0.05, 0.15], atol=1e-9)
    swung = np.concatenate([np.arange(8), np.arange(8) + 2 / 3])
    np.testing.assert_allclose(lateness(found, swung), [0, 0, 0, 2 / 3 - 0.75], atol=1e-9)


def test_a_chord_lasts_where_none_is_heard_and_the_next_root_is_known():
    major = 12 * QUALITY_NAMES.index("maj")
    chord = np.full((2, 16), NO_CHORD)
    chord[0, :8], chord[1] = major + 2, major + 7
    around = surroundings(timeline(0, 4, 8), chord, np.array([1.0]), np.array([2.0]), np.array([74]))
    assert around.root[0].tolist() == [2] * 16
    assert around.tones[0, 0] == 0b10010001
    assert around.tones[0, 8] == 0
    assert around.following.tolist() == [5, 12]
    assert (around.tune[0] != NO_ROW).nonzero()[0].tolist() == [4, 5, 6, 7]
    assert around.struck[0].nonzero()[0].tolist() == [4]
    assert row_to_pitch(around.tune[0, 4:5], around.root[0, 4:5]) == 74


def test_cells_hold_what_begins_and_what_sounds():
    line = timeline(0, 4)
    around = surroundings(line, np.full((1, 16), 0), np.zeros(0), np.zeros(0), np.zeros(0, int))
    notes = to_notes(line, around, np.array([0.0, 3.0]), np.array([1.0, 9.0]), np.array([48, 60]), np.array([80, 80]))
    begins, sounds = to_cells(notes, 1)
    assert begins.sum() == 2
    assert sounds[0, :, notes.row[0]].tolist() == [True] * 4 + [False] * 12
    assert sounds[0, :, notes.row[1]].tolist() == [False] * 12 + [True] * 4
