from dataclasses import replace

import numpy as np
import pytest
import symusic
from segue.music import Meter, Piece, TrackInfo, midi_to_piece, piece_to_midi
from segue.plugin_api.errors import InvalidField, InvalidMusic, Unsupported
from segue.plugin_api.python_model import Item
from segue.plugins.polish.corrupt import corrupt_all, corrupt_some, slip
from segue.plugins.polish.plugin import Polish, PolishOptions
from segue.v1 import music_pb2 as pb
from segue.v1 import transfer_pb2

from .conftest import answers, told


def out(response):
    return midi_to_piece(response.music.midi)[0]


def test_the_probe_passes(model):
    algorithm = Polish()
    (answer,) = answers(model, Item(algorithm.probe(), PolishOptions().model_dump(), 0))
    algorithm.check_probe(answer)


def test_a_clean_piece_comes_back_as_it_was(ask, song):
    response = ask(song)
    assert not response.edits
    after = out(response)
    for name in ("start", "duration", "pitch", "velocity", "track"):
        assert getattr(after, name) == pytest.approx(getattr(song, name), abs=1e-3)
    assert np.array(after.tempos) == pytest.approx(np.array(song.tempos), rel=1e-5)
    assert (after.tracks, after.meters, after.lyrics) == (song.tracks, song.meters, song.lyrics)


def test_jitter_and_wrong_notes_are_mended(ask, song):
    spoiled = corrupt_all(song, np.random.default_rng(3))
    after = out(ask(spoiled.piece))
    assert len(after) == len(song)
    assert np.mean(np.abs(after.start - song.start) < 0.01) >= 0.95
    before = int((spoiled.piece.pitch != song.pitch[spoiled.origin]).sum())
    left = sum(n not in set(zip(song.start, song.pitch, song.track, strict=True)) for n in notes(after))
    assert left < before / 2


def notes(piece):
    return list(zip(np.round(piece.start * 4) / 4, piece.pitch, piece.track, strict=True))


def test_spoiled_notes_are_mended(ask, song):
    spoiled = corrupt_some(song, np.random.default_rng(4))
    truth = set(notes(song))
    assert len(truth ^ set(notes(out(ask(spoiled.piece))))) < len(truth ^ set(notes(spoiled.piece))) / 2


def test_every_edit_has_place_and_reason(ask, song):
    spoiled = corrupt_some(song, np.random.default_rng(5)).piece
    response = ask(spoiled)
    assert [edit.id for edit in response.edits] == list(range(1, len(response.edits) + 1))
    assert len({edit.kind for edit in response.edits}) >= 4
    for edit in response.edits:
        assert edit.reason.endswith(".")
        assert edit.place.bar == int(spoiled.bar_of(edit.place.span.start))
        assert edit.place.seconds == pytest.approx(float(spoiled.beats_to_seconds(edit.place.span.start)))
        assert edit.HasField("before") == (edit.kind != pb.EDIT_KIND_INSERT)
        assert edit.HasField("after") == (edit.kind != pb.EDIT_KIND_DELETE)
    figures = {figure.name: figure for figure in response.figures}
    assert figures["notes off the grid"].after < figures["notes off the grid"].before
    assert figures["surprise of the pitches"].after < figures["surprise of the pitches"].before
    assert response.kept


def test_some_edits_only(ask, song):
    spoiled = corrupt_some(song, np.random.default_rng(6)).piece
    everything = ask(spoiled)
    wanted = [edit.id for edit in everything.edits][1::2]
    some = ask(spoiled, edit_ids=wanted)
    assert list(some.edits) == [edit for edit in everything.edits if edit.id in wanted]
    pitches = ask(spoiled, kinds=[pb.EDIT_KIND_PITCH])
    assert {edit.kind for edit in pitches.edits} == {pb.EDIT_KIND_PITCH}
    assert [edit.id for edit in pitches.edits] == list(range(1, len(pitches.edits) + 1))


def test_strength_goes_part_of_the_way(ask, song):
    spoiled = corrupt_all(song, np.random.default_rng(7)).piece
    assert not ask(spoiled, strength=0).edits
    full = {e.before.start: e for e in ask(spoiled, kinds=[pb.EDIT_KIND_TIMING]).edits}
    for edit in ask(spoiled, strength=0.5, kinds=[pb.EDIT_KIND_TIMING]).edits:
        target = full[edit.before.start].after.start
        assert edit.after.start == pytest.approx((edit.before.start + target) / 2, abs=1e-6)
    counts = [len(ask(spoiled, strength=s, kinds=[pb.EDIT_KIND_PITCH]).edits) for s in (0.2, 0.6, 1.0)]
    assert counts == sorted(counts)


def test_lyrics_go_with_their_notes(ask, song):
    start = song.start.copy()
    note = int(np.flatnonzero((song.track == 0) & (song.start == 0.5))[0])
    start[note] += 0.09
    late = song.with_notes(start=start)
    late = Piece(**{**late.__dict__, "lyrics": (song.lyrics[1]._replace(beat=0.59),)})
    assert out(ask(late)).lyrics[0].beat == pytest.approx(0.5, abs=0.002)


def test_drums_keep_their_sounds(ask, song):
    drums = Piece.of(np.arange(0, 128, 0.5), 0.25, [36, 42] * 128, 90, 0, tracks=(TrackInfo("Kit", 0, True),))
    spoiled = slip(drums, np.array([5, 17]), np.random.default_rng(0))
    response = ask(spoiled)
    assert not response.edits
    assert out(response).tracks[0].drums


def test_pieces_of_every_kind_answer(ask):
    rng = np.random.default_rng(0)
    single = Piece.of(np.arange(30) / 2, 0.5, 60 + rng.integers(0, 12, 30))
    many = Piece.of(
        rng.integers(0, 200, 900) / 4,
        0.25,
        rng.integers(30, 90, 900),
        70,
        rng.integers(0, 15, 900),
        tracks=tuple(TrackInfo(str(n), n) for n in range(15)),
    )
    for piece in (single, many, Piece.of([0.0], [1.0], [60]), Piece.of([0.1, 0.1], [1.0, 2.0], [0, 127])):
        response = ask(piece)
        assert response.music.midi.startswith(b"MThd")
        assert response.figures


def test_pedal_bends_and_controllers_are_carried(ask):
    score = symusic.Score(960)
    track = symusic.Track("Piano", 0, False)
    track.notes.extend(
        [
            symusic.Note(480 * n + 90 * (n == 20), 480, 60 + (0, 2, 4, 5, 7, 5, 4, 2)[n % 8], 60 + n % 9)
            for n in range(64)
        ]
    )
    track.pitch_bends.extend([symusic.PitchBend(960 * n, 300) for n in range(5)])
    track.controls.extend([symusic.ControlChange(0, 7, 99), symusic.ControlChange(0, 64, 127)])
    track.controls.append(symusic.ControlChange(1920, 64, 0))
    score.tracks.append(track)
    response = ask(pb.Music(midi=bytes(score.dumps_midi())))
    assert response.edits
    (track,) = out(response).tracks
    bends = [control[::3] for control in track.controls if control.kind == pb.CONTROL_KIND_PITCH_BEND]
    assert bends == [(float(beat), 300) for beat in range(5)]
    assert (0.0, pb.CONTROL_KIND_CONTROLLER, 7, 99) in track.controls
    assert track.pedals == ((0.0, 2.0),)
    assert any("pitch bends" in sentence for sentence in response.kept)


def test_a_file_that_counts_frames_has_no_beats_to_go_to(ask):
    """A note each tenth of a second: a fifth of a beat at the tempo that is made up."""
    notes = b"".join(bytes([0, 0x90, 60 + n % 8, 80, 100, 0x80, 60 + n % 8, 0]) for n in range(32))
    chunk = notes + b"\x00\xff\x2f\x00"
    frames = pb.Music(
        midi=b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0xE7, 40]) + b"MTrk" + len(chunk).to_bytes(4) + chunk
    )
    response = ask(frames)
    assert not response.edits
    assert response.music == frames
    assert response.notices[0].subject == "options.grid"
    assert {edit.kind for edit in ask(frames, {"grid": "sixteenth"}).edits} == {pb.EDIT_KIND_TIMING}


def test_metres_that_change_stay(ask, song):
    metres = (Meter(0.0, 3, 4), Meter(24.0, 7, 8), Meter(45.0, 4, 4))
    response = ask(replace(corrupt_some(song, np.random.default_rng(8)).piece, meters=metres))
    assert response.edits
    assert out(response).meters == metres


def test_the_figures_tell_before_and_after(ask, song):
    response = ask(corrupt_some(song, np.random.default_rng(9)).piece)
    figures = {figure.name: figure for figure in response.figures}
    assert figures["quality"].after > figures["quality"].before
    assert figures["negative log-likelihood"].after < figures["negative log-likelihood"].before
    assert figures["rules broken"].after < figures["rules broken"].before
    assert figures["rules broken anew"].after == 0
    assert figures["melody kept"].after >= 0.9


def test_wrong_requests_are_named(ask, model, song):
    assert isinstance(ask(pb.Music(midi=b"not a MIDI file at all")), InvalidMusic)
    assert isinstance(ask(pb.Music(score=pb.Score())), InvalidMusic)
    many = ask(replace(song, start=song.start + 40_000, meters=(Meter(0.0, 1, 8),)))
    assert isinstance(many, InvalidMusic)
    assert "bars, must have at most 50,000" in many.message
    error = ask(song, edit_ids=[7])
    assert isinstance(error, InvalidField)
    assert error.violations[0][0] == "polish.edit_ids[0]"
    error = ask(song, kinds=[pb.EDIT_KIND_TIMING, 0])
    assert error.violations[0][0] == "polish.kinds[1]"
    style = transfer_pb2.TransferRequest(music=pb.Music(score=pb.Score()), style="jazz")
    assert isinstance(answers(model, Item(style, PolishOptions().model_dump(), 0))[0], Unsupported)


def test_a_bad_item_leaves_its_mates_alone(model, song):
    good = Item(Polish().probe(), PolishOptions().model_dump(), 0)
    bad = Item(transfer_pb2.TransferRequest(polish=transfer_pb2.Polish()), PolishOptions().model_dump(), 0)
    first, second, third = answers(model, good, bad, good)
    assert isinstance(second, InvalidMusic)
    assert first == third


def test_it_says_how_far_it_has_come(model, song):
    request = transfer_pb2.TransferRequest(
        music=pb.Music(midi=piece_to_midi(corrupt_some(song, np.random.default_rng(9)).piece)),
        polish=transfer_pb2.Polish(),
    )
    (messages,) = told(model, Item(request, PolishOptions().model_dump(), 0))
    progress = [message.progress for message in messages[:-1]]
    assert [one.stage for one in progress] == [
        "timing",
        "collisions and slips",
        "missing notes",
        "voice leading",
        "loudness",
        "rules",
        "comparing before and after",
    ]
    fractions = [one.fraction for one in progress]
    assert fractions[0] == 0
    assert np.all(np.diff(fractions) > 0)
    assert fractions[-1] < 1
    assert messages[-1].complete.edits
