"""What of an analysis is told in words."""

import pytest
from segue.client.cli._analysis_facts import facts
from segue.v1 import analyze_pb2
from segue.v1.music_pb2 import (
    MODE_MAJOR,
    MODE_MINOR,
    Chord,
    Key,
    Label,
    Note,
    TempoChange,
    TimeSignature,
    TimeSignatureChange,
)


def test_what_has_no_pitch_is_told_without_pitches():
    drums = analyze_pb2.TrackAnalysis(name="Kit", drums=True, notes=64)
    response = analyze_pb2.AnalyzeResponse(
        notes=64, melody=analyze_pb2.MelodyAnalysis(), pitch=analyze_pb2.PitchAnalysis(tracks=[drums])
    )
    response.style.SetInParent()
    told = dict(facts(response))
    assert (told["melody"], told["style"], told["track"]) == ("none", "none", "Kit (drums): 64 notes")
    assert not {"pitch", "texture", "pitch classes"} & set(told)


def test_a_church_mode_is_told_beside_the_key():
    dorian = Key(tonic=2, mode=MODE_MINOR)
    major = Key(tonic=0, mode=MODE_MAJOR)
    candidates = [
        analyze_pb2.KeyCandidate(key=dorian, probability=0.7, scale=analyze_pb2.SCALE_DORIAN),
        analyze_pb2.KeyCandidate(key=major, probability=0.25, scale=analyze_pb2.SCALE_MAJOR),
    ]
    key = analyze_pb2.KeyAnalysis(key=dorian, confidence=0.7, candidates=candidates)
    key.scale, key.scale_confidence = analyze_pb2.SCALE_DORIAN, 0.9
    told = dict(facts(analyze_pb2.AnalyzeResponse(key=key)))
    assert told["key"] == "D minor (70 % sure), else C major 25 %"
    assert told["mode"] == "Dorian (90 % sure in that key)"
    other = analyze_pb2.KeyAnalysis(key=major, confidence=0.6, candidates=candidates, scale=analyze_pb2.SCALE_MAJOR)
    told = dict(facts(analyze_pb2.AnalyzeResponse(key=other)))
    assert told["key"] == "C major (60 % sure), else D minor (Dorian) 70 %"
    assert "mode" not in told


@pytest.mark.parametrize(
    ("tempos", "bars", "tempo", "metre"),
    [([96], 1, "", "1 bar"), ([96, 90], 2, ", 1 change", "2 bars"), ([96, 90, 96], 2, ", 2 changes", "2 bars")],
)
def test_one_is_counted_as_one_and_the_first_tempo_is_no_change(tempos, bars, tempo, metre):
    changes = [TempoChange(beat=beat, quarters_per_minute=pace) for beat, pace in enumerate(tempos)]
    four = TimeSignatureChange(time_signature=TimeSignature(numerator=4, denominator=4))
    response = analyze_pb2.AnalyzeResponse(
        tempo=analyze_pb2.TempoAnalysis(quarters_per_minute=96, changes=changes),
        meter=analyze_pb2.MeterAnalysis(time_signatures=[four], bars=bars),
    )
    told = dict(facts(response))
    assert (told["tempo"], told["metre"]) == (f"96.0 quarters a minute{tempo}", f"4/4, {metre}")


@pytest.mark.parametrize(
    ("denominator", "pickup", "told"),
    [
        (4, 1, "1 quarter"),
        (4, 0.5, "1 eighth"),
        (4, 0.75, "3 sixteenths"),
        (8, 1.5, "3 eighths"),
        (2, 2, "1 half"),
        (2, 1, "1 quarter"),
        (4, 0.3, "0.3 quarters"),
    ],
)
def test_an_upbeat_is_told_in_note_values(denominator, pickup, told):
    signature = TimeSignatureChange(time_signature=TimeSignature(numerator=6, denominator=denominator))
    meter = analyze_pb2.MeterAnalysis(time_signatures=[signature], bars=8, pickup=pickup)
    assert dict(facts(analyze_pb2.AnalyzeResponse(meter=meter)))["metre"].endswith(f"upbeat of {told}")


def test_one_note_is_one_and_has_no_interval():
    note = analyze_pb2.TrackAnalysis(name="Bell", program=14, notes=1, lowest=60, highest=60)
    response = analyze_pb2.AnalyzeResponse(
        beats=1,
        notes=1,
        chords=[Chord(symbol="N")],
        melody=analyze_pb2.MelodyAnalysis(notes=[Note(pitch=60)], lowest=60, highest=60),
        pitch=analyze_pb2.PitchAnalysis(tracks=[note]),
        rhythm=analyze_pb2.RhythmAnalysis(note_values=[analyze_pb2.NoteValue(duration=0.5, share=1)]),
    )
    told = dict(facts(response))
    assert told["length"] == "0:00 min, 1 quarter, 1 note"
    assert (told["melody"], told["chords"]) == ("1 note on track 1, C4-C4", "none")
    assert told["track"] == "Bell (Tubular Bells): 1 note, C4-C4"
    assert told["note values"] == "0.5 quarters 100 %"


def test_what_is_as_good_as_impossible_is_not_told():
    response = analyze_pb2.AnalyzeResponse(
        style=analyze_pb2.StyleAnalysis(styles=[Label(name="ragtime", probability=0.998), Label(name="rock")])
    )
    assert dict(facts(response))["style"] == "ragtime 100 %"
