import itertools
from dataclasses import replace

import numpy as np
import pytest
from segue.music import Meter, Piece, Tempo, TrackInfo, music_to_piece, piece_to_midi, piece_to_score
from segue.plugin_api import InvalidMusic
from segue.plugin_api.python_model import Item, one_by_one_if_needed
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

CADENCE = [(0, "maj"), (5, "maj"), (7, "7"), (0, "maj")]


def midi(piece):
    return music_pb2.Music(midi=piece_to_midi(piece))


@pytest.mark.parametrize("up", range(12))
def test_a_cadence_is_read_in_every_key(piece_of, analyze, up):
    found = analyze(midi(piece_of([((root + up) % 12, quality) for root, quality in CADENCE])))
    assert (found.key.key.tonic, found.key.key.mode) == (up, music_pb2.MODE_MAJOR)
    assert [chord.roman_numeral for chord in found.chords] == ["I", "IV", "V7", "I"]
    assert [chord.root for chord in found.chords] == [(root + up) % 12 for root, _ in CADENCE]


def test_chords_have_no_gaps_and_cover_the_piece(piece_of, analyze):
    found = analyze(midi(piece_of(CADENCE * 3)))
    spans = [(chord.span.start, chord.span.end) for chord in found.chords]
    assert spans[0][0] == 0
    assert spans[-1][1] == pytest.approx(found.beats)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))


def test_a_modulation_is_found(piece_of, analyze):
    tonic = [(0, "maj"), (5, "maj"), (7, "7"), (0, "maj")] * 3
    there = [(6, "maj"), (11, "maj"), (1, "7"), (6, "maj")] * 3
    regions = analyze(midi(piece_of(tonic + there))).key.regions
    assert [(r.key.tonic, r.key.mode) for r in regions] == [(0, 1), (6, 1)]
    assert regions[0].span.end == pytest.approx(24, abs=2)
    assert regions[0].span.end == regions[1].span.start


def test_probabilities_add_up(piece_of, analyze):
    key = analyze(midi(piece_of(CADENCE)), pb.ASPECT_KEY).key
    shares = [candidate.probability for candidate in key.candidates]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert key.confidence == shares[0]


@pytest.mark.parametrize(
    ("progression", "mode", "scale"),
    [
        ([(2, "min"), (7, "maj"), (0, "maj"), (2, "min")], music_pb2.MODE_MINOR, pb.SCALE_DORIAN),
        ([(2, "min"), (2, "min"), (3, "maj"), (2, "min")], music_pb2.MODE_MINOR, pb.SCALE_PHRYGIAN),
        ([(2, "maj"), (9, "min"), (0, "maj"), (2, "maj")], music_pb2.MODE_MAJOR, pb.SCALE_MIXOLYDIAN),
        ([(2, "min"), (7, "min"), (9, "maj"), (2, "min")], music_pb2.MODE_MINOR, pb.SCALE_MINOR),
        ([(2, "maj"), (7, "maj"), (9, "7"), (2, "maj")], music_pb2.MODE_MAJOR, pb.SCALE_MAJOR),
    ],
)
def test_the_scale_of_the_key_is_told(piece_of, analyze, progression, mode, scale):
    key = analyze(midi(piece_of(progression * 3)), pb.ASPECT_KEY).key
    assert (key.key.tonic, key.key.mode, key.scale) == (2, mode, scale)
    assert 0.5 < key.scale_confidence <= 1
    assert key.candidates[0].scale == scale
    minor = [candidate.scale for candidate in key.candidates if candidate.key.mode == music_pb2.MODE_MINOR]
    assert set(minor) <= {pb.SCALE_MINOR, pb.SCALE_DORIAN, pb.SCALE_PHRYGIAN}


def test_only_what_is_asked_for_is_answered(piece_of, analyze):
    found = analyze(midi(piece_of(CADENCE)), pb.ASPECT_TEMPO)
    assert found.HasField("tempo")
    assert not any(found.HasField(name) for name in ("meter", "key", "melody", "pitch", "rhythm"))
    assert not found.chords
    assert not found.issues


def test_what_it_can_not_do_is_said(piece_of, analyze):
    found = analyze(midi(piece_of(CADENCE)), pb.ASPECT_TRANSCRIPTION, 99)
    assert [notice.subject for notice in found.notices] == ["aspects", "aspects"]
    assert "transcription" in found.notices[0].text


def test_tempo_metre_and_beats(piece_of, analyze):
    piece = piece_of(CADENCE, beats=3.0, tempos=(Tempo(0, 60.0), Tempo(9, 120.0)), meters=(Meter(0, 3, 4),))
    found = analyze(midi(piece), pb.ASPECT_TEMPO, pb.ASPECT_METER)
    assert found.tempo.quarters_per_minute == pytest.approx(60)
    assert len(found.tempo.changes) == 2
    assert found.seconds == pytest.approx(10.5, abs=1e-3)
    assert found.meter.time_signatures[0].time_signature.numerator == 3
    assert found.meter.bars == 4
    assert list(found.meter.downbeat_seconds) == pytest.approx([0, 3, 6, 9], abs=1e-3)
    assert len(found.meter.beat_seconds) == 12


def test_a_score_and_its_midi_file_read_alike(piece_of, analyze):
    piece = piece_of(CADENCE * 2)
    by_midi = analyze(midi(piece))
    by_score = analyze(music_pb2.Music(score=piece_to_score(piece)))
    assert [c.symbol for c in by_midi.chords] == [c.symbol for c in by_score.chords]
    assert by_midi.key == by_score.key


def test_triads_on_request(piece_of, analyze):
    found = analyze(midi(piece_of(CADENCE)), pb.ASPECT_CHORDS, chords="triads")
    assert [chord.symbol for chord in found.chords] == ["C:maj", "F:maj", "G:maj", "C:maj"]


def test_drums_alone_have_no_harmony(analyze):
    score = music_pb2.Score(tracks=[music_pb2.Track(drums=True)])
    score.tracks[0].notes.extend(music_pb2.Note(start=i / 2, duration=0.1, pitch=36 + i % 2 * 2) for i in range(64))
    found = analyze(music_pb2.Music(score=score))
    assert [chord.symbol for chord in found.chords] == ["N"]
    assert not found.HasField("key")
    assert not found.style.styles
    assert [notice.subject for notice in found.notices] == ["key", "style"]
    assert found.rhythm.onsets_per_beat == pytest.approx(2, abs=0.03)
    assert found.pitch.tracks[0].drums


def test_one_note_is_enough(analyze):
    score = music_pb2.Score(tracks=[music_pb2.Track(notes=[music_pb2.Note(start=0, duration=1, pitch=60)])])
    assert analyze(music_pb2.Music(score=score)).notes == 1


@pytest.mark.parametrize(("pitches", "told"), [([60], False), ([60, 67, 48, 55], False), ([60, 64, 67], True)])
def test_two_pitches_in_whatever_octaves_tell_no_key(analyze, pitches, told):
    found = analyze(midi(Piece.of(np.arange(len(pitches)), 1.0, pitches)), pb.ASPECT_KEY)
    assert found.HasField("key") == told
    assert ([notice.subject for notice in found.notices] == ["key"]) != told


def test_few_notes_make_nobody_sure_of_a_church_mode(analyze):
    few = [60, 64, 66, 67, 64, 60, 67]
    short, long = (analyze(midi(Piece.of(np.arange(7 * n), 1.0, few * n)), pb.ASPECT_KEY).key for n in (1, 20))
    assert short.scale_confidence < 0.9 < long.scale_confidence


def test_a_note_late_in_a_long_silence(analyze):
    notes = [music_pb2.Note(start=start, duration=1, pitch=60) for start in (0, 21_600)]
    found = analyze(music_pb2.Music(score=music_pb2.Score(tracks=[music_pb2.Track(notes=notes)])))
    (gap,) = (issue for issue in found.issues if issue.kind == pb.ISSUE_KIND_GAP)
    assert gap.text == "Nothing sounds in 5399 bars."
    assert (gap.place.bar, gap.place.span.start, gap.place.span.end) == (2, 4, 21_600)


def test_a_piece_that_is_too_long_is_refused(analyze):
    notes = [music_pb2.Note(start=start, duration=1, pitch=60) for start in (0, 90_000)]
    answer = analyze(music_pb2.Music(score=music_pb2.Score(tracks=[music_pb2.Track(notes=notes)])))
    assert isinstance(answer, InvalidMusic)


def test_a_bad_item_fails_alone(piece_of, model):
    options = ScoreAnalyzer.Options().model_dump()
    bad = Item(pb.AnalyzeRequest(music=music_pb2.Music(midi=b"no midi at all")), options, 0)
    good = Item(pb.AnalyzeRequest(music=midi(piece_of(CADENCE))), options, 0)
    answers = one_by_one_if_needed(model.answer, [good, bad, good])
    assert isinstance(answers[1], InvalidMusic)
    assert answers[0] == answers[2]


def test_the_probe_is_answered(model):
    algorithm = ScoreAnalyzer()
    answer = model.answer([Item(algorithm.probe(), algorithm.Options().model_dump(), 0)])[0]
    algorithm.check_probe(answer)
    with pytest.raises(ValueError, match="A minor"):
        algorithm.check_probe(pb.AnalyzeResponse())


TUNE = [60, 62, 64, 65, 67, 65, 64, 62, 60, 64, 67, 72, 71, 67, 65, 62]


def test_an_upbeat_has_no_metre_of_its_own(analyze):
    piece = Piece.of(np.arange(64) / 2, 0.5, TUNE * 4, meters=(Meter(0, 1, 4), Meter(1, 3, 4), Meter(13, 2, 4)))
    meter = analyze(midi(piece), pb.ASPECT_METER).meter
    told = [(c.beat, c.time_signature.numerator, c.time_signature.denominator) for c in meter.time_signatures]
    assert told == [(0, 3, 4), (13, 2, 4)]
    assert meter.pickup == 1


def test_an_upbeat_counts_as_a_bar_however_short_it_is(analyze):
    piece = Piece.of(np.r_[0, np.arange(32) + 0.5], 0.5, [67, *np.resize([48, 64, 67, 64], 32)])
    meter = analyze(midi(piece), pb.ASPECT_METER).meter
    assert (meter.pickup, meter.bars) == (0.5, len(meter.downbeat_seconds) + 1)


def test_a_tune_alone_is_the_melody_and_so_has_motifs(analyze):
    found = analyze(midi(Piece.of(np.arange(64) / 2, 0.5, TUNE * 4)))
    assert [note.pitch for note in found.melody.notes] == TUNE * 4
    assert ["hardly ever sound at once" in notice.text for notice in found.notices if notice.subject == "style"] == [
        True
    ]
    assert found.structure.motifs


def test_a_note_that_rings_over_the_last_bar_line_makes_no_section(analyze):
    ringing = np.r_[np.full(63, 0.5), 0.9]
    found = analyze(midi(Piece.of(np.arange(64) / 2, ringing, TUNE * 4)), pb.ASPECT_STRUCTURE)
    assert all(section.span.end - section.span.start >= 4 for section in found.structure.sections)


def test_a_row_of_twelve_tones_has_no_key_and_so_no_slips(analyze):
    rng = np.random.default_rng(0)
    row = np.concatenate([rng.permutation(12) for _ in range(8)]) + 60
    assert not analyze(midi(Piece.of(np.arange(96) / 2, 0.5, row, 60 + row % 7)), pb.ASPECT_ISSUES).issues


def test_an_orchestra_that_doubles_a_line_has_no_parallels(analyze):
    tracks = (TrackInfo("Flute", 73), TrackInfo("Oboe", 68))
    pitch = np.r_[np.array(TUNE * 2) + 12, TUNE * 2]
    doubled = Piece.of(np.tile(np.arange(32) / 2, 2), 0.5, pitch, 70, np.repeat([0, 1], 32), tracks=tracks)
    kinds = {issue.kind for issue in analyze(midi(doubled), pb.ASPECT_ISSUES).issues}
    assert pb.ISSUE_KIND_PARALLELS not in kinds


@pytest.mark.parametrize("second", [1, 3, 4])
def test_the_key_of_a_piece_in_two_far_keys_is_one_of_them(piece_of, analyze, second):
    cadence = [(0, "maj"), (5, "maj"), (7, "7"), (0, "maj")]
    moved = [((root + second) % 12, quality) for root, quality in cadence]
    key = analyze(midi(piece_of(cadence * 2 + moved * 2)), pb.ASPECT_KEY).key
    assert [(region.span.start, region.key.tonic, region.key.mode) for region in key.regions] == [
        (0, 0, music_pb2.MODE_MAJOR),
        (16, second, music_pb2.MODE_MAJOR),
    ]
    assert key.key in [region.key for region in key.regions]


def sonatina():
    """A tune of one player above broken chords, all on one track."""
    rng, rows = np.random.default_rng(0), []
    for bar in range(16):
        root = (0, 5, 7, 0)[bar % 4]
        rows += [(4 * bar + half / 2, 0.5, 48 + root + (0, 7, 4, 7)[half % 4]) for half in range(8)]
        at = 0.0
        while at < 4:
            length = min(float(rng.choice([0.5, 1, 2])), 4 - at)
            rows.append((4 * bar + at, length, int(72 + root + rng.choice([0, 4, 7, 12]))))
            at += length
    return Piece.of(*zip(*rows, strict=True), 80, meters=(Meter(0, 4, 4),))


def test_the_tune_of_one_player_is_the_upper_line_where_the_network_hears_none(analyze):
    piece = sonatina()
    melody = analyze(midi(piece), pb.ASPECT_MELODY).melody
    tune = piece.pitch[piece.pitch >= 72].tolist()
    assert melody.lowest >= 72
    assert len(melody.notes) >= len(tune) - 2
    assert melody.confidence == pytest.approx(0.5)


def test_the_track_that_leads_has_the_melody_where_the_network_hears_it_in_few_bars(analyze, monkeypatch):
    piece = sonatina()
    tune = piece.pitch >= 72
    tracks = (TrackInfo("violin", 40), TrackInfo("cello", 42))
    two = replace(piece.with_notes(track=np.where(tune, 0, 1)), tracks=tracks)
    heard = (two.start < 12) & (two.pitch >= 72)
    monkeypatch.setattr(
        "segue.plugins.score.networks.class_probabilities", lambda *_: np.where(heard, 0.9, 0.02)[:, None]
    )
    melody = analyze(midi(two), pb.ASPECT_MELODY).melody
    assert (melody.track, len(melody.notes)) == (0, tune.sum())


def test_an_accompaniment_alone_has_no_melody(analyze):
    rows = []
    for bar in range(16):
        root = (0, 5, 7, 0)[bar % 4]
        rows += [(4.0 * bar, 1.0, 36 + root)]
        rows += [(4.0 * bar + beat, 1.0, 55 + root + step) for beat in (1, 2, 3) for step in (0, 5, 9)]
    piece = Piece.of(*zip(*rows, strict=True), 80, meters=(Meter(0, 4, 4),))
    assert not analyze(midi(piece), pb.ASPECT_MELODY).melody.notes


def test_what_is_written_is_not_judged_as_if_it_was_played(analyze):
    def note(pitch, voice, length, chord=""):
        step = f"<pitch><step>{pitch[0]}</step><octave>{pitch[1]}</octave></pitch>"
        return f"<note>{chord}{step}<duration>{length}</duration><voice>{voice}</voice></note>"

    back = "<backup><duration>28</duration></backup>"  # a bar of seven in the time of four, and one held note
    bar = "".join(note("CDEFGAB"[at] + "4", 1, 4) for at in range(7)) + back + note("C4", 2, 28)
    attributes = (
        "<attributes><divisions>7</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    )
    bars = "".join(f"<measure number='{n + 1}'>{attributes if n == 0 else ''}{bar}</measure>" for n in range(12))
    document = (
        "<score-partwise><part-list><score-part id='P'><part-name>P</part-name></score-part></part-list>"
        f"<part id='P'>{bars}</part></score-partwise>"
    )
    found = analyze(music_pb2.Music(musicxml=document.encode()), pb.ASPECT_ISSUES)
    played = {pb.ISSUE_KIND_DUPLICATE, pb.ISSUE_KIND_OVERLAP, pb.ISSUE_KIND_TIMING, pb.ISSUE_KIND_FLAT_DYNAMICS}
    assert not found.issues
    piece, _ = music_to_piece(music_pb2.Music(musicxml=document.encode()))
    assert {issue.kind for issue in analyze(midi(piece), pb.ASPECT_ISSUES).issues} & played


def test_a_line_held_over_the_beat_is_syncopated_whatever_the_left_hand_does(analyze):
    def rag(places):
        rows = [(2.0 * bar + at, 0.45, 48 - 5 * (at % 1 == 0)) for bar in range(8) for at in (0, 0.5, 1, 1.5)]
        rows += [(2.0 * bar + at, 0.9 * length, 76) for bar in range(8) for at, length in places]
        return midi(Piece.of(*zip(*rows, strict=True), meters=(Meter(0, 2, 4),)))

    held = analyze(rag([(0, 0.5), (0.5, 1.0), (1.5, 0.5)]), pb.ASPECT_RHYTHM).rhythm
    straight = analyze(rag([(0, 0.5), (0.5, 0.5), (1, 1.0)]), pb.ASPECT_RHYTHM).rhythm
    assert held.syncopation == pytest.approx(1 / 3)
    assert straight.syncopation == 0


def test_two_eighths_in_compound_time_do_not_swing(analyze):
    start = [1.5 * beat + at for beat in range(32) for at in (0, 1)]
    piece = Piece.of(start, [1.0, 0.5] * 32, [60, 64] * 32, meters=(Meter(0, 6, 8),))
    assert analyze(midi(piece), pb.ASPECT_RHYTHM).rhythm.swing == 1
    assert analyze(
        midi(replace(piece.with_notes(start=piece.start / 1.5), meters=(Meter(0, 2, 4),))), pb.ASPECT_RHYTHM
    ).rhythm.swing == pytest.approx(2, abs=0.05)


def test_texture_tells_voices_chords_and_which_track_has_the_melody(piece_of, analyze):
    alone = analyze(midi(Piece.of(np.arange(64) / 2, 0.5, TUNE * 4)), pb.ASPECT_PITCH).pitch
    assert (alone.voices, alone.chordal, alone.tracks[0].polyphony, alone.tracks[0].melody) == (1, 0, 1, 1)
    hymn = analyze(midi(piece_of(CADENCE * 4)), pb.ASPECT_PITCH).pitch
    assert (hymn.voices, hymn.chordal) == (4, 1)
    chords = [48, 52, 55] * 8
    lengths = np.random.default_rng(0).choice([0.25, 0.5, 1.0], 64)
    lengths *= 32 / lengths.sum()
    rows = [*zip(np.cumsum(lengths) - lengths, lengths, TUNE * 4, [0] * 64, strict=True)]
    rows += [*zip(np.repeat(np.arange(8) * 4.0, 3), [4.0] * 24, chords, [1] * 24, strict=True)]
    start, duration, pitch, track = zip(*rows, strict=True)
    tracks = (TrackInfo("tune"), TrackInfo("chords"))
    song = analyze(midi(Piece.of(start, duration, pitch, 70, track, tracks=tracks)), pb.ASPECT_PITCH).pitch
    assert song.voices == 4
    assert [round(each.polyphony, 1) for each in song.tracks] == [1, 3]
    assert song.tracks[0].melody > 0.9 > 0.1 > song.tracks[1].melody


@pytest.mark.parametrize("tonic", [0, 5, 10])
def test_a_blues_is_in_the_key_of_its_first_seventh(piece_of, analyze, tonic):
    degrees = [0, 5, 0, 0, 5, 5, 0, 0, 7, 5, 0, 7, 0]
    found = analyze(
        midi(piece_of([((tonic + degree) % 12, "7") for degree in degrees], 4.0)), pb.ASPECT_KEY, pb.ASPECT_CHORDS
    )
    assert (found.key.key.tonic, found.key.key.mode) == (tonic, music_pb2.MODE_MAJOR)
    assert {chord.roman_numeral for chord in found.chords} == {"I7", "IV7", "V7"}
