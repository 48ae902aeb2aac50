import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo, piece_to_score
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


@pytest.fixture
def issues(analyze):
    def find(piece, kind):
        found = analyze(music_pb2.Music(score=piece_to_score(piece)), pb.ASPECT_ISSUES)
        return [issue for issue in found.issues if issue.kind == kind]

    return find


@pytest.fixture
def clean():
    """Scales up and down over the tonic: nothing to mend but its dynamics."""
    start = [i / 2 for i in range(64)] + [4.0 * i for i in range(8)]
    pitch = [*(SCALE + SCALE[::-1]) * 4, *[48] * 8]
    velocity = [60 + i % 9 for i in range(72)]
    tracks = (TrackInfo("melody"), TrackInfo("bass"))
    return Piece.of(start, [0.5] * 64 + [4.0] * 8, pitch, velocity, [0] * 64 + [1] * 8, tracks=tracks)


def test_a_clean_piece_has_no_issues(clean, analyze):
    assert not analyze(music_pb2.Music(score=piece_to_score(clean)), pb.ASPECT_ISSUES).issues


def changed(piece, note, **columns):
    new = {name: getattr(piece, name).copy() for name in columns}
    for name, value in columns.items():
        new[name][note] = value
    return piece.with_notes(**new)


def added(piece, start, duration, pitch, track=0):
    columns = {name: getattr(piece, name).tolist() for name in ("start", "duration", "pitch", "velocity", "track")}
    for name, value in zip(columns, (start, duration, pitch, 70, track), strict=True):
        columns[name] += np.broadcast_to(value, np.shape(start)).reshape(-1).tolist()
    return Piece.of(**columns, tracks=piece.tracks)


def test_a_late_note(clean, issues):
    (issue,) = issues(changed(clean, 20, start=clean.start[20] + 0.12), pb.ISSUE_KIND_TIMING)
    assert issue.place.span.start == pytest.approx(clean.start[20] + 0.12)
    assert issue.polishable


def test_free_tempo_has_no_timing_issues(clean, issues):
    assert not issues(clean.with_notes(start=clean.start + 0.4 * np.sin(clean.start / 3) + 0.5), pb.ISSUE_KIND_TIMING)


def test_thirty_seconds_and_quintuplets_that_are_written_have_no_timing_issues(clean, issues):
    bars = np.repeat(clean.start[-1] + 4 + np.arange(8), 5)
    runs = Piece.of(
        np.r_[clean.start, bars + np.arange(40) % 5 / 5, bars[-1] + 1 + np.arange(16) / 8],
        0.1,
        np.r_[clean.pitch, 60 + np.arange(40) % 5, 60 + np.arange(16) % 7],
        70,
    )
    assert not issues(runs, pb.ISSUE_KIND_TIMING)


def test_sloppy_timing_is_one_issue_of_each_track(clean, issues):
    astray = np.random.default_rng(0).uniform(-0.1, 0.1, len(clean))
    found = issues(clean.with_notes(start=np.maximum(clean.start + astray, 0)), pb.ISSUE_KIND_TIMING)
    assert sorted(issue.place.track for issue in found) == [0, 1]
    assert all(issue.polishable for issue in found)


def test_a_piece_that_drifts_from_its_click(clean, issues):
    names = ("duration", "pitch", "velocity", "track")
    again = {name: np.tile(getattr(clean, name), 4) for name in names}
    start = np.concatenate([clean.start + 32 * turn for turn in range(4)])
    (issue,) = issues(clean.with_notes(start=start * (1 + 0.3 / 128), **again), pb.ISSUE_KIND_TIMING)
    assert "drifts" in issue.text
    assert (issue.place.span.start, issue.place.HasField("track")) == (0, False)


def test_a_passage_in_which_one_track_leaves_the_others(clean, issues):
    with_others = added(clean, clean.start[:40] + 0.0, 0.5, clean.pitch[:40] - 24, 1)
    late = (with_others.track == 0) & (with_others.start >= 8) & (with_others.start < 14)
    found = issues(with_others.with_notes(start=with_others.start + 0.1 * late), pb.ISSUE_KIND_TIMING)
    assert [(issue.place.track, round(issue.place.span.start, 1)) for issue in found] == [(0, 8.1)]
    assert "12 of" in found[0].text
    assert not found[0].polishable


def test_a_wrong_note(clean, issues):
    wrong = changed(clean, 30, pitch=78)
    (issue,) = issues(wrong, pb.ISSUE_KIND_OUT_OF_KEY)
    assert issue.place.track == wrong.track[30]
    assert "F#5 is outside C major" in issue.text
    assert issue.suggestion == "Try E5 instead."  # what stood there


def test_a_chromatic_passing_note_is_no_issue(clean, issues):
    assert not issues(added(clean, 0.25, 0.25, 61), pb.ISSUE_KIND_OUT_OF_KEY)


def test_overlap_duplicate_and_stuck(clean, issues):
    (overlap,) = issues(added(clean, 1.0, 4.0, 48, 1), pb.ISSUE_KIND_OVERLAP)[:1]
    assert overlap.severity == pb.SEVERITY_ERROR
    assert len(issues(added(clean, 0.0, 0.5, 60), pb.ISSUE_KIND_DUPLICATE)) == 1
    (stuck,) = issues(changed(clean, 3, duration=30.0), pb.ISSUE_KIND_STUCK_NOTE)
    assert "30 beats" in stuck.text


def test_an_empty_bar(clean, issues):
    later = clean.with_notes(start=[s + 4 * (s >= 16) for s in clean.start.tolist()])
    (gap,) = issues(later, pb.ISSUE_KIND_GAP)
    assert gap.place.bar == 5


def test_silence_of_a_bar_across_bar_lines_is_a_gap(clean, issues):
    later = clean.with_notes(start=np.where(clean.start >= 18, clean.start + 4, clean.start))
    held = (later.start < 18) & (later.end > 18)
    later = later.with_notes(duration=np.where(held, 18 - later.start, later.duration))
    (gap,) = issues(later, pb.ISSUE_KIND_GAP)
    assert gap.text == "Nothing sounds for 4 beats."
    assert (gap.place.span.start, gap.place.span.end) == (18, 22)


def test_empty_bars_are_one_gap_and_what_is_early_or_lasts_into_them_does_not_fill_them(clean, issues):
    later = clean.with_notes(
        start=[s + 12 * (s >= 16) - 0.1 * (s == 16) for s in clean.start.tolist()],
        duration=[d + 0.1 * (s == 15.5) for s, d in zip(clean.start.tolist(), clean.duration.tolist(), strict=True)],
    )
    (gap,) = issues(later, pb.ISSUE_KIND_GAP)
    assert gap.text == "Nothing sounds in 3 bars."
    assert (gap.place.bar, gap.place.span.end) == (5, 28)


def test_a_note_that_a_voice_has_left_behind_is_stuck_though_it_is_short(clean, issues):
    (stuck,) = issues(changed(clean, 3, duration=6.0), pb.ISSUE_KIND_STUCK_NOTE)
    assert "6 beats" in stuck.text


def test_slips_in_a_piece_that_is_full_of_accidentals(issues):
    """A chromatic scale is meant; one tone of an otherwise diatonic tune that leads on by step is not."""
    chromatic = Piece.of(np.arange(48) / 2, 0.5, 60 + np.r_[np.arange(24), np.arange(24)[::-1]] % 24)
    assert not issues(chromatic, pb.ISSUE_KIND_OUT_OF_KEY)
    tune = [60, 64, 67, 65, 64, 62, 60, 59] * 8
    tune[33] = 63  # Eb between C and G, a semitone beside E
    chords = [48, 55, 43, 48] * 4
    piece = Piece.of(np.r_[np.arange(64) / 2, np.arange(16) * 2], 0.5, np.r_[tune, chords], 70, [0] * 64 + [1] * 16)
    (slip,) = issues(piece, pb.ISSUE_KIND_OUT_OF_KEY)
    assert (slip.place.span.start, slip.suggestion) == (16.5, "Try E4 instead.")


def test_parallels_are_placed_where_they_begin_though_another_voice_moves_between(issues):
    tracks = tuple(TrackInfo(name) for name in "SAB")
    rows = [
        (0, 1, 72, 0),
        (1, 1, 74, 0),
        (2, 1, 72, 0),
        (0, 0.5, 67, 1),
        (0.5, 0.5, 69, 1),
        (1, 1, 67, 1),
        (2, 1, 67, 1),
    ]
    rows += [(0, 1, 48, 2), (1, 1, 50, 2), (2, 1, 52, 2)]
    start, duration, pitch, track = zip(*rows, strict=True)
    (octaves,) = issues(Piece.of(start, duration, pitch, 70, track, tracks=tracks), pb.ISSUE_KIND_PARALLELS)
    assert (octaves.place.span.start, octaves.place.span.end) == (0, 1)


def test_parallel_fifths_and_crossing(issues):
    tracks = (TrackInfo("S"), TrackInfo("B"))
    upper, lower = [67, 69, 71, 72, 72], [60, 62, 64, 60, 74]
    start = [0, 1, 2, 3, 4]
    piece = Piece.of(start * 2, 1, upper + lower, [60, 61, 62, 63, 64] * 2, [0] * 5 + [1] * 5, tracks=tracks)
    fifths = issues(piece, pb.ISSUE_KIND_PARALLELS)
    assert [issue.place.span.start for issue in fifths] == [0, 1]
    assert "fifths" in fifths[0].text
    (crossing,) = issues(piece, pb.ISSUE_KIND_VOICE_CROSSING)
    assert (crossing.place.span.start, crossing.place.span.end) == (4, 5)


def test_what_hands_and_instruments_can_not_do(issues):
    wide = Piece.of([0, 0, 0], 1, [30, 60, 90])
    (far,) = issues(wide, pb.ISSUE_KIND_UNPLAYABLE)
    assert far.text == "Two hands can't take the 3 notes from F#1 to F#6 at once."
    assert far.suggestion == "Move F#1 to F#3, or break the chord."
    low = Piece.of([0], 1, [40], tracks=(TrackInfo("solo", 40),))
    assert issues(low, pb.ISSUE_KIND_UNPLAYABLE)[0].text == "E2 is outside the range of the violin, G3 to G7."


def test_flat_dynamics(clean, issues):
    flat = clean.with_notes(velocity=[64] * len(clean))
    assert [issue.place.track for issue in issues(flat, pb.ISSUE_KIND_FLAT_DYNAMICS)] == [0]


def test_sixteenths_in_compound_time_lie_on_the_grid(issues):
    start = np.cumsum(np.tile([0.5, 0.25, 0.25, 0.5, 0.75, 0.75], 8)) - 0.5
    jig = Piece.of(start, 0.25, 60 + np.arange(48) % 8, 70, meters=(Meter(0, 6, 8),))
    assert not issues(jig, pb.ISSUE_KIND_TIMING)
    late = changed(jig, 20, start=jig.start[20] + 0.13)
    assert [round(issue.place.span.start, 2) for issue in issues(late, pb.ISSUE_KIND_TIMING)] == [
        pytest.approx(jig.start[20] + 0.13, abs=0.01)
    ]


def test_a_few_notes_beside_the_grid_are_no_passage(clean, issues):
    few = added(clean, 8.1 + np.arange(5) * 0.5, 0.3, 72, 2)
    few = Piece.of(
        few.start, few.duration, few.pitch, few.velocity, few.track, tracks=(*clean.tracks, TrackInfo("few"))
    )
    assert not issues(few, pb.ISSUE_KIND_TIMING)
