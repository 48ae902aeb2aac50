"""What another note would make of a chorale's likelihood."""

from importlib.resources import files

import numpy as np
import pytest
import torch
from segue.music import midi_to_piece
from segue.plugins.chorale.alternatives import Alternative, gains
from segue.plugins.chorale.artifacts import load
from segue.plugins.chorale.data import Chorale as Read
from segue.plugins.chorale.data import Draw, collate
from segue.plugins.chorale.measure import nats
from segue.plugins.chorale.plugin import Chorale
from segue.plugins.chorale.voices import to_voices, voice_tracks

CHORD = np.array([72, 67, 64, 48])


@pytest.fixture(scope="module")
def shipped():
    return load(Chorale.models[0].shipped / "1")[0]


@pytest.fixture(scope="module")
def bach():
    piece, _ = midi_to_piece((files("segue.client.demo") / "chorale.mid").read_bytes())
    return to_voices(piece, voice_tracks(piece))


def log_likelihood(network, frames):
    batch = collate([Read.of(frames, None)], [Draw()])
    with torch.no_grad():
        return -float(nats(network(batch), batch).sum())


def test_it_is_the_change_of_the_whole_pieces_likelihood(tiny_network):
    """Sixteen frames are too few for the memory of passages, so the sum over them all is exact."""
    frames = np.repeat([CHORD, CHORD + 2, CHORD + 5, CHORD], 4, 0)
    asked = [[Alternative(1, 4, 8, 71)], [Alternative(3, 12, 40, 36)], [Alternative(0, 0, 4, 76)]]
    asked.append([Alternative(1, 8, 12, 69), Alternative(2, 8, 10, 72)])
    for notes, found in zip(asked, gains(tiny_network, frames, asked), strict=True):
        other = frames.copy()
        for note in notes:
            other[note.begin : note.end, note.voice] = note.pitch
        assert found == pytest.approx(
            log_likelihood(tiny_network, other) - log_likelihood(tiny_network, frames), abs=2e-4
        )


def test_alone_and_together_are_the_same(shipped, bach):
    asked = [[Alternative(voice, begin, begin + 4, 60 + voice)] for voice in range(4) for begin in (0, 9, 40, 41)]
    together = gains(shipped, bach, asked)
    assert together == pytest.approx([gains(shipped, bach, [one])[0] for one in asked], abs=1e-3)
    assert len(gains(shipped, bach, [])) == 0


def test_what_stands_there_changes_nothing(shipped, bach):
    asked = [[Alternative(voice, 16, 17, int(bach[16, voice]))] for voice in range(4)]
    assert gains(shipped, bach, asked) == pytest.approx(np.zeros(4), abs=1e-3)


def test_bachs_own_notes_are_likelier_than_slips(shipped, bach):
    rng = np.random.default_rng(0)
    right = 0
    for begin in range(8, len(bach) - 8, 8):
        voice = int(rng.integers(4))
        slipped = bach.copy()
        slipped[begin : begin + 2, voice] += rng.choice([-2, -1, 1, 2])
        right += gains(shipped, slipped, [[Alternative(voice, begin, begin + 2, int(bach[begin, voice]))]])[0] > 0
    assert right >= 0.8 * len(range(8, len(bach) - 8, 8))
