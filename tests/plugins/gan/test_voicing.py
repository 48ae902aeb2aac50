import numpy as np
from segue.plugins.gan.roll import BASS, CHORDS
from segue.plugins.gan.voicing import lead_voices


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
