"""What of a piece is kept when it is arranged anew, read from what score said of it."""

from dataclasses import replace

import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo, piece_to_midi
from segue.music.piece import WrittenChord
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api.errors import InvalidMusic
from segue.plugins.score.networks import shipped_networks
from segue.plugins.style import arrangement
from segue.plugins.style.arrangement import NO_CHORD, read_arrangement
from segue.plugins.style.hearing import hear

TUNE = (72, 74, 76, 77, 79, 77, 76, 74, 72, 74, 76, 74, 72, 71, 72, 72)


@pytest.fixture(scope="module")
def networks():
    return shipped_networks()


def band(bar=4, shift=0.0):
    """A tune over the chords C F G C, one a bar, and a drum on every beat."""
    roots = [48, 53, 55, 48] * 4 * bar
    start, pitch, duration, track = [], [], [], []
    for beat in range(4 * bar):
        root = roots[beat // bar]
        rows = [(TUNE[beat % 16], 0.9, 0), (root, 1, 1), (root + 4, 1, 1), (root + 7, 1, 1), (36, 0.1, 2)]
        for note, length, part in rows:
            start.append(beat + shift)
            pitch.append(note)
            duration.append(length)
            track.append(part)
    tracks = (TrackInfo("Tune"), TrackInfo("Piano"), TrackInfo("Drums", drums=True))
    return Piece.of(start, duration, pitch, 80, track, tracks=tracks, meters=(Meter(0, bar, 4),))


def read(piece, networks):
    return read_arrangement(piece, hear(piece_to_midi(piece), networks))


@pytest.mark.parametrize("bar", [3, 4])
def test_bars_chords_melody_and_key(networks, bar):
    found = read(band(bar), networks)
    np.testing.assert_allclose(found.bars, np.arange(0, 4 * bar + 1, bar))
    assert found.chord_at(np.arange(4) * bar + 1)[:, 0].tolist() == [0, 5, 7, 0]
    assert (found.chord_at(0.5)[1], found.chord_at(0.5)[2]) == (0, 0)
    assert (found.tonic, found.minor) == (0, False)
    np.testing.assert_array_equal(found.melody, found.piece.track == 0)
    np.testing.assert_array_equal(found.accompaniment, found.piece.track == 1)


def test_one_voice_alone_is_its_own_melody(networks):
    piece = band()
    for kept in (piece.track == 0, piece.track != 1):
        tune = piece.select(kept)
        np.testing.assert_array_equal(read(tune, networks).melody, tune.track == 0)


def test_a_chord_that_is_held_throughout_is_not_of_the_melody(networks):
    tune = band().select(band().track == 0)
    chord = Piece.of([0, 0, 0], tune.beats, [48, 52, 55], 80)
    columns = {
        name: np.concatenate([getattr(tune, name), getattr(chord, name)])
        for name in ("start", "duration", "pitch", "velocity")
    }
    tracks = (TrackInfo("Tune"), TrackInfo("Chord"))
    piece = Piece.of(*columns.values(), np.repeat([0, 1], [len(tune), 3]), tracks=tracks, meters=(Meter(0, 4, 4),))
    found = read(piece, networks)
    assert found.melody[found.piece.track == 0].mean() > 0.9
    assert not found.melody[found.piece.track == 1].any()


def test_of_what_is_heard_as_melody_at_once_the_highest_is_taken():
    piece = Piece.of([0, 0, 1, 2, 2.9], [8, 1, 1, 1, 1], [48, 72, 71, 74, 72], 80)
    heard = np.ones(5, bool)
    assert arrangement._highest(piece, heard).tolist() == [False, True, True, True, True]
    assert arrangement._highest(piece, piece.pitch < 70).tolist() == [True, False, False, False, False]


def test_a_pickup_is_a_bar_of_its_own(networks):
    piece = band(4, shift=2.0)
    meters = (Meter(0, 2, 4), Meter(2, 4, 4))
    found = read(Piece(**(vars(piece) | {"meters": meters})), networks)
    np.testing.assert_allclose(found.bars, [0, 2, 6, 10, 14, 18])


def test_drums_alone_have_no_chord_and_no_melody(networks):
    tracks = (TrackInfo("Drums", drums=True),)
    found = read(Piece.of(np.arange(16), 0.1, 36, 80, 0, tracks=tracks, meters=(Meter(0, 4, 4),)), networks)
    assert found.chord_at([0, 3, 9]).tolist() == [[NO_CHORD] * 3] * 3
    assert not found.melody.any()
    assert not found.accompaniment.any()


def test_what_is_too_long_is_refused(networks, monkeypatch):
    monkeypatch.setattr(arrangement, "MAX_NOTES", 79)
    with pytest.raises(InvalidMusic, match="has 80 notes, must have at most 79"):
        read(band(), networks)
    monkeypatch.setattr(arrangement, "MAX_NOTES", 100)
    monkeypatch.setattr(arrangement, "MAX_BARS", 3)
    with pytest.raises(InvalidMusic, match="has 4 bars, must have at most 3"):
        read(band(), networks)


def test_chords_that_are_written_above_a_piece_are_its_chords(networks):
    major, seventh = QUALITY_NAMES.index("maj"), QUALITY_NAMES.index("7")
    symbols = (WrittenChord(4.0, 5, major, 5), WrittenChord(8.0, 7, seventh, 7))
    found = read(replace(band(), symbols=symbols), networks).chord_at(np.array([0.0, 4.0, 7.9, 8.0]))
    assert found.tolist() == [[NO_CHORD] * 3, [5, major, 5], [5, major, 5], [7, seventh, 7]]
