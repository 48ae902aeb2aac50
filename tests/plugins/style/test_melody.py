"""Which track is the melody where the analysis heard none."""

import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo
from segue.plugins.style.arrangement import read_arrangement
from segue.v1 import analyze_pb2


def bars(rhythms, pitch, track):
    """One voice, a list of onsets for each bar."""
    start = np.array([4 * bar + onset for bar, onsets in enumerate(rhythms) for onset in onsets])
    return start, np.full(len(start), 0.25), pitch + np.arange(len(start)) % 5, np.full(len(start), track)


def join(*parts):
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    tracks = (TrackInfo("a"), TrackInfo("b"), TrackInfo("c"))
    return Piece.of(columns[0], columns[1], columns[2], 80, columns[3], tracks=tracks, meters=(Meter(0, 4, 4),))


VARIED = [[0, 1], [0.5, 2], [0, 1.5, 3], [0, 2, 2.5]] * 2
STEADY = [[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]] * 8


@pytest.mark.parametrize(("pitch", "found"), [(70, True), (40, False)])
def test_the_track_whose_bars_differ_is_the_melody_unless_it_is_low(pitch, found):
    piece = join(bars(STEADY, 60, 0), bars(VARIED, pitch, 1), bars(STEADY, 36, 2))
    melody = read_arrangement(piece, analyze_pb2.AnalyzeResponse()).melody
    assert np.array_equal(melody, (piece.track == 1) & found)


@pytest.mark.parametrize("times", [1, 38])
def test_a_tune_over_block_chords_is_the_melody_however_often_it_comes_back(times):
    chords = [bars([[0]] * 8 * times, pitch, 1) for pitch in (48, 64, 79)]
    chords = [(start, 4 * np.ones(len(start)), *rest) for start, _, *rest in chords]
    piece = join(bars(VARIED * times, 72, 0), *chords)
    melody = read_arrangement(piece, analyze_pb2.AnalyzeResponse()).melody
    assert np.array_equal(melody, piece.track == 0)


@pytest.mark.parametrize("pattern", [STEADY, [*STEADY[:3], [0, 2]] * 2])
@pytest.mark.parametrize("times", [1, 38])
def test_patterns_alone_have_no_melody(pattern, times):
    piece = join(bars(pattern * times, 60, 0), bars(pattern * times, 72, 1), bars(STEADY * times, 36, 2))
    assert not read_arrangement(piece, analyze_pb2.AnalyzeResponse()).melody.any()


def test_a_piece_of_one_voice_is_its_melody():
    piece = join(bars(STEADY, 60, 0), *(bars([], 0, track) for track in (1, 2)))
    assert read_arrangement(piece, analyze_pb2.AnalyzeResponse()).melody.all()


def one_player():
    """A tune over a broken chord in one track, which the analysis hears a few inner notes of as melody."""
    tune = bars(VARIED * 2, 76, 0)
    inner = bars([[0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]] * 16, 55, 0)
    start, duration, pitch, track = (np.concatenate(column) for column in zip(tune, inner, strict=True))
    piece = Piece.of(start, duration, pitch, 80, track, meters=(Meter(0, 4, 4),))
    heard = analyze_pb2.AnalyzeResponse()
    for note in np.flatnonzero(piece.pitch < 60)[:4].tolist():
        heard.melody.notes.add(start=piece.start[note], duration=0.25, pitch=int(piece.pitch[note]))
    return piece, heard


def test_the_upper_line_of_one_player_is_the_melody_where_the_analysis_hears_little_of_it():
    piece, heard = one_player()
    melody = read_arrangement(piece, heard).melody
    assert melody[piece.pitch >= 76].all()
    assert not melody[(piece.pitch < 60) & np.isin(piece.start, piece.start[piece.pitch >= 76])].any()


def test_what_the_analysis_hears_in_most_bars_of_the_upper_line_counts():
    piece, _ = one_player()
    sung = analyze_pb2.AnalyzeResponse()
    for note in np.flatnonzero((piece.pitch >= 76) & (piece.start % 4 < 2)).tolist():
        sung.melody.notes.add(start=piece.start[note], duration=0.25, pitch=int(piece.pitch[note]))
    melody = read_arrangement(piece, sung).melody
    assert np.array_equal(melody, (piece.pitch >= 76) & (piece.start % 4 < 2))
