import numpy as np
import pytest
from segue.music import Piece, TrackInfo
from segue.plugins.style.fitting import Part, beside, cleared, ended, fitted, frame_of


def part(*rows):
    start, duration, pitch, velocity = zip(*rows, strict=True)
    return Part(np.array(start, float), np.array(duration, float), np.array(pitch), np.array(velocity))


def rows(found):
    return sorted(zip(*(np.round(column, 3).tolist() for column in found), strict=True))


def frame(*notes, bars=4, drums=False):
    start, duration, pitch, velocity = zip(*notes, strict=True)
    piece = Piece.of(start, duration, pitch, velocity, tracks=(TrackInfo("", 0, drums),))
    melody = ~piece.is_drum & (piece.pitch > 60)
    return frame_of(piece, melody, 4.0 * np.arange(bars + 1))


SONG = [(float(beat), 1, 72, 90) for beat in range(13)]


def test_a_piece_ends_with_what_it_strikes_last():
    over = frame(*SONG[:-1], (12, 3.5, 72, 90))
    assert (over.last, over.end) == (12, 15.5)
    pattern = part(*((12 + half / 2, 0.4, 48 + half % 3, 70) for half in range(-2, 8)))
    found = rows(ended(over, pattern))
    assert found == [(11.0, 0.4, 49, 70), (11.5, 0.4, 50, 70), (12.0, 3.5, 48, 70), (12.5, 3.0, 49, 70)]
    assert [row[:3] for row in rows(ended(over, pattern, line=True)) if row[0] >= 12] == [(12.0, 3.5, 48)]
    assert [row[0] for row in rows(ended(over, pattern, drums=True))] == [11, 11.5, 12]
    late = part((12.5, 0.4, 48, 70), (12.53, 0.4, 52, 70), (14.5, 0.4, 48, 70))  # chords after the beat come on it
    assert rows(ended(over, late)) == [(12.0, 3.5, 48, 70), (12.03, 3.47, 52, 70)]
    held = part((10, 8, 48, 70))  # goes on where nothing is struck
    assert rows(ended(over, held)) == [(10.0, 5.5, 48, 70)]


def test_nothing_begins_before_the_piece():
    upbeat = frame(*((start + 3, length, pitch, loud) for start, length, pitch, loud in SONG))
    pattern = part((0, 1, 48, 70), (0, 3.1, 50, 70), (1, 4, 52, 70), (2.9, 1, 55, 70), (4, 1, 48, 70))
    assert rows(ended(upbeat, pattern)) == [(2.9, 1, 55, 70), (3, 2, 52, 70), (4, 1, 48, 70)]
    assert rows(ended(upbeat, pattern, drums=True)) == [(2.9, 1, 55, 70), (4, 1, 48, 70)]


def test_a_loop_fills_its_bar_and_no_more():
    loop = frame(*SONG, (15, 0.5, 72, 90))
    assert loop.last == loop.end == 16
    assert rows(ended(loop, part((15.5, 1, 48, 70), (16.0, 1, 48, 70)))) == [(15.5, 0.5, 48, 70)]


def test_what_is_held_for_long_goes_on_until_the_last_bar():
    drone = frame((0, 16, 72, 90), bars=4)
    assert (drone.last, drone.end) == (12, 16)
    fermata = frame(*SONG[:9], (9, 7, 72, 90), bars=4)
    assert fermata.last == 9
    assert frame((0, 1, 72, 90)).end == 1


def test_no_note_sounds_over_another_of_its_pitch():
    twice = part((0, 2, 48, 70), (1, 1, 48, 70), (1.03, 1, 48, 70), (1, 1, 50, 70), (3, 1, 48, 70))
    assert rows(cleared(twice)) == [(0, 1, 48, 70), (1, 1, 48, 70), (1, 1, 50, 70), (3, 1, 48, 70)]
    assert rows(cleared(twice, drums=True)) == [(0, 2, 48, 70), (1, 1, 48, 70), (1, 1, 50, 70), (3, 1, 48, 70)]
    tune = part((1, 1, 48, 90), (2.5, 1, 50, 90))
    new = part((0, 2, 48, 70), (1.5, 1, 48, 70), (2, 1, 48, 70), (2.48, 1, 50, 70), (2.6, 0.2, 52, 70))
    assert rows(beside(new, tune)) == [(0, 1, 48, 70), (2, 1, 48, 70), (2.6, 0.2, 52, 70)]
    nothing = part((0, 1, 48, 70)).select(np.zeros(1, bool))
    assert len(cleared(nothing).start) == len(beside(nothing, tune).start) == 0


@pytest.mark.parametrize(("tune", "chords"), [(90, 76), (45, 38), (120, 96), (20, 23)])
def test_chords_are_behind_the_tune_however_loud_it_is(tune, chords):
    over = frame(*((start, length, pitch, tune) for start, length, pitch, _ in SONG), (15, 1, 72, tune))
    found = fitted(over, part(*((float(beat), 1, 48, 90) for beat in range(16))), most=0.85)
    assert found.velocity.tolist() == pytest.approx([chords] * 16, abs=1.01)


def test_loudness_follows_the_piece():
    over = frame(*((float(beat), 1, 72, 45 + 4 * (beat // 4) * 4) for beat in range(16)))
    found = fitted(over, part(*((float(beat), 1, 48, 80) for beat in range(16))))
    assert (np.diff(found.velocity[::4]) > 5).all()
    drums = frame(*((float(beat), 0.1, 36, 45) for beat in range(16)), drums=True)
    assert (fitted(drums, part((0, 1, 38, 80)), drums=True).velocity == 40).all()
