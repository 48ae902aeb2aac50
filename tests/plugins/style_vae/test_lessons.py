"""Lessons: what is read differs from what is to be written, and is of the same bar."""

import numpy as np
import pytest
from segue.plugins.style_vae.bars import Blocks, Notes
from segue.plugins.style_vae.data import Lesson
from segue.plugins.style_vae.lessons import Bank, vary


def lesson(name: str, style: str, row: int, blocks: int = 4) -> Lesson:
    """One note on each beat of each block, all of one row, and an octave above."""
    around = Blocks(
        np.full(blocks, 16),
        np.tile(np.arange(16), (blocks, 1)),
        np.full(blocks, 2),
        np.zeros((blocks, 16), int),
        np.full((blocks, 16), 0b10010001),
        np.zeros(blocks, int),
        np.full((blocks, 16), 72),
        np.zeros((blocks, 16), bool),
    )
    block, slot = (x.reshape(-1) for x in np.indices((blocks, 8)))
    rows = np.where(slot % 2, row + 12, row)
    notes = Notes(block, slot // 2 * 4, rows, np.full(len(block), 4.0), np.full(len(block), 80.0))
    none = np.zeros(128, int)
    return Lesson(name, style, np.zeros(4), none, none, np.zeros(4), around, notes)


@pytest.fixture
def bank() -> Bank:
    return Bank([lesson("a", "rock", 12), lesson("a", "folk", 24), lesson("b", "rock", 30)], ["folk", "rock"])


def test_a_note_is_found_in_its_block(bank):
    found = bank.notes_of(np.array([9, 0]))
    assert len(found) == 16
    assert set(found.row[found.block == 0].tolist()) == {30, 42}
    assert set(found.row[found.block == 1].tolist()) == {12, 24}


def test_another_style_is_of_the_same_bar_of_the_same_song(bank):
    rows = np.arange(12)
    others = np.concatenate([bank.other_style(rows, np.random.default_rng(seed)) for seed in range(20)])
    assert set(zip(np.tile(rows, 20).tolist(), others.tolist(), strict=True)) == {
        *((n, n) for n in range(12)),
        *((n, n + 4) for n in range(4)),
        *((n + 4, n) for n in range(4)),
    }


def test_variation_only_takes_away_or_moves_by_octaves(bank):
    rows = np.zeros(200, int)
    blocks, notes = bank.blocks.take(rows), bank.notes_of(rows)
    varied = vary(notes, blocks, np.random.default_rng(0))
    assert 0.3 * len(notes) < len(varied) < len(notes)
    assert set((varied.row % 12).tolist()) == {0}
    struck = [len(np.unique(varied.slot[varied.block == block])) for block in range(200)]
    assert {0, 1, 4} <= set(struck)


def test_a_batch_tells_the_figures_of_what_is_to_be_written(bank):
    scale = bank.scale(np.random.default_rng(0), 500)
    batch = bank.batch(np.random.default_rng(1), 64, scale)
    assert batch.begins.shape == (64, 16, 72)
    struck = batch.begins.amax(2).sum(1).numpy()
    figures = batch.figures[:, 0].numpy()
    assert all(np.ptp(figures[struck == count]) < 1e-5 for count in np.unique(struck))
    means = [figures[struck == count].mean() for count in np.unique(struck)]
    assert means == sorted(means)
    assert (batch.read != batch.begins).any()
    assert set(batch.style.tolist()) <= {0, 1, 2}
