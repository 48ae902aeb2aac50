import numpy as np
import pytest
from segue.plugins.transformer.elements import BAR, PLACE, Notes, decode, encode, nearest
from segue.plugins.transformer.segments import cut, line_marks

from .conftest import made_song


def test_what_is_written_is_read_again():
    song = made_song()
    elements = encode(song.notes, np.array(song.drums), 3, song.bars)
    found = decode(elements, 3)
    assert (elements[:, PLACE] == BAR).sum() == song.bars + 1
    for name in ("bar", "place", "slot", "pitch"):
        assert sorted(getattr(found, name)) == sorted(getattr(song.notes, name))


def test_notes_ascend_and_doubles_become_one():
    columns = [np.array(x) for x in ([0, 0, 0], [12, 0, 0], [0, 1, 1], [60, 50, 50], [12, 12, 24], [80, 80, 80])]
    elements = encode(Notes(*columns), np.array([False, False]), 0, 1)
    assert elements[:, PLACE].tolist() == [BAR, 4, 16, BAR]


@pytest.mark.parametrize(("value", "index"), [(1, 0), (2, 0), (4, 1), (100, 2)])
def test_nearest(value, index):
    assert nearest(np.array([value]), np.array([1, 4, 9]))[0] == index


def test_a_segment_fits_and_tells_its_end():
    song = made_song(bars=60)
    segment = cut(song, 0, 60)
    assert segment is not None
    assert segment.bars < 60
    assert not segment.ends
    last = cut(song, 56, 8)
    assert last is not None
    assert last.bars == 4
    remaining, number = line_marks(last.elements, last.bars, last.ends)
    assert remaining[last.elements[:, PLACE] == BAR].tolist() == [4, 3, 2, 1, 0]
    assert number.max() == 4
