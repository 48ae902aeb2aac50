from dataclasses import replace

import numpy as np
import pytest
from segue.music import piece_to_midi
from segue.plugins.style.arrangement import read_arrangement
from segue.plugins.style.hearing import hear
from segue.plugins.style_gan.context import SHIFTS
from segue.plugins.style_gan.data import Song
from segue.plugins.style_gan.decode import at_pitches
from segue.plugins.style_gan.frames import PER_CELL
from segue.plugins.style_gan.lessons import WINDOW, Windows, hide
from segue.plugins.style_gan.network import BAND, CONTEXT, WRITTEN
from segue.plugins.style_gan.roll import PITCHES
from segue.plugins.style_gan.sheet import sheet_of

from .conftest import song

STYLES = ["hymn", "jazz_swing", "chorale"]


@pytest.fixture(scope="module")
def songs(networks) -> list[Song]:
    """One chart in two styles, and a chorale of its own."""
    found = []
    for style, chart in (("hymn", "a"), ("jazz_swing", "a"), ("chorale", "b")):
        piece = song(bars=8, drums=style == "jazz_swing")
        if style == "jazz_swing":
            piece = piece.with_notes(duration=np.where(piece.track == 1, 0.5, piece.duration))
        arrangement = replace(read_arrangement(piece, hear(piece_to_midi(piece), networks)), melody=piece.track == 0)
        found.append(Song(chart, chart, "train", style, arrangement, sheet_of(arrangement)))
    return found


def pitches(band, context) -> np.ndarray:
    shift = context[..., SHIFTS].argmax(-1).numpy() - 5
    return at_pitches(band[..., :BAND].reshape(*shift.shape, PER_CELL, PITCHES, 2).numpy(), shift, 0.0)


def test_windows_are_whole_bars(songs):
    lesson = Windows(songs, STYLES).draw(np.random.default_rng(0), np.array([0, 1, 2, 2]))
    assert lesson.band.shape == (4, WINDOW, WRITTEN)
    assert lesson.melody.shape == (4, WINDOW, BAND)
    assert lesson.context.shape == (4, WINDOW, CONTEXT)
    assert lesson.style.tolist() == [0, 1, 2, 2]
    assert lesson.band[1, :, BAND:].any()
    assert not lesson.band[0, :, BAND:].any()


def test_a_pair_is_the_same_bars_in_another_style(songs):
    windows, rng = Windows(songs, STYLES), np.random.default_rng(0)
    lesson, target = windows.pairs(rng, np.full(16, 0))
    heard, meant = pitches(lesson.band, lesson.context), pitches(target, lesson.context)
    assert (heard[..., 0] == meant[..., 0]).all()  # both arrangements strike the same chords
    other = (heard[..., 1] != meant[..., 1]).any((1, 2))
    assert 0 < other.sum() < 16  # held in one, short in the other; some windows are heard in the style itself
    tune = pitches(lesson.melody, lesson.context)
    moved = {tuple(np.flatnonzero(window[0, :, 0])) for window in tune}
    assert len(moved) > 3  # transposed


def test_a_song_in_one_style_is_heard_with_other_accompaniments(songs):
    lesson, target = Windows(songs, STYLES).pairs(np.random.default_rng(0), np.full(32, 2))
    borrowed = (lesson.band != target).any(-1).any(-1)
    assert 8 <= int(borrowed.sum()) < 32


def test_bars_can_lose_a_beat(songs):
    lesson, target = Windows(songs, STYLES).pairs(np.random.default_rng(0), np.full(4, 1), short=1.0)
    assert lesson.band.shape[1] == target.shape[1] == WINDOW * 3 // 4


def test_what_is_hidden_is_silent(songs):
    lesson = Windows(songs, STYLES).draw(np.random.default_rng(0), np.full(8, 0))
    hidden = hide(lesson, np.random.default_rng(0), 1.0, 0.0)
    assert not hidden.band.any()
    assert (hidden.melody == lesson.melody).all()
