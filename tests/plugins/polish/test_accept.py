import numpy as np
import pytest
from segue.plugins.polish import accept
from segue.plugins.polish.changes import Change, apply
from segue.plugins.polish.corrupt import corrupt_some
from segue.plugins.polish.measure import polish
from segue.v1 import analyze_pb2
from segue.v1 import music_pb2 as pb


def change(piece, kind, note, **now):
    values = {name: getattr(piece, name)[note].item() for name in ("start", "duration", "pitch", "velocity", "track")}
    return Change(kind, note, **values | now, reason="Because.")


def test_a_change_that_makes_the_piece_less_likely_is_refused(song, trained):
    slipped = song.pitch.copy()
    slipped[101] += 1
    piece = song.with_notes(pitch=slipped)
    heard = trained.likelihood.read(piece)
    good = change(piece, pb.EDIT_KIND_PITCH, 101, pitch=int(song.pitch[101]))
    bad = change(piece, pb.EDIT_KIND_PITCH, 40, pitch=int(song.pitch[40]) + 1)
    early = change(piece, pb.EDIT_KIND_TIMING, 60, start=float(piece.start[60]))
    kept = accept.likely([good, bad, early], heard, heard, np.arange(len(piece)), False)
    assert kept == [good]  # moving a note to where it is gains nothing


def test_a_change_that_breaks_a_rule_is_withdrawn_and_the_rest_stays(song):
    note = int(np.flatnonzero((song.track == 1) & (song.start == 8))[0])
    again = Change(pb.EDIT_KIND_INSERT, -1, 8.5, 1.0, int(song.pitch[note]), 80, 1, "Struck while it sounds.")
    louder = change(song, pb.EDIT_KIND_VELOCITY, 3, velocity=90)
    broken = accept.compared(song, [again, louder])
    assert [found.kind for found in broken.new] == [analyze_pb2.ISSUE_KIND_OVERLAP]
    assert accept.without_new_breaks(song, [again, louder]) == [louder]


def test_what_was_broken_before_excuses_nothing_else(song):
    duration = song.duration.copy()
    held = np.flatnonzero((song.track == 1) & np.isin(song.start, (0, 16)))
    duration[held] = 2.5
    piece = song.with_notes(duration=duration)
    assert not accept.compared(piece, []).new
    assert len(accept.compared(piece, []).before) == len(held)
    other = int(np.flatnonzero((song.track == 1) & (song.start == 32))[0])
    assert len(accept.compared(piece, [change(piece, pb.EDIT_KIND_DURATION, other, duration=2.5)]).new) == 1


def test_the_melody_is_held(song):
    tune = np.flatnonzero(song.track == 0).tolist()
    changes = [change(song, pb.EDIT_KIND_PITCH, note, pitch=int(song.pitch[note]) + 1) for note in tune]
    sureness = {note: 1 - row / 1000 for row, note in enumerate(tune)}
    kept = accept.melody_held(song, changes, sureness)
    assert kept == changes[: int(accept.MELODY * len(tune))]


@pytest.mark.parametrize("seed", range(3))
def test_polished_pieces_are_likelier_and_break_nothing_anew(song, trained, seed):
    spoiled = corrupt_some(song, np.random.default_rng(seed)).piece
    changes = polish(spoiled, trained)
    polished = apply(spoiled, changes)
    assert trained.likelihood.surprise(polished).mean < trained.likelihood.surprise(spoiled).mean - 0.1
    assert not accept.compared(spoiled, changes).new
    before, after = (trained.quality.score(p, trained.likelihood.surprise(p)) for p in (spoiled, polished))
    assert after > before
