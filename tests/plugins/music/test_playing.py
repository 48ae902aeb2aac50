from dataclasses import replace

import numpy as np
import pytest
from segue.music import Piece, TrackInfo, playing, timing
from segue.music.strums import struck_with

from .test_timing import jittered, melody


def loudness(piece, values, seed=0):
    return piece.with_notes(velocity=np.random.default_rng(seed).choice(values, len(piece)))


def test_what_was_recorded_without_a_click_follows_no_beats():
    piece = melody((0, 0.5), bars=8)
    assert playing.follows_beats(piece)
    assert playing.follows_beats(jittered(piece, 0.1))
    for tempo in (0.83, 1.1, 1.37):
        free = jittered(piece, 0.03)
        free = free.with_notes(start=free.start * tempo)
        assert not playing.follows_beats(free)
        assert timing.find(free).moved.mean() > 0.5  # which is why it is asked
    assert playing.follows_beats(Piece.of((0, 1, 2.08), 0.5, 60))


def test_a_feel_is_a_players_and_small():
    played = loudness(jittered(melody((0, 0.5)), 0.06), range(60, 90))
    found = timing.find(played)
    assert found.loose
    assert playing.has_feel(played, found)
    assert not playing.has_feel(loudness(played, (70, 90)), found)
    sloppy = loudness(jittered(melody((0, 0.5)), 0.1), range(60, 90))
    assert not playing.has_feel(sloppy, timing.find(sloppy))
    stays = playing.as_played(played, found, beats=True)
    assert not (stays.moved | stays.resized).any()
    assert stays.off.any()
    assert not playing.as_played(played, found, beats=False).off.any()


def test_without_beats_nothing_swings_or_drifts():
    swung = timing.find(jittered(melody((0, 0.6)), 0.02))
    assert swung.grid.swing is not None
    moved = replace(swung, phase=np.linspace(0, 0.3, len(swung.start)))
    free = playing.as_played(melody((0, 0.6)), moved, beats=False)
    assert (free.grid.swing, free.drift) == (None, 0)


def strummed(bars=16, step=0.045):
    rows = [
        (beat + place * step + 0.004 * np.sin(7 * beat), 0.9, pitch, 70 + (beat * 5) % 9, 0)
        for beat in range(4 * bars)
        for place, pitch in enumerate((52, 59, 64, 68))
    ]
    rows += [(float(beat), 0.8, 40, 73, 1) for beat in range(4 * bars)]
    start, duration, pitch, velocity, track = zip(*rows, strict=True)
    tracks = (TrackInfo("Guitar", 24), TrackInfo("Bass", 32))
    return Piece.of(np.maximum(start, 0), duration, pitch, velocity, track, tracks=tracks)


def test_strums_stay_and_nothing_follows_them_off_the_beat():
    piece = strummed()
    assert (struck_with(piece) != np.arange(len(piece))).mean() > 0.5
    assert not timing.find(piece).moved.any()


def test_a_late_strum_moves_as_one():
    piece = strummed()
    late = (piece.track == 0) & (piece.start > 19.9) & (piece.start < 20.5)
    found = timing.find(piece.with_notes(start=piece.start + 0.09 * late))
    assert np.flatnonzero(found.moved).tolist() == np.flatnonzero(late).tolist()
    assert found.start[late] == pytest.approx(piece.start[late], abs=0.02)


def test_chords_of_sloppy_hands_are_no_strums():
    rows = [(float(beat), 0.9, pitch) for beat in range(64) for pitch in (52, 59, 64, 68)]
    start, duration, pitch = zip(*rows, strict=True)
    piece = jittered(Piece.of(start, duration, pitch), 0.1)
    assert (struck_with(piece) == np.arange(len(piece))).all()
