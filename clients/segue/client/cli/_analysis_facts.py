"""An analysis as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from segue.client._general_midi import PROGRAM_NAMES
from segue.client._parse import enum_to_text, key_to_text, pitch_to_name
from segue.client.cli._text import (
    SEEN,
    bars,
    emotion_text,
    labels_text,
    number_text,
    originality_text,
    percent,
)
from segue.v1.analyze_pb2 import AnalyzeResponse, KeyAnalysis, PitchAnalysis, RhythmAnalysis, Scale
from segue.v1.music_pb2 import Chord, Key, TimeSignatureChange

_MOST_CHORDS = 32
_NO_CHORD = "N"
_NOTE_VALUES = {2: "half", 4: "quarter", 8: "eighth", 16: "sixteenth"}
_ROUNDING = 1e-3
_CHURCH_MODES = (Scale.SCALE_DORIAN, Scale.SCALE_PHRYGIAN, Scale.SCALE_LYDIAN, Scale.SCALE_MIXOLYDIAN)


def facts(response: AnalyzeResponse) -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each part of the analysis that is there."""
    minutes, seconds = divmod(round(response.seconds), 60)
    yield (
        "length",
        f"{minutes}:{seconds:02d} min, {_counted(response.beats, 'quarter')}, {_counted(response.notes, 'note')}",
    )
    if response.HasField("loudness"):
        loudness = response.loudness
        yield "loudness", f"{loudness.integrated_lufs:z.1f} LUFS, peak {loudness.peak_dbfs:z.1f} dB of full scale"
    if response.HasField("tempo"):
        tempo = response.tempo
        count = len(tempo.changes) - 1  # the first is the tempo that the piece begins with
        changes = f", {_counted(count, 'change')}" if count > 0 else ""
        yield "tempo", f"{tempo.quarters_per_minute:.1f} quarters a minute{changes}{_sure(tempo.confidence)}"
    if response.HasField("meter"):
        yield "metre", _meter(response)
    if response.HasField("key"):
        yield from _key(response.key)
    if response.chords:
        yield "chords", _chords(response.chords)
    key = response.key.key if response.HasField("key") else None
    if response.HasField("melody") and not response.melody.notes:
        yield "melody", "none"
    elif response.HasField("melody"):
        melody = response.melody
        yield (
            "melody",
            f"{_counted(len(melody.notes), 'note')} on track {melody.track + 1}, "
            + _range(melody.lowest, melody.highest, key)
            + (
                f", mean interval {melody.mean_interval:.1f} semitones, {percent(melody.stepwise)} stepwise"
                if len(melody.notes) > 1
                else ""
            ),
        )
    if response.HasField("pitch"):
        yield from _pitch(response.pitch, key)
    if response.HasField("rhythm"):
        yield from _rhythm(response.rhythm)
    if response.HasField("structure"):
        yield "sections", " ".join(section.label for section in response.structure.sections) or "one"
        if response.structure.motifs:
            motif = response.structure.motifs[0]
            yield (
                "motif",
                f"{' '.join(pitch_to_name(n.pitch, key) for n in motif.notes)}, heard {len(motif.occurrences)} times",
            )
    if response.HasField("emotion"):
        yield "emotion", emotion_text(response.emotion.overall)
    if response.HasField("style"):
        yield "style", labels_text(response.style.styles) or "none"
        if response.style.tags:
            yield "tags", labels_text(response.style.tags, 6)
    if response.HasField("originality"):
        yield "originality", originality_text(response.originality)


def _counted(count: float, what: str) -> str:
    return f"{number_text(count)} {what}{'' if count == 1 else 's'}"


def _sure(confidence: float) -> str:
    return f" ({percent(confidence)} sure)" if confidence else ""


def _meter(response: AnalyzeResponse) -> str:
    meter = response.meter
    signatures = [f"{c.time_signature.numerator}/{c.time_signature.denominator}" for c in meter.time_signatures]
    text = " → ".join(signatures[:6]) + (" …" if len(signatures) > 6 else "")
    pickup = f", upbeat of {_note_values(meter.pickup, meter.time_signatures)}" if meter.pickup else ""
    return f"{text or 'none'}, {_counted(meter.bars, 'bar')}{pickup}{_sure(meter.confidence)}"


def _note_values(quarters: float, signatures: Sequence[TimeSignatureChange]) -> str:
    """Count a length in what the metre counts, or in the longest shorter note value that divides it."""
    counted = signatures[0].time_signature.denominator if signatures else 4
    for parts in (counted, *(shorter for shorter in _NOTE_VALUES if shorter > counted)):
        number = quarters * parts / 4
        if parts in _NOTE_VALUES and abs(number - round(number)) < _ROUNDING:
            return _counted(round(number), _NOTE_VALUES[parts])
    return _counted(quarters, "quarter")


def _key(key: KeyAnalysis) -> Iterator[tuple[str, str]]:
    likely = (c for c in key.candidates if c.key != key.key and c.probability >= SEEN)
    others = [f"{_in_mode(c.key, c.scale)} {percent(c.probability)}" for c in likely][:2]
    yield "key", f"{key_to_text(key.key)}{_sure(key.confidence)}{', else ' + ', '.join(others) if others else ''}"
    if key.scale in _CHURCH_MODES:
        yield "mode", f"{_mode(key.scale)} ({percent(key.scale_confidence)} sure in that key)"
    if len(key.regions) > 1:
        regions = [f"{key_to_text(r.key)} from beat {number_text(r.span.start)}" for r in key.regions]
        more = f", … {len(regions)} in all" if len(regions) > 8 else ""
        yield "modulations", ", ".join(regions[:8]) + more


def _in_mode(key: Key, scale: int) -> str:
    return f"{key_to_text(key)} ({_mode(scale)})" if scale in _CHURCH_MODES else key_to_text(key)


def _mode(scale: int) -> str:
    return enum_to_text(Scale, scale).capitalize()


def _chords(chords: Sequence[Chord]) -> str:
    shown = [
        f"{chord.symbol}({chord.roman_numeral})" if chord.roman_numeral else chord.symbol
        for chord in chords[:_MOST_CHORDS]
    ]
    more = f" … {len(chords)} in all" if len(chords) > _MOST_CHORDS else ""
    return "none" if all(chord.symbol == _NO_CHORD for chord in chords) else "  ".join(shown) + more


def _range(lowest: int, highest: int, key: Key | None) -> str:
    return f"{pitch_to_name(lowest, key)}-{pitch_to_name(highest, key)}"


def _pitch(pitch: PitchAnalysis, key: Key | None) -> Iterator[tuple[str, str]]:
    if pitch.pitch_class_shares:
        yield (
            "pitch",
            f"{_range(pitch.lowest, pitch.highest, key)}, mean {pitch_to_name(round(pitch.mean), key)}, "
            f"entropy {pitch.entropy:z.2f} bits, {percent(pitch.in_scale)} in the scale, "
            f"{pitch.polyphony:.1f} notes at once",
        )
    if pitch.voices:
        yield (
            "texture",
            f"{_counted(pitch.voices, 'voice')}, {percent(pitch.chordal)} of the notes begin together with others",
        )
    if pitch.pitch_class_shares:
        yield "pitch classes", f"C {bars(pitch.pitch_class_shares)} B"
    for track in pitch.tracks[:8]:
        kind = "drums" if track.drums else PROGRAM_NAMES[track.program % 128]
        reach = "" if track.drums or not track.notes else f", {_range(track.lowest, track.highest, key)}"
        reach += f", {percent(track.melody)} of them melody" if track.melody >= SEEN else ""
        yield "track", f"{track.name or 'unnamed'} ({kind}): {_counted(track.notes, 'note')}{reach}"
    if len(pitch.tracks) > 8:
        yield "track", f"… {len(pitch.tracks)} in all"


def _rhythm(rhythm: RhythmAnalysis) -> Iterator[tuple[str, str]]:
    yield (
        "rhythm",
        f"{rhythm.onsets_per_beat:.2f} onsets a beat, {percent(rhythm.syncopation)} syncopated, "
        f"swing {rhythm.swing:.2f}, {rhythm.grid_deviation:.3f} beats off the grid",
    )
    if rhythm.onset_profile:
        yield "onsets in a bar", f"|{bars(rhythm.onset_profile)}|"
    if rhythm.note_values:
        values = (f"{_counted(v.duration, 'quarter')} {percent(v.share)}" for v in rhythm.note_values[:5])
        yield "note values", ", ".join(values)
