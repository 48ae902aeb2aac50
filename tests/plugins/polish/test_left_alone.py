"""What polish leaves alone because it was meant, and says so."""

from dataclasses import replace

import numpy as np
import pytest
import symusic
from segue.music import Piece, TrackInfo, piece_to_midi
from segue.v1 import music_pb2 as pb


def played(song, reach, seed=0):
    random = np.random.default_rng(seed)
    start = np.maximum(song.start + random.uniform(-reach, reach, len(song)), 0)
    return song.with_notes(start=start, velocity=random.integers(60, 95, len(song)))


def kinds(response):
    return {edit.kind for edit in response.edits}


def said(response, subject):
    return " ".join(notice.text for notice in response.notices if notice.subject == subject)


def test_a_recording_without_a_click_keeps_its_timing(ask, song):
    free = played(song, 0.03)
    free = replace(free.with_notes(start=free.start * 1.37, duration=free.duration * 1.37), meters=(), lyrics=())
    response = ask(free)
    assert pb.EDIT_KIND_TIMING not in kinds(response)
    assert "do not follow the file's beats" in said(response, "options.grid")
    figures = {figure.name: figure for figure in response.figures}
    assert figures["notes off the grid"].before == figures["notes off the grid"].after == 0
    assert pb.EDIT_KIND_TIMING in kinds(ask(free, {"grid": "sixteenth"}))


@pytest.mark.parametrize(("options", "asked"), [({}, (pb.EDIT_KIND_TIMING,)), ({"grid": "sixteenth"}, ())])
def test_a_players_feel_stays_unless_it_is_asked_for(ask, song, options, asked):
    felt = played(song, 0.06)
    response = ask(felt)
    assert pb.EDIT_KIND_TIMING not in kinds(response)
    assert "as players do" in said(response, "options.grid")
    response = ask(felt, options, kinds=asked)
    assert sum(edit.kind == pb.EDIT_KIND_TIMING for edit in response.edits) > len(felt) / 2
    assert not said(response, "options.grid")


def test_sloppy_playing_is_quantised(ask, song):
    response = ask(played(song, 0.1))
    assert sum(edit.kind == pb.EDIT_KIND_TIMING for edit in response.edits) > len(song) / 2


def test_notes_of_another_instrument_than_the_file_names_stay(ask, song):
    below = song.with_notes(pitch=np.where(song.track == 0, song.pitch - 19, song.pitch))  # a tune of a flute, too low
    response = ask(below)
    assert not response.edits
    assert "Track 1 (Tune) can't be played" in said(response, "music")
    once = song.with_notes(pitch=np.where(np.arange(len(song)) == 40, 48, song.pitch))
    (edit,) = ask(once).edits
    assert edit.after.pitch % 12 == 0
    assert edit.after.pitch > 59


def test_flat_tracks_are_shaped_beside_a_player_and_not_beside_accents(ask, song):
    accents = song.with_notes(velocity=np.where((song.track == 0) & (song.start % 1 == 0), 96, 80))
    response = ask(accents)
    assert not response.edits
    assert "Nobody played the loudness" in said(response, "options.dynamics")
    hands = np.random.default_rng(0).integers(60, 95, len(song))
    response = ask(song.with_notes(velocity=np.where(song.track == 0, hands, 80)))
    assert {edit.place.track for edit in response.edits} == {1}
    assert kinds(response) == {pb.EDIT_KIND_VELOCITY}


def test_a_whole_band_as_pianos_keeps_its_chords(ask):
    rows = [(bar, 3.9, 36 + 9 * voice + (0, 5, 7, 0)[bar // 4 % 4], 0) for bar in range(0, 64, 4) for voice in range(6)]
    start, duration, pitch, track = np.array(rows).T
    response = ask(Piece.of(start, duration, pitch, 80, track, tracks=(TrackInfo("Strings"),)))
    assert not response.edits
    assert "Two hands can't take" in said(response, "music")


def test_a_piece_that_nothing_is_done_to_comes_back_as_the_very_file(ask, song):
    file = symusic.Score.from_midi(piece_to_midi(song))
    file.tracks[0].pitch_bends.append(symusic.PitchBend(960, 500))
    response = ask(pb.Music(midi=file.dumps_midi()))
    assert not response.edits
    assert response.music.midi == file.dumps_midi()
    assert not said(response, "music.midi")


def test_a_note_is_not_moved_onto_another_of_its_pitch(ask, song):
    """It would be struck twice, and one of the two removed the next time."""
    note = int(np.flatnonzero((song.track == 0) & (song.start == 20))[0])
    short = song.with_notes(duration=np.where(np.arange(len(song)) == note, 0.08, song.duration))
    own = {name: int(getattr(song, name)[note]) for name in ("pitch", "velocity", "track")}
    more = {"start": (20.0, 20.1), "duration": (0.07, 0.3), **{name: (value,) * 2 for name, value in own.items()}}
    twice = short.with_notes(**{name: [*getattr(short, name), *values] for name, values in more.items()})
    (edit,) = ask(twice).edits
    assert (edit.kind, edit.place.span.start) == (pb.EDIT_KIND_DELETE, 20)
