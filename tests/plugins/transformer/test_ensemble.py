"""Who plays, with the shipped profiles."""

import pytest
from segue.music import midi_to_piece

from ..in_process import run_to_the_end
from .conftest import item

GUITAR, BASS = 26, 32


@pytest.mark.parametrize("style", ["bossanova", "salsa"])
def test_a_bass_that_was_learnt_from_a_guitar_is_played_on_a_bass(shipped, style):
    ends = run_to_the_end(shipped, [item(seed, style=style, bars=6) for seed in range(4)])
    deepest = []
    for messages in ends:
        piece = midi_to_piece(messages[-1].complete.pieces[0].music.midi)[0]
        (bass,) = (number for number, info in enumerate(piece.tracks) if info.program == BASS)
        assert bass == max(number for number, info in enumerate(piece.tracks) if not info.drums)
        deepest.append(int(piece.pitch[piece.track == bass].min()))
    assert 28 <= min(deepest) < 36  # a guitar's notes ended at 38


def test_the_network_is_told_the_guitar_and_instruments_that_are_asked_for_stay(shipped):
    def plays(**fields):
        return shipped.start(item(1, bars=4, style="bossanova", **fields)).now.commission

    assert plays().programs[-2:] == (BASS, 0)
    assert plays().plan.families[-2:] == (GUITAR // 8, 16)
    assert plays(instruments=[GUITAR, GUITAR]).programs == (GUITAR, GUITAR)
