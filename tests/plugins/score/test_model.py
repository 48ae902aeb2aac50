import itertools

import pytest
from segue.music import Meter, Tempo, piece_to_midi, piece_to_score
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
    assert found.rhythm.onsets_per_beat == pytest.approx(2, abs=0.1)
    assert found.pitch.tracks[0].drums


def test_one_note_is_enough(analyze):
    score = music_pb2.Score(tracks=[music_pb2.Track(notes=[music_pb2.Note(start=0, duration=1, pitch=60)])])
    assert analyze(music_pb2.Music(score=score)).notes == 1


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
