import numpy as np
import pytest
from segue.plugins.gan.roll import BASS, CHORDS, MELODY
from segue.plugins.gan.voicing import clear_bass, close_melody, lead_melody, lead_voices


def chord(track: int, bar: int, *pitches: int) -> list[list[int]]:
    return [[track, 16 * bar, 16 * bar + 16, pitch] for pitch in pitches]


PLAN = np.repeat([0, 5, 0, 7], 4)  # C F C G


def test_a_voicing_that_jumps_becomes_an_inversion_of_the_same_chord():
    notes = np.array(
        [*chord(CHORDS, 0, 60, 64, 67), *chord(CHORDS, 1, 65, 69, 72), *chord(CHORDS, 2, 60, 64, 67),
         *chord(CHORDS, 3, 67, 71, 74)]
    )  # fmt: skip
    led = lead_voices(notes, PLAN)
    assert (led[:, 3] % 12 == notes[:, 3] % 12).all()
    assert (led[:, :3] == notes[:, :3]).all()
    bars = [sorted(led[led[:, 1] == 16 * bar, 3].tolist()) for bar in range(4)]
    assert bars[0] == bars[2] == [60, 64, 67]
    assert all(np.abs(np.subtract(bars[bar], bars[0])).max() <= 5 for bar in (1, 3))
    assert np.abs(np.subtract([67, 71, 74], [60, 64, 67])).max() == 7  # as it was


def test_a_wide_voicing_stays_wide():
    notes = np.array([*chord(CHORDS, 0, 48, 60, 72), *chord(CHORDS, 1, 53, 65, 77), *chord(CHORDS, 2, 48, 60, 72)])
    assert np.ptp(lead_voices(notes, PLAN)[:, 3]) >= 20


def test_notes_that_would_meet_and_other_tracks_stay():
    notes = np.array([*chord(CHORDS, 0, 60, 64, 67), *chord(CHORDS, 1, 65, 72, 77), *chord(BASS, 1, 29)])
    led = lead_voices(notes, PLAN)
    own = [tuple(row) for row in led[led[:, 0] == CHORDS][:, [1, 3]].tolist()]
    assert len(set(own)) == len(own)
    assert led[-1].tolist() == notes[-1].tolist()


def tune(*rows: tuple[int, int], each: int = 4) -> np.ndarray:
    """A melody of (begin, pitch), after a note of the bass that is no part of it."""
    return np.array([[BASS, 0, 16, 30], *[[MELODY, begin, begin + each, pitch] for begin, pitch in rows]])


def pitches(notes: np.ndarray) -> list[int]:
    return notes[notes[:, 0] == MELODY, 3].tolist()


@pytest.mark.parametrize(
    ("drawn", "led"),
    [
        ([72, 74, 88, 77], [72, 74, 76, 77]),  # one that strayed
        ([60, 76, 78, 79, 81], [72, 76, 78, 79, 81]),
        (
            [60, 62, 64, 65, 67, 79, 81, 83, 81, 79, 77],
            [60, 62, 64, 65, 67, 79, 81, 83, 81, 79, 77],
        ),  # it goes on there
        ([60, 67, 60], [60, 67, 60]),
        ([94, 83, 94], [94, 95, 94]),
        ([95, 84, 95], [83, 84, 83]),  # the middle one an octave up would be out of range
    ],
)
def test_notes_of_the_melody_lie_in_the_octave_to_which_it_leads(drawn, led):
    notes = tune(*[(4 * place, pitch) for place, pitch in enumerate(drawn)])
    found = lead_melody(notes)
    assert pitches(found) == led
    assert (found[:, :3] == notes[:, :3]).all()
    assert found[0].tolist() == notes[0].tolist()


def test_a_piece_without_a_melody_stays_as_it_is():
    notes = np.array(chord(CHORDS, 0, 60, 64, 67))
    assert (lead_melody(notes) == notes).all()
    assert (close_melody(notes, 4) == notes).all()


@pytest.mark.parametrize(
    ("drawn", "begin", "closes"),
    [
        ([(40, 65), (56, 62), (64, 64), (68, 67), (72, 69)], 64, [65, 62, 60]),  # by step, and what follows is left out
        ([(40, 72), (56, 67), (64, 64)], 64, [72, 71, 72]),  # G over the dominant becomes B
        ([(40, 64), (52, 67), (64, 64)], 64, [64, 67, 72]),  # and stays where the chord is another
        ([(56, 74), (66, 71), (68, 76), (72, 79)], 72, [74, 71, 76, 72]),  # the third beat before the second
        ([(68, 64), (70, 62)], 68, [60]),
        ([(56, 62), (66, 71)], 66, [62, 71]),  # nothing on a beat
    ],
)
def test_the_melody_comes_to_rest_on_the_tonic(drawn, begin, closes):
    notes = tune(*drawn)
    found = close_melody(notes, 5)
    assert pitches(found) == closes
    last = found[found[:, 0] == MELODY][-1]
    assert last[1] == begin
    assert (last[2] == 80) == (closes[-1] % 12 == 0)
    assert found[0].tolist() == notes[0].tolist()


def test_two_basses_at_once_are_octaves():
    octaves, blurred = chord(BASS, 0, 24, 36), chord(BASS, 1, 31, 36, 41, 53)  # over C, and over F
    rootless, others = chord(BASS, 2, 28, 31), [*chord(CHORDS, 1, 65, 69), *chord(BASS, 3, 31)]
    found = clear_bass(np.array([*octaves, *blurred, *rootless, *others]), PLAN).tolist()
    assert found == [*octaves, *chord(BASS, 1, 41, 53), *chord(BASS, 2, 28), *others]
    assert clear_bass(np.array(others[:2]), PLAN).tolist() == others[:2]
