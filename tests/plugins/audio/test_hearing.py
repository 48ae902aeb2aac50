"""Notes, beats and tags out of sound that was made for it."""

import numpy as np
import pytest
from segue.music import Piece, Tempo, TrackInfo, piece_to_score, score_to_piece
from segue.plugins.audio.beats import Beats, find_beats, find_periods
from segue.plugins.audio.corpus import Heard, Played, hear
from segue.plugins.audio.learning import learn_notes
from segue.plugins.audio.plugin import AudioAnalyzer
from segue.plugins.audio.render import RATE as RENDERED
from segue.plugins.audio.render import render
from segue.plugins.audio.scorer import Scorer
from segue.plugins.audio.tagger import RATE as MEL_RATE
from segue.plugins.audio.tagger import cut_patches, mel_filters, mel_power
from segue.plugins.audio.tempo_learning import learn_tempo, make_choice
from segue.plugins.audio.transcriber import (
    FRAMES_PER_SECOND,
    HOP,
    HeardNotes,
    Posteriors,
    Transcriber,
    cut_windows,
    find_candidates,
    find_notes,
    join,
)
from segue.plugins.audio.writing import describe_tempo, to_piece, to_tempos

FOLDER = AudioAnalyzer.models[0].shipped / "1"


def line(random, notes=16, tempo=100.0):
    pitch = random.choice([60, 62, 64, 65, 67, 69, 71, 72], notes)
    return Piece.of(np.arange(notes) / 2, 0.5, pitch, 90, tempos=(Tempo(0.0, tempo),))


@pytest.mark.parametrize("samples", [1, 22_050, 36_352, 36_353, 100_000])
def test_windows_cover_a_sound_and_join_frame_by_frame(samples):
    sound = np.arange(samples, dtype=np.float32)
    windows = cut_windows(sound)
    seen = np.stack([windows[:, : 172 * HOP : HOP], windows[:, : 172 * HOP : HOP]], axis=1)[:, :, 15:-15]
    frames = join(np.repeat(seen[..., None], 88, axis=3), samples).active[:, 0]
    assert frames.tolist() == sound[::HOP].tolist()


def test_notes_begin_where_the_onset_peaks_and_end_where_nothing_sounds():
    active, onset = np.zeros((2, 300, 88), np.float32)
    active[50:90, 40] = active[94:120, 40] = active[200:260, 40] = 0.9  # four silent frames are no end
    onset[[50, 200, 230], 40] = 0.8  # struck again at 230
    onset[100, 10] = 0.9  # an onset of nothing
    found = find_candidates(Posteriors(active, onset)).tolist()
    assert found == [[50, 120, 40], [200, 230, 40], [230, 260, 40]]


def test_what_echoes_is_learnt_to_be_no_note():
    """Every note of these sounds an octave above too, weaker: what was played is told from its echo after learning."""
    random = np.random.default_rng(1)

    def example(number):
        piece = line(random, 12)
        active, onset = np.zeros((2, 400, 88), np.float32)
        starts = np.rint(piece.beats_to_seconds(piece.start) * FRAMES_PER_SECOND).astype(int)
        for start, key in zip(starts, piece.pitch - 21, strict=True):
            for step, level in ((0, 0.9), (12, 0.6)):
                onset[start, key + step] = level
                active[start : start + 20, key + step] = level
        return Played(f"x/{number}", piece, 0), Heard(4.5, Posteriors(active, onset))

    judge = learn_notes([example(number) for number in range(4)], 0)
    played, heard = example(9)
    notes = find_notes(heard.posteriors, judge)
    assert notes.pitch.tolist() == played.piece.pitch.tolist()
    assert notes.probability.mean() > 0.9


def clicks(tempo, seconds=30.0, first=0.37):
    """Strengths that rise on each beat, half as much on each eighth note."""
    strength = np.zeros((round(seconds * 62.5), 5), np.float32)
    for number, time in enumerate(np.arange(first, seconds - 0.1, 30 / tempo)):
        strength[round(time * 62.5)] = 1.0 if number % 2 == 0 else 0.4
    return np.apply_along_axis(lambda column: np.convolve(column, [0.3, 1.0, 0.3], "same"), 0, strength).astype("f4")


def band(tempo, beats=96):
    """A bass on the beats, a new chord on each fourth, a tune in eighths."""
    beat, half = np.arange(beats), np.arange(2 * beats)
    bass = 36 + np.array([0, 5, 7, 9])[beat // 4 % 4]
    tune = 72 + np.array([0, 2, 4, 5, 7, 5, 4, 2])[half % 8] + np.array([0, 5, 7, 9])[half // 8 % 4]
    start, pitch = np.r_[beat, half / 2], np.r_[bass, tune]
    return Piece.of(start, 0.5, pitch, tempos=(Tempo(0.0, float(tempo)),))


def struck(tempo, first=0.37, fewest=None):
    """What is heard of a band."""
    piece = band(tempo)
    start = piece.beats_to_seconds(piece.start)[:fewest] + first
    ones = np.ones(len(start))
    return HeardNotes(start, start + 0.2, piece.pitch[:fewest], 0.5 * ones, ones)


@pytest.fixture(scope="module")
def chooser():
    """Learns that the bass is the beat, for tempos of every size."""
    rng = np.random.default_rng(0)
    return learn_tempo([make_choice(Played("x/1", band(tempo), 0), rng) for tempo in range(60, 170, 5)], 0)


@pytest.mark.parametrize("tempo", [64, 90, 121, 150])
def test_beats_fall_on_the_clicks(tempo, chooser):
    beats = find_beats(clicks(tempo), struck(tempo), chooser)
    assert 60 / np.median(np.diff(beats.seconds)) == pytest.approx(tempo, rel=0.01)
    phase = (beats.seconds - 0.37) * tempo / 60
    assert np.abs(phase - np.rint(phase)).max() < 0.1
    assert 0.5 < beats.confidence <= 1


def test_a_tempo_that_drifts_is_followed(chooser):
    times = 0.5 + np.cumsum(np.linspace(0.56, 0.64, 60))
    strength = np.zeros((2400, 5), np.float32)
    strength[np.rint(times * 62.5).astype(int)] = 1.0
    beats = find_beats(strength, struck(100), chooser)
    gaps = np.diff(beats.seconds)
    assert gaps[-8:].mean() / gaps[:8].mean() == pytest.approx(0.63 / 0.57, rel=0.04)


def test_with_few_notes_the_most_regular_period_is_counted_and_its_level_is_unsure(chooser):
    found = find_periods(clicks(90))
    beats = find_beats(clicks(90), struck(90, fewest=19), chooser)
    assert np.median(np.diff(beats.seconds)) == pytest.approx(found.regular, rel=0.02)
    assert beats.confidence == 1 / len(found.seconds)


@pytest.mark.parametrize("strength", [np.zeros((500, 5)), np.zeros((3, 5)), np.ones((500, 5))])
def test_nothing_regular_has_no_beat(strength, chooser):
    assert find_periods(strength.astype(np.float32)) is None
    assert find_beats(strength.astype(np.float32), struck(90), chooser) is None


@pytest.mark.parametrize("first", [0.0, 0.03, 0.2, 0.55, 0.8, 3.1])
def test_beats_of_the_transcription_fall_where_they_were_heard(first):
    heard = first + np.r_[0, np.cumsum(np.linspace(0.5, 0.7, 40))]
    beats = Beats(heard, 0.9)
    tempos = to_tempos(beats)
    assert all(5 <= tempo.quarters_per_minute <= 1000 for tempo in tempos)
    notes = HeardNotes(heard[:-1], heard[1:], np.full(40, 60), np.full(40, 0.5), np.ones(40))
    piece = score_to_piece(piece_to_score(to_piece(notes, tempos)))
    early = int(heard[0] < 0.07)  # a beat that early is taken for the beginning
    assert piece.start[early:] == pytest.approx(np.rint(piece.start[early:]), abs=1e-6)
    assert piece.beats_to_seconds(piece.start) == pytest.approx(heard[:-1], abs=1e-6)
    assert describe_tempo(beats, tempos).quarters_per_minute == pytest.approx(60 / 0.6, rel=0.01)


def test_mel_filters_have_the_area_and_the_places_of_slaney():
    filters = mel_filters()
    assert filters.shape == (96, 257)
    wide = filters[60:]
    assert (wide.sum(axis=1) * MEL_RATE / 512) == pytest.approx(np.ones(len(wide)), abs=0.05)
    tone = np.sin(2 * np.pi * 1000 * np.arange(MEL_RATE) / MEL_RATE).astype(np.float32)
    mel = mel_power(tone)
    assert mel.shape == (63, 96)
    # 1 kHz is 15 mels, 8 kHz 45.25: the middle of band 31 (of 97 steps) lies nearest.
    assert mel[10:-10].mean(axis=0).argmax() == round(15 / (15 + np.log(8) / (np.log(6.4) / 27)) * 97) - 1


@pytest.mark.parametrize(("frames", "patches"), [(1, 1), (187, 1), (373, 1), (374, 2), (40_000, 60)])
def test_patches_are_spread_over_the_sound(frames, patches):
    mel = np.repeat(np.arange(frames, dtype=np.float32)[:, None] + 1, 96, axis=1)
    cut = cut_patches(mel)
    assert cut.shape == (patches, 187, 96)
    assert cut[0, 0, 0] == pytest.approx(np.log10(10_001), rel=1e-5)
    if patches > 1:
        assert cut[-1, -1, 0] == pytest.approx(np.log10(10_000 * frames + 1), rel=1e-5)


def test_a_scorer_is_saved_and_read_again():
    random = np.random.default_rng(0)
    shapes = ((4,), (4,), (4,), (4, 3), (3,), (3,), (1,))
    scorer = Scorer(*(random.normal(size=shape).astype(np.float32) for shape in shapes))
    again = Scorer.of(scorer.to_arrays("x"), "x")
    rows = random.normal(size=(5, 4))
    assert (again(rows) == scorer(rows)).all()


def test_a_piece_is_played_heard_and_remembered(tmp_path):
    piece = line(np.random.default_rng(3), 8)
    drums = Piece.of(
        np.r_[piece.start, 0, 1],
        0.5,
        np.r_[piece.pitch, 36, 38],
        90,
        np.r_[np.zeros(8, int), 1, 1],
        tracks=(TrackInfo(), TrackInfo(drums=True)),
        tempos=piece.tempos,
    )
    sound = render(drums, 1.5)
    assert sound.shape[1] == 2
    assert len(sound) / RENDERED == pytest.approx(3.5, abs=0.1)
    assert 0.8 < np.abs(sound).max() < 0.9
    played = Played("x/piece", drums, 0)
    transcriber = Transcriber(FOLDER / "nmp.onnx")
    heard = hear(played, 1.5, transcriber, tmp_path)
    again = hear(played, 1.5, None, tmp_path)
    assert (heard.posteriors.active == again.posteriors.active).all()
    assert len(heard.posteriors.active) == pytest.approx(3.5 * FRAMES_PER_SECOND, abs=10)
