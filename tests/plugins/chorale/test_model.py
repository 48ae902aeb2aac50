import numpy as np
import pytest
from segue.music import Meter, Piece, Tempo, TrackInfo, midi_to_piece, piece_to_midi
from segue.music.originality import OriginalityIndex
from segue.plugin_api import InvalidField, InvalidMusic
from segue.plugins.chorale.commission import Commission
from segue.plugins.chorale.composer import Composer
from segue.plugins.chorale.frames import RANGES, VOICES
from segue.plugins.chorale.voices import to_voices
from segue.v1 import generate_pb2, music_pb2

from ..in_process import run_to_the_end
from .conftest import compose_piece, item

G_MAJOR = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
D_MINOR = music_pb2.Key(tonic=2, mode=music_pb2.MODE_MINOR)
# The first two lines of "Old Hundredth" (L. Bourgeois, 1551).
OLD_HUNDREDTH = [67, 67, 66, 64, 62, 67, 69, 71, 71, 71, 71, 69, 67, 72, 71, 69]


def melody(pitches=OLD_HUNDREDTH, start=3.0, **about) -> Piece:
    """A hymn tune in quarter notes, its upbeat on the fourth beat."""
    about = {"tempos": (Tempo(0.0, 66.0),), "meters": (Meter(0.0, 4, 4),)} | about
    return Piece.of(start + np.arange(len(pitches)), 1.0, pitches, 90, **about)


def given(piece: Piece, role: int, **fields) -> list[generate_pb2.GivenMusic]:
    music = music_pb2.Music(midi=piece_to_midi(piece))
    return [generate_pb2.GivenMusic(role=role, music=music, **fields)]


def read(piece: generate_pb2.Piece) -> Piece:
    return midi_to_piece(piece.music.midi)[0]


def frames(piece: Piece) -> np.ndarray:
    return to_voices(piece, range(4))


@pytest.mark.parametrize(("key", "minor"), [(G_MAJOR, False), (D_MINOR, True)])
@pytest.mark.parametrize("numerator", [3, 4])
def test_wishes_are_obeyed(model, key, minor, numerator):
    signature = music_pb2.TimeSignature(numerator=numerator, denominator=4)
    answer = compose_piece(model, item(key=key, tempo=90, bars=6, time_signature=signature))
    piece = read(answer)
    assert (answer.bars, answer.tempo, answer.time_signature.numerator) == (6, 90, numerator)
    assert answer.key == key
    assert piece.beats == 6 * numerator
    assert piece.tempos == ((0.0, pytest.approx(90)),)
    assert piece.meters == ((0.0, numerator, 4),)
    assert [(k.tonic, k.minor) for k in piece.keys] == [(key.tonic, minor)]
    assert [track.name for track in piece.tracks] == list(VOICES)
    assert -1.5 < answer.log_likelihood < 0
    assert answer.chords[-1].root == key.tonic


@pytest.mark.parametrize("seed", range(4))
def test_voices_stay_in_range_and_end_on_the_tonic(model, seed):
    lines = frames(read(compose_piece(model, item(seed, key=D_MINOR, bars=4))))
    assert lines.shape == (64, 4)
    assert (lines[:, 0] >= lines[:, 3]).all()  # neighbours may cross
    for voice, (low, high) in enumerate(RANGES):
        assert low <= lines[:, voice].min() <= lines[:, voice].max() <= high
    assert (lines[-8:] == lines[-1]).all()
    assert lines[-1, 3] % 12 == 2
    assert set((lines[-1] - 2) % 12) <= {0, 3, 4, 7}


def test_bars_arrive_in_order_and_together_hold_the_piece(model):
    messages = run_to_the_end(model, [item(bars=5)])[0]
    bars = [message.bar for message in messages[:-1]]
    assert [(bar.number, bar.total) for bar in bars] == [(n, 5) for n in range(1, 6)]
    sent = sorted(
        (n.start, n.duration, n.pitch, v) for bar in bars for v, t in enumerate(bar.score.tracks) for n in t.notes
    )
    piece = read(messages[-1].complete.pieces[0])
    columns = (piece.start.tolist(), piece.duration.tolist(), piece.pitch.tolist(), piece.track.tolist())
    assert sent == sorted(zip(*columns, strict=True))
    for bar in bars:
        ends = [note.start + note.duration for track in bar.score.tracks for note in track.notes]
        assert all(4 * (bar.number - 1) < end <= 4 * bar.number for end in ends)


def test_same_seed_same_bytes_alone_and_in_a_full_batch(model):
    requests = [item(seed, bars=1 + seed % 4) for seed in range(18)]
    requests[5] = item(5, given=given(melody(), generate_pb2.GIVEN_ROLE_MELODY))
    together = [messages[-1].SerializeToString(deterministic=True) for messages in run_to_the_end(model, requests)]
    for index in (0, 5, 17):
        assert run_to_the_end(model, [requests[index]])[0][-1].SerializeToString(deterministic=True) == together[index]
    assert len({*together}) == len(together)


def test_a_step_that_fails_leaves_the_compositions_as_they_were(model, monkeypatch):
    sessions = [model.start(item(seed, bars=2)) for seed in (1, 2)]
    model.step(sessions)
    before = [session.now for session in sessions]
    with monkeypatch.context() as patch:
        patch.setattr(Composer, "_write_frame", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.step(sessions)
    assert all(session.now is was for session, was in zip(sessions, before, strict=True))
    found = []
    while not found:
        found = [message for message in model.step(sessions[:1])[0].responses if message.HasField("complete")]
    assert found == run_to_the_end(model, [item(1, bars=2)])[0][-1:]


def test_a_given_melody_is_kept_to_the_note(model):
    tune = melody()
    answer = compose_piece(model, item(given=given(tune, generate_pb2.GIVEN_ROLE_MELODY)))
    piece = read(answer)
    soprano = piece.select(piece.track == 0)
    for column in ("start", "duration", "pitch", "velocity"):
        assert (getattr(soprano, column) == getattr(tune, column)).all()
    assert answer.tempo == pytest.approx(66)
    assert answer.bars == 5
    assert piece.beats == tune.beats
    assert piece.start.min() == 3.0
    assert (answer.key.tonic, answer.key.mode) == (7, music_pb2.MODE_MAJOR)
    lines = frames(piece)[12:]
    assert (lines[:, 1:] >= 0).all()
    assert (np.diff(lines, axis=1) <= 0).all()


def test_an_opening_is_kept_and_goes_on(model):
    first = read(compose_piece(model, item(3, bars=2, key=G_MAJOR)))
    answer = compose_piece(model, item(4, bars=4, given=given(first, generate_pb2.GIVEN_ROLE_OPENING)))
    piece = read(answer)
    assert piece.beats == 16
    assert (frames(piece)[:32] == frames(first)).all()
    assert answer.key == G_MAJOR
    one_voice = first.select(first.track == 0)
    alone = frames(read(compose_piece(model, item(4, bars=4, given=given(one_voice, generate_pb2.GIVEN_ROLE_OPENING)))))
    assert (alone[:32, 0] == frames(first)[:, 0]).all()
    assert (alone[:32, 1:] != frames(first)[:, 1:]).any()


def test_a_stretch_of_one_voice_is_composed_anew(model):
    first = read(compose_piece(model, item(3, bars=4)))
    span = music_pb2.Span(start=4, end=12)
    wish = given(first, generate_pb2.GIVEN_ROLE_INFILL, track=2, span=span)
    different = 0
    for seed in range(3):
        lines, before = frames(read(compose_piece(model, item(seed, given=wish)))), frames(first)
        outside = np.ones_like(before, bool)
        outside[16:48, 2] = False
        assert (lines[outside] == before[outside]).all()
        different += (lines != before).any()
    assert different


@pytest.fixture
def knows_seed_1(model, monkeypatch) -> Piece:
    """The model has learnt the piece that seed 1 gives."""
    piece = read(compose_piece(model, item(1, bars=4)))
    monkeypatch.setattr(model, "_known", OriginalityIndex.build([piece], ["the piece of seed 1"]))
    return piece


def test_originality_is_reported_against_the_chorales_it_knows(model, knows_seed_1):
    copied = compose_piece(model, item(1, bars=4)).originality
    assert copied.copied_fraction > 0.9
    assert copied.sources[0].title == "the piece of seed 1"
    other = compose_piece(model, item(2, bars=4)).originality
    assert other.copied_fraction < 0.3


def test_shipped_chorales_know_those_of_bach(model):
    assert len(model._known.titles) == 382
    assert 0 <= compose_piece(model, item(3, bars=4)).originality.copied_fraction < 0.5


def test_what_copies_more_than_allowed_is_composed_again(model, knows_seed_1, monkeypatch):
    wish = item(1, bars=4, finish=generate_pb2.Finish(copied_fraction_limit=0.5))
    messages = run_to_the_end(model, [wish])[0]
    assert [message.HasField("bar") for message in messages] == [True] * 4 + [False]
    answer = messages[-1].complete
    assert answer.pieces[0].originality.copied_fraction <= 0.5
    assert read(answer.pieces[0]).pitch.tolist() != knows_seed_1.pitch.tolist()
    assert not answer.notices
    monkeypatch.setattr(Commission, "again", lambda self, attempt: self)
    answer = run_to_the_end(model, [wish])[0][-1].complete
    assert "least copied of 4" in answer.notices[0].text
    assert answer.notices[0].subject == "finish.copied_fraction_limit"


FOUR = Piece.of([0, 0, 0, 0], 4, [72, 67, 64, 48], 80, [0, 1, 2, 3], tracks=tuple(TrackInfo(v) for v in VOICES))
OPENING, MELODY, INFILL = (
    generate_pb2.GIVEN_ROLE_OPENING,
    generate_pb2.GIVEN_ROLE_MELODY,
    generate_pb2.GIVEN_ROLE_INFILL,
)
REFUSED = {
    "style": {"style": "jazz"},
    "emotion": {"emotion": music_pb2.Emotion(quadrant=music_pb2.EMOTION_QUADRANT_SAD)},
    "lyrics": {"lyrics": generate_pb2.LyricsWish(text="la")},
    "chords": {"chords": [music_pb2.Chord(symbol="C:maj")]},
    "form": {"form": ["A", "B"]},
    "image": {"image": b"x"},
    "attributes": {"attributes": music_pb2.Attributes(polyphony=1)},
    "finish.fit_range": {"finish": generate_pb2.Finish(fit_range=True)},
    "instruments": {"instruments": [1, 2]},
    "time_signature": {"time_signature": music_pb2.TimeSignature(numerator=6, denominator=8)},
    "bars": {"bars": 65},
    "key.mode": {"key": music_pb2.Key(tonic=3)},
    "given": {"given": given(melody(), MELODY) * 2},
    "given[0].role": {"given": given(melody(), generate_pb2.GIVEN_ROLE_MOTIF)},
    "given[0].span": {"given": given(FOUR, INFILL)},
    "given[0].track": {"given": given(FOUR, MELODY, track=9)},
    "given[0].music": {"given": given(FOUR, MELODY)},
    "given[0].music.midi": {"given": [generate_pb2.GivenMusic(role=MELODY, music=music_pb2.Music(midi=b"MThd" * 9))]},
}


@pytest.mark.parametrize("field", REFUSED)
def test_a_wish_that_is_not_obeyed_is_refused_by_name(model, field):
    with pytest.raises((InvalidField, InvalidMusic)) as error:
        model.start(item(**REFUSED[field]))
    assert error.value.violations[0][0] == field


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"given": given(melody(start=0.0, meters=(Meter(0.0, 6, 8),)), MELODY)}, "6/8"),
        ({"given": given(melody([40, 41]), MELODY)}, "within"),
        ({"given": given(melody(np.arange(60, 80).repeat(16)), MELODY)}, "at most 64"),
        ({"given": given(melody(), MELODY), "bars": 9}, "leave it out"),
        ({"given": given(FOUR, OPENING), "bars": 1}, "more than the opening"),
        ({"given": given(Piece.of([0, 0.5], 2, [60, 64]), MELODY)}, "one voice"),
        ({"given": given(FOUR, INFILL, span=music_pb2.Span(start=9, end=12))}, "within"),
        ({"theme": "a storm", "style": "jazz"}, "style"),
        (
            {"given": given(melody(), MELODY), "time_signature": music_pb2.TimeSignature(numerator=3, denominator=4)},
            "leave it out",
        ),
    ],
)
def test_what_is_wrong_is_said(model, fields, text):
    with pytest.raises((InvalidField, InvalidMusic), match=text):
        model.start(item(**fields))


def test_a_theme_in_words_sets_what_the_request_leaves_open(model):
    wish = {"theme": "a slow, mournful hymn for organ, with drums of snow", "bars": 2}
    complete = run_to_the_end(model, [item(**wish)])[0][-1].complete
    piece = complete.pieces[0]
    assert (piece.tempo, piece.key.mode) == (60, music_pb2.MODE_MINOR)
    assert any("emotion sad" in text for text in complete.understood)
    assert any(notice.subject == "theme" for notice in complete.notices)
    major = music_pb2.Key(tonic=0, mode=music_pb2.MODE_MAJOR)
    stated = compose_piece(model, item(**wish, tempo=100, key=major))
    assert (stated.tempo, stated.key) == (100, major)
    organ = read(compose_piece(model, item(theme="一首欢快的管风琴众赞歌", bars=1)))
    assert [track.program for track in organ.tracks] == [19] * 4
    assert not organ.keys[0].minor


@pytest.mark.parametrize("seed", range(3))
def test_the_mood_of_a_theme_chooses_the_mode(model, seed):
    for theme, mode in [("happy", music_pb2.MODE_MAJOR), ("grief", music_pb2.MODE_MINOR)]:
        assert compose_piece(model, item(seed, theme=theme, bars=1)).key.mode == mode


def test_voices_take_the_instruments_that_are_asked_for(model):
    programs = [
        track.program for track in read(compose_piece(model, item(bars=1, instruments=[40, 41, 42, 43]))).tracks
    ]
    assert programs == [40, 41, 42, 43]
    programs = [track.program for track in read(compose_piece(model, item(bars=1, instruments=[19]))).tracks]
    assert programs == [19] * 4


def test_options_change_the_piece(model):
    usual = compose_piece(model, item(bars=4, options={"temperature": 0.3}))
    daring = compose_piece(model, item(bars=4, options={"temperature": 1.5, "top_p": 1.0}))
    assert usual.log_likelihood > daring.log_likelihood


def test_the_bass_moves_under_a_repeated_melody_note(model):
    tune = melody([67, 67, 67, 67, 69, 69, 67, 67], start=0.0)
    for seed in range(3):
        lines = frames(read(compose_piece(model, item(seed, given=given(tune, generate_pb2.GIVEN_ROLE_MELODY)))))
        for frame in (4, 8, 12, 20):
            assert lines[frame, 3] != lines[frame - 1, 3]
