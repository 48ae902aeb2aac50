import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo
from segue.plugins.style.arrangement import NO_CHORD
from segue.plugins.style.pack import read_charts
from segue.plugins.style_seq.ear_training import _agreement, _examples, read_written
from segue.plugins.style_seq.hearing import Listener

from .conftest import band
from .test_train import CHART, run, write_pack  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def ear(model):
    return model._made.ear


def walking(roots, minor):
    """A walking bass in quarter notes and chords off the beat, a chord a bar."""
    rows = []
    for bar, (root, third) in enumerate(zip(roots, np.where(minor, 3, 4).tolist(), strict=True)):
        for beat, step in enumerate((0, third, 7, 9 if third == 4 else 10)):
            rows.append((4 * bar + beat, 0.9, 36 + root + step, 90, 0))
            rows += [(4 * bar + beat + 0.5, 0.4, 60 + (root + tone) % 12, 70, 1) for tone in (0, third, 7)]
    start, duration, pitch, velocity, track = zip(*rows, strict=True)
    tracks = (TrackInfo("Bass", 32), TrackInfo("Guitar", 26))
    return Piece.of(start, duration, pitch, velocity, track, tracks=tracks, meters=(Meter(0.0, 4, 4),))


def test_it_hears_the_chords_of_a_band(ear, networks):
    found = Listener(networks, ear).arrangement(band())
    chord = found.chord_at(4.0 * np.arange(8) + 2)
    assert chord[:, 0].tolist() == [0, 5, 7, 0] * 2
    assert chord[:, 2].tolist() == [0, 5, 7, 0] * 2
    assert (chord[:, 1] == 0).all()


def test_a_walking_bass_does_not_mislead_it(ear):
    roots, minor = [0, 9, 2, 7, 0, 4, 5, 7], [False, True, True, False, False, True, False, False]
    found = ear.read(walking(roots, minor)).chord_at(4.0 * np.arange(8) + 2)
    assert (found % 12).tolist() == roots


def test_a_melody_alone_keeps_the_chords_it_came_with(ear, networks):
    alone = Listener(networks).arrangement(band(chords=False, drums=False))
    assert ear.listen(alone) is alone


def test_silence_before_the_band_has_no_chord(ear, networks):
    piece = band()
    late = Listener(networks, ear).arrangement(piece.with_notes(start=piece.start + 16))
    assert (late.chord_at([2.0, 6.0]) == NO_CHORD).all()
    assert late.chord_at([18.0])[0, 0] == 0


def test_every_style_of_a_chart_is_an_example_with_its_tune_and_without(run):  # noqa: F811
    write_pack(run.data, 2)
    written = read_written(run.data)
    assert len(written["0"]) == 8 * len(CHART)
    chart = read_charts(run.data)[0]
    found = list(_examples(chart, written["0"]))
    assert len(found) == 2 * len(chart.styles)
    assert all((example.targets[:4] % 12 == 0).all() and (example.targets[8:12] % 12 == 5).all() for example in found)
    assert any(not np.array_equal(found[n].inputs, found[n + 1].inputs) for n in range(0, len(found), 2))


def test_how_well_it_hears_is_told(ear):
    roots, minor = np.array([0, 9, 2, 7] * 2), np.array([False, True, True, False] * 2)
    piece, written = walking(roots, minor), np.repeat(roots + 12 * minor, 8)
    assert _agreement(ear.read(piece), written) > 0.9
    assert _agreement(ear.read(piece), np.repeat(roots + 12 * ~minor, 8)) < 0.1  # the other mode
