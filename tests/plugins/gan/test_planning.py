import numpy as np
import pytest
import torch
from segue.music.chord_symbols import read_chords
from segue.music.theory import NO_CHORD, QUALITY_NAMES
from segue.plugins.gan.calibrate import calibrate
from segue.plugins.gan.harmony import Progression, chord_table
from segue.plugins.gan.network import Generator, noise_size
from segue.plugins.gan.planning import close, lay_asked, lowered
from segue.plugins.gan.roll import BASS, BEATS, CHORDS, DRUMS, MELODY, PAD, SHAPE
from segue.v1 import music_pb2

from .conftest import TINY, asked_chords


def chord(quality: str, root: int) -> int:
    return 12 * QUALITY_NAMES.index(quality) + root


def test_a_piece_ends_on_the_dominant_and_the_tonic():
    plan = np.full((2, BEATS), 5)
    close(plan, 6)
    assert plan.reshape(-1)[16:].tolist() == [5, 5, chord("7", 7), chord("7", 7), *[0] * 12]
    short = np.full((1, BEATS), 5)
    close(short, 1)
    assert not short.any()


def test_chords_that_are_asked_for_are_laid_in_the_key_of_c():
    chords = read_chords(asked_chords("D:maj", "B:min7", "N", "A:7(9)"))
    plan = np.full((1, BEATS), 99)
    lay_asked(plan, chords, tonic=2)
    assert plan[0, ::4].tolist() == [chord("maj", 0), chord("min7", 9), NO_CHORD, chord("7", 7)]
    short = np.full((1, BEATS), 99)
    lay_asked(short, read_chords([music_pb2.Chord(symbol="C:maj", span=music_pb2.Span(start=1, end=2.4))]), 0)
    assert short[0, :4].tolist() == [99, 0, 99, 99]


def test_major_becomes_the_parallel_minor():
    classes = np.arange(12)
    drawn = lowered(classes, np.full(12, chord("maj", 0)), asked=False)
    assert np.flatnonzero(drawn).tolist() == [4, 9, 11]
    over_dominant = lowered(classes, np.full(12, chord("7", 7)), asked=False)
    assert np.flatnonzero(over_dominant).tolist() == [4, 9]
    over_asked = lowered(classes, np.full(12, chord("min", 9)), asked=True)  # A, C, E
    assert np.flatnonzero(over_asked).tolist() == [11]


def test_a_network_is_told_root_and_tones():
    told = chord_table()[chord("min7", 2)].view(3, 12)
    assert [row.nonzero()[:, 0].tolist() for row in told] == [[2], [0, 2, 5, 9], [0, 3, 7, 10]]
    assert not chord_table()[NO_CHORD].any()


def test_chords_that_follow_are_learnt_and_drawn():
    torch.manual_seed(0)
    progression = Progression(24, 1)
    known = torch.tensor([[0, 0, 5, 5, 7, 7, 0, 0] * 2, [0, 0, 9, 9, 7, 7, 0, 0] * 2] * 8)
    style = torch.zeros(16, dtype=torch.long)
    optimiser = torch.optim.Adam(progression.parameters(), lr=0.02)
    first = float(progression.loss(known, style).detach())
    for _ in range(60):
        optimiser.zero_grad()
        loss = progression.loss(known, style)
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < first / 4
    progression.eval()
    usual = progression.draw(torch.zeros(1, BEATS), style[:1], torch.tensor([-1]))[0].tolist()
    assert usual in known[:2].tolist()  # no noise: the likeliest chord each time
    first = torch.tensor([-1, 9] * 8)
    drawn = progression.draw(torch.randn(16, BEATS), style, first)
    assert (drawn[1::2, 0] == 9).all()
    assert (drawn[::2, 0] == 0).all()
    assert len(drawn.unique(dim=0)) > 1
    assert progression.loss(known[:0], style[:0]) == 0


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_phrases_hold_as_many_notes_as_those_they_are_calibrated_by(share):
    torch.manual_seed(0)
    generator = Generator(TINY, 2).eval()
    torch.nn.init.normal_(generator.draw.bias, std=2.0)
    real = torch.zeros(8, *SHAPE)
    real[..., 0] = (torch.rand(8, *SHAPE[:-1]) < share).float()
    real[:, [MELODY, PAD]] = 0
    real[:, MELODY, ::4, 7, 0] = 1
    real[..., 1] = real[..., 0]
    real[:, :, 1:, :, 1] += real[:, :, :-1, :, 0]  # every note lasts two sixteenths
    real.clamp_(0, 1)
    chords, noise = torch.zeros(8, BEATS, dtype=torch.long), torch.randn(8, noise_size(TINY))
    calibrate(generator, 1, real, chords, noise)
    drawn = generator.compose(noise, chords, torch.ones(8, dtype=torch.long))
    wanted, found = real[..., 0].sum((0, 2, 3)), drawn[..., 0].sum((0, 2, 3))
    assert generator.alone[1].tolist() == [[0, 0]] * 3 + [[1, 1]] * 2
    assert (drawn[:, MELODY, ..., 0].sum(-1) <= 1).all()
    several = [DRUMS, BASS, CHORDS]
    assert found[several].tolist() == pytest.approx(wanted[several].tolist(), rel=0.02)
    assert not drawn[:, PAD, ..., 0].any()
    other = torch.randn(64, noise_size(TINY))
    anew = generator.compose(other, chords.repeat(8, 1), torch.ones(64, dtype=torch.long))
    assert not anew[:, PAD, ..., 0].any()  # a track that the style has not is silent, whatever the noise
    assert not generator.threshold[0].any()
    assert not generator.alone[0].any()
