"""Analyze finds, polish mends: each kind of issue that is called polishable, planted alone and carried out."""

import numpy as np
import pytest
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.music.issues import DETECTORS
from segue.music.reading import Reading
from segue.plugins.score.issues import POLISHABLE, find_issues
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

VOICES = tuple(TrackInfo(name, 52) for name in ("Soprano", "Alto", "Tenor", "Bass"))
# A hymn in C: soprano, alto, tenor, bass on each beat; no parallels, no crossing.
HYMN = (
    (72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55), (72, 67, 64, 48),
    (74, 71, 67, 43), (76, 67, 60, 48), (74, 67, 62, 47), (72, 67, 64, 48),
    (72, 69, 65, 53), (71, 67, 62, 55), (72, 64, 60, 57), (72, 69, 65, 53),
    (74, 69, 65, 50), (71, 67, 62, 55), (72, 67, 64, 48), (71, 67, 62, 55),
)  # fmt: skip


@pytest.fixture
def hymn():
    chords = np.array(HYMN * 4)
    beats, voices = np.divmod(np.arange(chords.size), 4)
    velocity = 64 + (beats * 5 + voices * 3) % 17
    return Piece.of(beats, 1.0, chords.reshape(-1), velocity, voices, tracks=VOICES)


def found(piece, kind):
    return list(DETECTORS[kind](Reading(piece)))


def changed(piece, note, **columns):
    new = {name: getattr(piece, name).copy() for name in columns}
    for name, value in columns.items():
        new[name][note] = value
    return piece.with_notes(**new)


def late(piece):
    return changed(piece, 100, start=piece.start[100] + 0.11)


def off_key(hymn):
    return changed(hymn, int(np.flatnonzero((hymn.start == 20) & (hymn.track == 2))[0]), pitch=68)


def overlapping(hymn):
    """The soprano's first C sounds on when it is struck again."""
    return changed(hymn, int(np.flatnonzero((hymn.start == 0) & (hymn.track == 0))[0]), duration=1.4)


def stuck(song):
    return changed(song, int(np.flatnonzero((song.track == 1) & (song.start == 18))[0]), duration=60.0)


def doubled(piece):
    columns = {
        name: np.r_[getattr(piece, name), getattr(piece, name)[80]]
        for name in ("start", "duration", "pitch", "velocity", "track")
    }
    return piece.with_notes(**columns)


def parallel(hymn):
    """The alto goes from G to A as the bass goes from C to D: fifths."""
    pitch = hymn.pitch.copy()
    for beat, chord in ((20, (72, 67, 64, 48)), (21, (74, 69, 65, 50))):
        for voice, value in enumerate(chord):
            pitch[(hymn.start == beat) & (hymn.track == voice)] = value
    return hymn.with_notes(pitch=pitch)


def crossed(hymn):
    pitch = hymn.pitch.copy()
    alto, tenor = (int(np.flatnonzero((hymn.start == 25) & (hymn.track == voice))[0]) for voice in (1, 2))
    pitch[[alto, tenor]] = pitch[[tenor, alto]]
    return hymn.with_notes(pitch=pitch)


def too_wide(song):
    """A piano plays chords, low and high in turn, and in one place half of either."""
    low, high = (43, 60, 64, 67), (60, 72, 79, 88)
    chords = [
        (beat, pitch) for beat in range(32) for pitch in ((43, 60, 79, 88) if beat == 9 else (low, high)[beat % 2])
    ]
    start, pitch = np.array(chords).T
    return Piece.of(start, 1.0, pitch, 64 + np.arange(128) % 17)


def flat(song):
    return song.with_notes(velocity=np.where(song.track == 0, 80, 60 + np.arange(len(song)) % 9))


PLANTED = {
    pb.ISSUE_KIND_TIMING: ("hymn", late, {music_pb2.EDIT_KIND_TIMING}),
    pb.ISSUE_KIND_OUT_OF_KEY: ("hymn", off_key, {music_pb2.EDIT_KIND_PITCH}),
    pb.ISSUE_KIND_OVERLAP: ("hymn", overlapping, {music_pb2.EDIT_KIND_DURATION}),
    pb.ISSUE_KIND_STUCK_NOTE: ("song", stuck, {music_pb2.EDIT_KIND_DURATION}),
    pb.ISSUE_KIND_DUPLICATE: ("hymn", doubled, {music_pb2.EDIT_KIND_DELETE}),
    pb.ISSUE_KIND_PARALLELS: ("hymn", parallel, {music_pb2.EDIT_KIND_PITCH}),
    pb.ISSUE_KIND_VOICE_CROSSING: ("hymn", crossed, {music_pb2.EDIT_KIND_PITCH}),
    pb.ISSUE_KIND_UNPLAYABLE: ("song", too_wide, {music_pb2.EDIT_KIND_PITCH}),
    pb.ISSUE_KIND_FLAT_DYNAMICS: ("song", flat, {music_pb2.EDIT_KIND_VELOCITY}),
}


def test_the_hymn_breaks_no_rule(hymn):
    assert not any(list(detector(Reading(hymn))) for detector in DETECTORS.values())


def test_everything_polishable_is_planted():
    assert set(PLANTED) == POLISHABLE


@pytest.mark.parametrize("kind", PLANTED, ids=lambda kind: pb.IssueKind.Name(kind).removeprefix("ISSUE_KIND_").lower())
def test_what_analyze_calls_polishable_is_carried_out(kind, ask, request):
    name, plant, edits = PLANTED[kind]
    clean = request.getfixturevalue(name)
    piece = plant(clean)
    assert len(found(piece, kind)) > (0 if kind == pb.ISSUE_KIND_FLAT_DYNAMICS else len(found(clean, kind)))
    assert all(issue.polishable for issue in find_issues(Reading(piece), 100)[0] if issue.kind == kind)
    response = ask(piece)
    after = midi_to_piece(response.music.midi)[0]
    assert not found(after, kind)
    assert {edit.kind for edit in response.edits} == edits
    figures = {figure.name: figure for figure in response.figures}
    assert figures["rules broken anew"].after == 0
