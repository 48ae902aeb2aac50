"""Bands, rhythm, search and synthesis by themselves."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from segue.plugins.style_audio.measure import chroma, chroma_similarity, onset_correlation
from segue.plugins.style_audio.network import Listener, NetworkSettings, Texture, distance
from segue.plugins.style_audio.recording import Recording, stretches
from segue.plugins.style_audio.rhythm import PLACES, Meter, fold, with_rhythm
from segue.plugins.style_audio.search import Aim, Search
from segue.plugins.style_audio.spectrum import (
    BANDS,
    FLOOR,
    FRAMES_PER_SECOND,
    SIZE,
    loudest,
    noise_like,
    to_bands,
    to_spectrum,
    triangles,
)
from segue.plugins.style_audio.synthesis import resound
from segue.plugins.style_audio.transfer import Transfer, Wanted

from .conftest import RATE, struck


def sound(pitches, seconds=2.0, every=0.5):
    samples = torch.from_numpy(struck(pitches, seconds, every=every))[None]
    return samples / loudest(samples)


@pytest.fixture(scope="module")
def listener():
    torch.manual_seed(0)
    network = Listener(NetworkSettings(first=4, deeper=(6, 6)), 3).eval().requires_grad_(False)
    bands = to_bands(sound((60, 64, 67)))
    network.reset(bands.mean(1), bands.std(1))
    return network


def test_a_louder_band_is_a_higher_one():
    low, high = (to_bands(sound((pitch,))).mean(1) for pitch in (40, 88))
    assert low.argmax() < high.argmax()
    assert to_bands(torch.zeros(1, RATE)).abs().max() == 0
    ten_decibels = to_bands(10**0.5 * sound((60,))) - to_bands(sound((60,)))
    assert float(ten_decibels.max()) == pytest.approx(np.log(10), abs=0.01)


@pytest.mark.parametrize("length", [2 * RATE, 2 * RATE + 17, 1_000])
def test_a_gradient_goes_back_as_through_pytorchs_own_transform(length):
    def by_pytorch(samples):
        power = triangles() @ to_spectrum(samples.mean(0, keepdim=True))[0].abs().square()
        return torch.log1p(power / (FLOOR * 3 / 128 * SIZE**2))

    samples = torch.randn(2, length, generator=torch.Generator().manual_seed(0)) * torch.linspace(0, 1, length)
    gradients = []
    for way in (by_pytorch, to_bands):
        samples = samples.detach().requires_grad_(True)
        bands = way(samples)
        (bands * torch.arange(bands.numel()).reshape(bands.shape).sin()).sum().backward()
        gradients.append(samples.grad)
    assert torch.allclose(bands, by_pytorch(samples), atol=1e-4)
    assert (gradients[1] - gradients[0]).norm() < 1e-5 * gradients[0].norm()


def test_noise_fills_every_band_to_the_floor():
    noise = noise_like(to_spectrum(torch.zeros(2, 4 * RATE)), 3)
    power = triangles() @ noise[0].abs().square().mean(1) / (FLOOR * 3 / 128 * SIZE**2)
    assert 0.7 < float(power.min()) < float(power.max()) < 1.2
    assert torch.equal(noise[0], noise[1])
    assert torch.equal(noise, noise_like(to_spectrum(torch.zeros(2, 4 * RATE)), 3))


def test_no_change_sounds_the_same_and_a_change_is_heard():
    samples = sound((60, 64, 67))
    bands = to_bands(samples)
    same = resound(samples, torch.zeros_like(bands), 0)
    assert (same - samples).abs().max() < 1e-3
    change = torch.zeros_like(bands)
    change[70:, 40:80] = 6.0
    there = to_bands(resound(samples, change, 0)) - bands
    assert there[75:90, 45:75].mean() > 4
    assert there[75:90, 90:].abs().mean() < 0.5
    assert there[:60].abs().mean() < 0.2


def test_places_in_the_bar():
    meter = Meter(np.array([1.0, 1.5, 2.0, 2.5, 3.0, 3.5]), np.array([1.5, 3.0]))
    place = meter.place(300, 0.0)
    at = {second: place[round(second * FRAMES_PER_SECOND)] for second in (0.5, 1.0, 1.5, 2.75, 3.0, 4.0)}
    assert [round(at[second], 1) for second in (1.5, 2.75, 3.0, 4.0)] == pytest.approx([0, 2.5, 0, 2.0], abs=0.1)
    assert at[1.0] == pytest.approx(3, abs=0.1)
    assert Meter(meter.beats, np.zeros(0)).place(10, 1.0)[0] == 0


def test_a_rhythm_comes_back_where_it_was():
    meter = Meter(np.arange(0, 8, 0.5), np.arange(0, 8, 2.0))
    bands = torch.zeros(BANDS, 500)
    place = meter.place(500, 0.0)
    bands[80:, place < 0.2] = 6.0
    bar = fold(bands, place)
    assert bar.shape == (BANDS, PLACES)
    later = Meter(np.arange(0.3, 8, 0.7), np.arange(0.3, 8, 2.8))
    laid = with_rhythm(torch.zeros(BANDS, 500), bar, later.place(500, 0.0))
    loud = np.flatnonzero(laid[90].numpy() > 4) / FRAMES_PER_SECOND
    assert np.all((loud - 0.3) % 2.8 < 0.25)
    assert len(loud) > 10


def test_what_is_percussive_makes_room():
    bands = torch.zeros(BANDS, 200)
    bands[20] = 8.0
    bands[:, 100] += 6.0
    room = with_rhythm(bands, torch.zeros(BANDS, PLACES), Meter(np.array([0.0, 1.0]), np.zeros(0)).place(200, 0.0))
    assert room[60, 100] < 5
    assert room[20, 50] == pytest.approx(8.0, abs=0.1)


def test_the_search_comes_nearer_and_stays_within_bounds(listener):
    start, goal = to_bands(sound((60, 64, 67))), to_bands(sound((62, 65, 70), every=0.2))
    wanted = listener.texture(goal)
    aim = Aim(listener, start, wanted, 0.01)
    search = aim.search_bands()
    search.go_on(15)
    found = aim.limited(search.found)
    assert distance(listener.texture(found), wanted) < 0.3 * distance(listener.texture(start), wanted)
    assert found.min() >= 0
    assert torch.all(aim.limited(torch.full_like(start, 100.0)) < 20)
    samples = resound(sound((60, 64, 67)), found - start, 0)
    again = aim.search_samples(samples)
    again.go_on(10)
    assert distance(listener.texture(to_bands(again.found)), wanted) < distance(
        listener.texture(to_bands(samples)), wanted
    )


def test_keeping_keeps(listener):
    start, wanted = to_bands(sound((60, 64, 67))), listener.texture(to_bands(sound((62, 65, 70), every=0.2)))
    moved = []
    for keep in (0.0, 100.0):
        aim = Aim(listener, start, wanted, keep)
        search = aim.search_bands()
        search.go_on(10)
        change = aim.limited(search.found) - start
        moved.append(float((change - change.mean(1, keepdim=True)).square().mean()))
    assert moved[1] < 0.5 * moved[0]


def test_a_texture_is_its_own_and_no_order_in_time(listener):
    bands = to_bands(sound((60, 64, 67), 4.0))
    one = listener.texture(bands)
    assert distance(one, one) == 0
    assert distance(listener.texture(bands.roll(40, 1)), one) < 0.05
    assert distance(listener.texture(to_bands(sound((84, 90), 4.0, every=0.1))), one) > 0.3
    mean = Texture.mean([one, one])
    assert all(torch.allclose(a, b) for a, b in zip(mean.together, one.together, strict=True))


@pytest.mark.parametrize("length", [RATE, 10 * RATE, 10 * RATE + 1, 61 * RATE + 7, 120 * RATE])
def test_stretches_cover_everything_and_overlap(length):
    found = stretches(length)
    assert (found[0].start, found[-1].stop) == (0, length)
    assert all(before.stop - after.start == RATE // 2 for before, after in pairwise(found))
    assert max(place.stop - place.start for place in found) <= 10 * RATE + 1


def test_measures_tell_music_apart():
    chord, moved = sound((60, 64, 67)), sound((61, 65, 68))
    assert chroma(chord).mean(1).argsort()[-3:].sort().values.tolist() == [0, 4, 7]
    assert chroma_similarity(chord, chord) == pytest.approx(1)
    assert chroma_similarity(chord, moved) < 0.5
    assert chroma_similarity(torch.zeros(1, RATE), torch.zeros(1, RATE)) == 0
    assert onset_correlation(chord, 0.5 * chord) > 0.9
    assert onset_correlation(chord, sound((60, 64, 67), every=0.31)) < 0.5


@pytest.fixture
def transferred(listener, monkeypatch):
    """Transfer 25 seconds, three stretches, by a clock; every iteration takes a second, and finds nothing."""
    gone = [0.0]

    def go_on(search, iterations):
        gone[0] += iterations

    def transfer(seconds):
        gone[0] = 0.0
        samples = sound((60, 64, 67), 25.0)
        wanted = Wanted(listener.texture(to_bands(sound((40, 90)))), None, 1.0, 0.3, 20)
        under_way = Transfer(
            listener, Recording(samples, 1.0, 25.0, 0.0), wanted, None, 0, seconds, clock=lambda: gone[0]
        )
        progress = [under_way.progress]
        while not under_way.go_on(2):
            progress.append(under_way.progress)
        assert progress == sorted(progress)
        return under_way, progress, gone[0]

    monkeypatch.setattr(Search, "go_on", go_on)
    monkeypatch.setattr("segue.plugins.style_audio.transfer.resound", lambda samples, *_: samples)
    return transfer


def test_with_time_enough_every_iteration_is_made(transferred):
    done, progress, took = transferred(1000.0)
    assert done.made == [done.asked] * 3 == [30] * 3
    assert took == 90
    assert progress[-1] > 0.95


def test_time_is_shared_out_among_the_stretches(transferred):
    done, progress, took = transferred(63.0)
    assert done.made == [20, 18, 20]  # what one leaves is shared out among the rest
    assert took == 58  # and so is what the figures will take, as soon as a step has been measured
    assert progress[-1] > 0.9


def test_where_no_time_is_left_every_search_makes_one_step(transferred):
    done, _, took = transferred(-1.0)
    assert done.made == [4] * 3
    assert took == 12
    assert done.result().shape == done.recording.samples.shape
