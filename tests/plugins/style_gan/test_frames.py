import numpy as np
import pytest
from segue.music import Meter, Piece
from segue.music.theory import NO_CHORD
from segue.plugin_api.errors import InvalidMusic
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style_gan.context import LEVELS, SHIFTS, context_of
from segue.plugins.style_gan.frames import frames_of, step_edges, swings, to_steps
from segue.plugins.style_gan.network import CONTEXT


def arrangement(bars, starts=(0.0,), meter=None) -> Arrangement:
    """A piece of some bars, a note on each, over G:7 after what stands first."""
    bars = np.asarray(bars, float)
    begin = np.asarray(starts, float)
    piece = Piece.of(begin, 0.25, 60, meters=(meter,) if meter else ())
    chord = np.array([[-1, -1, -1], [7, 4, 7]])
    return Arrangement(piece, np.zeros(len(piece), bool), bars, np.array([0.0, bars[1]]), chord, 0, False)


@pytest.mark.parametrize(
    ("bars", "places"),
    [
        ([0, 4, 8], [*range(8)] * 2),
        ([0, 3, 6], [*range(6)] * 2),
        ([0, 3.5, 7], [*range(7)] * 2),
        ([0, 1, 5, 9], [6, 7, *range(8), *range(8)]),
        ([0, 6, 12], [*range(6)] * 4),
    ],
)
def test_bars_have_as_many_cells_as_half_beats(bars, places):
    frames = frames_of(arrangement(bars))
    assert frames.place.tolist() == places
    np.testing.assert_allclose(np.diff(frames.edges), 0.5)
    assert frames.bar[0] == (0 if bars[1] == 1 else 1)


def test_chords_and_levels_are_told_to_the_network():
    frames = frames_of(arrangement([0, 4, 8]))
    assert frames.chord.tolist() == [NO_CHORD] * 8 + [4 * 12 + 7] * 8
    assert frames.level[:8].tolist() == [0, 3, 2, 3, 1, 3, 2, 3]
    context = context_of(frames)
    assert context.shape == (16, CONTEXT)
    assert context[:, SHIFTS].argmax(1).tolist() == [5] * 8 + [0] * 8  # G lies five semitones below C
    assert context[:, LEVELS].argmax(1).tolist() == frames.level.tolist()


def test_a_piece_without_end_is_refused():
    with pytest.raises(InvalidMusic, match="half beats"):
        frames_of(arrangement(np.arange(1001) * 32.0))


def test_swung_steps_lie_on_thirds():
    frames = frames_of(arrangement([0, 4, 8]))
    np.testing.assert_allclose(step_edges(frames, swung=True)[:5], [0, 1 / 3, 2 / 3, 5 / 6, 1])
    np.testing.assert_allclose(step_edges(frames, swung=False)[:5], [0, 0.25, 0.5, 0.75, 1])
    eighths = frames_of(arrangement([0, 3, 6], meter=Meter(0.0, 6, 8)))
    np.testing.assert_allclose(step_edges(eighths, swung=True), step_edges(eighths, swung=False))


def test_swing_is_heard():
    frames = frames_of(arrangement([0, 4, 8]))
    beats = np.arange(8.0)
    assert swings(np.r_[beats, beats + 0.66], frames)
    assert not swings(np.r_[beats, beats + 0.5], frames)
    assert not swings(np.zeros(0), frames)


def test_notes_find_their_nearest_step():
    edges = step_edges(frames_of(arrangement([0, 4, 8])), swung=False)
    assert to_steps(np.array([0.1, 0.13, 7.99, 9.0]), edges).tolist() == [0, 1, 32, 32]
