import numpy as np
import pytest
import torch
from segue.plugins.gan.network import Critic, Generator, noise_size, to_cells
from segue.plugins.gan.report import figures, summary
from segue.plugins.gan.roll import (
    BASS,
    BEATS,
    CHORDS,
    DRUMS,
    MELODY,
    SHAPE,
    STEPS,
    TRACKS,
    from_root,
    to_notes,
    to_roll,
)

from .conftest import TINY


def test_notes_become_a_roll_and_notes_again():
    notes = np.array([(BASS, 0, 2, 36), (BASS, 2, 4, 36), (CHORDS, 0, 16, 60), (DRUMS, 4, 5, 38), (MELODY, 60, 64, 72)])
    found = to_notes(to_roll(notes))
    assert sorted(found.tolist()) == sorted(notes.tolist())


def test_pitches_outside_are_moved_by_octaves_and_drums_left_out():
    notes = np.array([(BASS, 0, 2, 12), (MELODY, 0, 2, 108), (DRUMS, 0, 1, 20), (BASS, STEPS, STEPS + 2, 36)])
    assert sorted(to_notes(to_roll(notes)).tolist()) == [[BASS, 0, 2, 24], [MELODY, 0, 2, 84]]


def test_the_generator_draws_cells_that_are_whole_and_the_critic_reads_them():
    torch.manual_seed(0)
    generator, critic = Generator(TINY, 2).eval(), Critic(TINY, 2)
    noise, style, chords = torch.randn(4, noise_size(TINY)), torch.tensor([0, 1, 0, 1]), torch.arange(4 * BEATS)
    chords = chords.view(4, BEATS)
    soft, hard = (generator(noise, chords, style, binary=binary) for binary in (False, True))
    assert soft.shape == hard.shape == to_cells(torch.zeros(4, *SHAPE)).shape
    assert soft.std() > 0
    assert set(hard.unique().tolist()) <= {0.0, 1.0}
    other = generator(noise, chords + 12, style, binary=False)
    assert (soft != other).any()
    critic(hard, chords, style).sum().backward()
    assert all(parameter.grad is not None for parameter in generator.draw.parameters())


def test_one_voice_begins_one_note_at_a_time_which_ends_the_others():
    torch.manual_seed(0)
    generator = Generator(TINY, 1).eval()
    generator.alone[:, [BASS, MELODY]] = 1
    generator.threshold.fill_(-100.0)  # whatever can fire does
    chords, style = torch.zeros(2, BEATS, dtype=torch.long), torch.zeros(2, dtype=torch.long)
    rolls = generator.compose(torch.randn(2, noise_size(TINY)), chords, style)
    assert rolls.shape == (2, *SHAPE)
    assert (rolls[:, [BASS, MELODY]].sum(-2) == 1).all()
    assert rolls[:, CHORDS].all()
    generator.threshold.fill_(100.0)
    assert not generator.compose(torch.randn(2, noise_size(TINY)), chords, style).any()


def test_a_root_is_always_in_the_same_row_and_nothing_is_lost():
    roots = [0, 2, 4, 5, 7, 9, 11, 1] * 2
    notes = [(BASS, 4 * beat, 4 * beat + 4, 36 + root) for beat, root in enumerate(roots)]
    notes += [(CHORDS, 4 * beat, 4 * beat + 4, 67 + root) for beat, root in enumerate(roots)]
    notes += [(MELODY, 0, 64, 72), (DRUMS, 3, 4, 38)]
    rolls = to_roll(np.array(notes))[None]
    turned = from_root(rolls, np.array([roots]))
    for track, above in ((BASS, 0), (CHORDS, 7)):
        rows = np.flatnonzero(turned[0, track].any((0, 2)))
        assert set((rows + TRACKS[track].lowest) % 12) == {above}
    for track in (MELODY, DRUMS):
        assert (turned[0, track] == rolls[0, track]).all()
    assert (from_root(turned, np.array([roots]), back=True) == rolls).all()


def test_the_critic_hears_pitch_classes_and_onsets():
    critic = Critic(TINY, 1)
    roll = to_roll(np.array([(CHORDS, 0, 4, 60), (CHORDS, 2, 3, 72)]))
    heard = to_cells(torch.from_numpy(roll[None]).float()) @ critic.heard
    row = (60 - TRACKS[CHORDS].lowest) % 12
    assert heard[CHORDS, 0, 0, row] == 5
    assert heard[CHORDS, 0, 0, 12:].tolist() == [1, 0, 1, 0]


def test_figures_say_what_they_name():
    notes = [(BASS, step, step + 2, 36) for step in range(0, 16, 4)]
    notes += [(CHORDS, 0, 8, pitch) for pitch in (60, 64, 67)] + [(CHORDS, 32, 33, 60)]
    found = figures([to_roll(np.array(notes))])
    assert (found["EB Bass"], found["EB Chords"], found["EB Drums"]) == (0.75, 0.5, 1.0)
    assert (found["UPC Bass"], found["UPC Chords"]) == (1, 2)
    assert (found["QN Bass"], found["QN Chords"]) == (1, 0.75)
    assert 0 < found["TD Bass-Chords"] < 2
    same = figures([to_roll(np.array([(BASS, 0, 8, 36), (CHORDS, 0, 8, 60)]))])
    assert same["TD Bass-Chords"] == pytest.approx(0)
    assert summary([to_roll(np.array(notes))])["notes"] == len(notes)
