import numpy as np
import pytest
from segue.music import Piece, TrackInfo
from segue.music.leading import upper_line
from segue.music.melody import is_one_voice

TUNE = (72, 74, 76, 77, 79, 77, 76, 74, 72, 74, 76, 79)


def hands(tune=True, tracks=2, programs=(0, 0), drums=False):
    """Sixteen bars: a tune of varied rhythm in the right hand, a broken chord below it in the same one, a bass."""
    rows = []
    for bar in range(2, 16):
        cuts = np.arange(0, 4, (1.0, 0.5, 1.5, 0.75)[bar * 7 % 4])
        if tune:
            rows += [(4 * bar + cut, 0.45, TUNE[(bar + n) % 12], 0) for n, cut in enumerate(cuts.tolist())]
        rows += [(4 * bar + eighth / 2, 0.4, (60, 64, 67)[eighth % 3], 0) for eighth in range(8)]
    rows += [(float(beat), 0.9, 43 + beat % 4, tracks - 1) for beat in range(64)]
    start, duration, pitch, track = zip(*rows, strict=True)
    infos = tuple(TrackInfo("", program, drums and row == 1) for row, program in enumerate(programs[:tracks]))
    return Piece.of(start, duration, pitch, 80, track, tracks=infos)


@pytest.mark.parametrize("tracks", [1, 2])
def test_the_tune_of_one_player_is_the_upper_line(tracks):
    piece = hands(tracks=tracks)
    line = upper_line(piece)
    tune = piece.pitch >= 72
    assert line[tune].all()
    assert (line & ~tune & (piece.start >= 8)).sum() < 0.6 * tune.sum()  # inner notes in its rests


def test_a_bass_on_the_same_track_is_not_the_tune_where_that_rests():
    rng, rows = np.random.default_rng(0), [(0.5 + beat, 0.4, 43 + beat % 4) for beat in range(64)]
    for bar in range(16):
        places = np.sort(rng.choice(8, 5, replace=False)) / 2
        rows += [(4.0 * bar + at, 0.4, TUNE[(bar + n) % 12]) for n, at in enumerate(places.tolist())]
    piece = Piece.of(*zip(*rows, strict=True))
    line, tune = upper_line(piece), piece.pitch >= 72
    assert line[tune].all()
    alone = ~tune & ~np.isin(piece.start, piece.start[tune])
    assert (line & alone).sum() < 0.4 * alone.sum()


def test_where_the_upper_hand_is_silent_the_lower_one_leads_alone():
    piece = hands()
    assert upper_line(piece)[(piece.start < 8)].all()
    both = Piece.of(
        np.r_[piece.start, 0.0, 4.0], np.r_[piece.duration, 1, 1], np.r_[piece.pitch, 52, 52], 80,
        np.r_[piece.track, 1, 1], tracks=piece.tracks,
    )  # fmt: skip
    assert not upper_line(both)[(both.start < 8)].any()


def test_a_pattern_is_no_tune_and_a_band_is_no_player():
    assert upper_line(hands(tune=False)) is None
    assert upper_line(hands(programs=(0, 33))) is None
    assert upper_line(hands(drums=True)) is None


def test_one_voice_is_no_chord_and_no_drum():
    line = Piece.of(np.arange(32.0), 1.1, 60)
    assert is_one_voice(line)
    assert not is_one_voice(line.with_notes(duration=np.full(32, 2.0)))
    assert not is_one_voice(Piece.of(np.arange(32.0), 0.1, 38, tracks=(TrackInfo(drums=True),)))
