import numpy as np
import pytest
from scipy.stats import spearmanr
from segue.music import Meter, Piece, TrackInfo
from segue.plugin_api import InvalidField, InvalidMusic
from segue.plugins.vae.attributes import NAMES, measure
from segue.plugins.vae.tokens import melody_key, to_events
from segue.v1 import generate_pb2, music_pb2

from .conftest import D_MINOR, G_MAJOR, HAPPY, SAD, ask, item, joy, motif, picture, read


def events(piece: Piece, bars: int) -> np.ndarray:
    begin, end = (np.rint(4 * beats).astype(int) for beats in (piece.start, piece.end))
    return to_events(begin, end, piece.pitch, 16 * bars)


@pytest.mark.parametrize(("key", "minor"), [(G_MAJOR, False), (D_MINOR, True)])
@pytest.mark.parametrize("bars", [1, 2, 7, 16, 20])
def test_wishes_are_obeyed(model, key, minor, bars):
    answer = ask(model, item(key=key, tempo=90, bars=bars, instruments=[40])).pieces[0]
    piece = read(answer)
    assert (answer.bars, answer.tempo, answer.key) == (bars, 90, key)
    assert piece.beats <= 4 * bars
    assert len(piece) > bars / 2
    assert piece.tempos == ((0.0, pytest.approx(90)),)
    assert [(k.tonic, k.minor) for k in piece.keys] == [(key.tonic, minor)]
    assert piece.tracks[0].program == 40
    assert (piece.start[1:] >= piece.end[:-1] - 1e-6).all()
    scale = {(key.tonic + step) % 12 for step in ((0, 2, 3, 5, 7, 8, 10, 11) if minor else (0, 2, 4, 5, 7, 9, 11))}
    assert set((piece.pitch % 12).tolist()) <= scale
    if bars >= 4:
        assert piece.pitch[-1] % 12 == key.tonic


def test_every_correction_is_reported(model):
    asked = item(3, {"temperature": 1.5}, key=G_MAJOR, bars=16, count=8)
    left = generate_pb2.Finish(correct_pitch=False)
    raw = ask(model, item(3, {"temperature": 1.5}, key=G_MAJOR, bars=16, count=8, finish=left)).pieces
    for corrected, plain in zip(ask(model, asked).pieces, raw, strict=True):
        before, after = read(plain), read(corrected)
        assert not plain.edits
        changed = np.flatnonzero(before.pitch != after.pitch)
        assert [edit.before.pitch for edit in corrected.edits] == before.pitch[changed].tolist()
        assert [edit.after.pitch for edit in corrected.edits] == after.pitch[changed].tolist()
        assert [edit.place.span.start for edit in corrected.edits] == before.start[changed].tolist()
        assert [edit.id for edit in corrected.edits] == list(range(1, len(changed) + 1))


def test_same_seed_same_bytes_alone_and_in_a_full_batch(model):
    asked = [item(seed, bars=2 + seed % 15, count=1 + seed % 3) for seed in range(11)]
    asked += [item(5, given=[motif(joy())]), item(6, given=[motif(joy()), motif(joy(5))], count=3)]
    together = model.answer(asked)
    for one, answer in zip(asked, together, strict=True):
        assert ask(model, one) == answer
    assert together[0].pieces[0].music.midi != together[1].pieces[0].music.midi


def test_strength_says_how_much_of_a_melody_is_left(model):
    real = events(joy(), 4)
    kept = []
    for strength in (0.0, 0.5, 1.0):
        finish = generate_pb2.Finish(correct_pitch=False)
        options = {"strength": strength, "temperature": 0.0}
        answer = ask(model, item(2, options, given=[motif(joy())], count=6, finish=finish))
        kept.append(np.mean([(events(read(piece), 4) == real).mean() for piece in answer.pieces]))
    assert kept[0] > kept[1] > kept[2]
    assert kept[0] > 0.8


def test_steps_lead_from_one_melody_to_the_other(model):
    other = Piece.of(np.arange(32) / 2, 0.5, [72, 71, 69, 67, 65, 64, 62, 60] * 4, meters=(Meter(0.0, 4, 4),))
    answer = ask(model, item(3, {"temperature": 0.0}, given=[motif(joy()), motif(other)], count=5))
    lines = [events(read(piece), 4) for piece in answer.pieces]
    far = [float((line != lines[0]).mean()) for line in lines]
    assert far == sorted(far)
    assert far[1] < far[-1]
    assert (lines[-1] == events(other, 4)).mean() > 0.7
    assert answer.understood[0].endswith("from the first given melody to the second")


def test_the_key_of_the_given_melody_is_kept(model):
    answer = ask(model, item(4, {"strength": 0.0, "temperature": 0.0}, given=[motif(joy(3))])).pieces[0]
    assert answer.key == music_pb2.Key(tonic=3, mode=music_pb2.MODE_MAJOR)
    assert melody_key(read(answer)) == 3


@pytest.mark.parametrize("name", NAMES)
def test_sliders_slide(model, name):
    places = np.linspace(0, 1, 24)
    field = {"density": "rhythmic_intensity", "register": "register"}.get(name)
    found = []
    for number, place in enumerate(places):
        wish = {"attributes": music_pb2.Attributes(**{field: place})} if field else {}
        options = {} if field else {name: place}
        piece = read(ask(model, item(number, options, bars=8, **wish)).pieces[0])
        found.append(measure(events(piece, 8).reshape(-1, 32)).mean(0)[NAMES.index(name)])
    assert spearmanr(places, found).statistic > 0.5


def test_originality_is_reported_and_a_copy_is_composed_again(model):
    copied = ask(model, item(2, bars=16, count=16)).pieces  # one of which copies a little
    most = max(copied, key=lambda piece: piece.originality.copied_fraction)
    limit = most.originality.copied_fraction / 2
    assert 0 < limit <= 0.5
    assert most.originality.sources
    again = ask(model, item(2, bars=16, count=16, finish=generate_pb2.Finish(copied_fraction_limit=limit)))
    for one, other in zip(copied, again.pieces, strict=True):
        assert (one == other) == (one.originality.copied_fraction <= limit)
    over = [number for number, piece in enumerate(again.pieces) if piece.originality.copied_fraction > limit]
    assert [notice.subject for notice in again.notices] == [f"pieces[{number}]" for number in over]


@pytest.mark.parametrize(
    ("theme", "tempo", "tonic", "mode", "program"),
    [
        ("a fast tune for violin in E minor at 150 bpm", 150, 4, music_pb2.MODE_MINOR, 40),
        ("悲伤的长笛, d小调", None, 2, music_pb2.MODE_MINOR, 73),
        ("cheerful", None, None, music_pb2.MODE_MAJOR, 73),
    ],
)
def test_a_theme_is_understood_and_obeyed(model, theme, tempo, tonic, mode, program):
    response = ask(model, item(5, theme=theme))
    piece = response.pieces[0]
    assert any(text.startswith("theme:") for text in response.understood)
    assert piece.key.mode == mode
    assert read(piece).tracks[0].program == program
    if tempo is not None:
        assert piece.tempo == tempo
    if tonic is not None:
        assert piece.key.tonic == tonic


def test_a_mood_sets_mode_tempo_and_sliders(model):
    sad, happy = (ask(model, item(7, bars=16, count=6, emotion=mood)) for mood in (SAD, HAPPY))
    assert {piece.key.mode for piece in sad.pieces} == {music_pb2.MODE_MINOR}
    assert {piece.key.mode for piece in happy.pieces} == {music_pb2.MODE_MAJOR}
    assert sad.pieces[0].tempo < happy.pieces[0].tempo
    assert np.mean([len(read(piece)) for piece in sad.pieces]) < np.mean([len(read(p)) for p in happy.pieces])
    assert [text.split()[0] for text in happy.understood[1:]] == ["density", "register"]


def test_what_is_stated_overrules_the_mood(model):
    stated = music_pb2.Attributes(rhythmic_intensity=0.9)
    response = ask(model, item(7, theme="slow sad drums and flute", key=G_MAJOR, tempo=140, attributes=stated))
    assert (response.pieces[0].key, response.pieces[0].tempo) == (G_MAJOR, 140)
    assert "density at 0.9 of 1" in response.understood
    assert "one instrument, and no drums" in " ".join(notice.text for notice in response.notices)


def test_a_picture_sets_the_mood(model):
    bright, dark = (ask(model, item(7, image=picture(colour))) for colour in ("yellow", "black"))
    assert any(text.startswith("image:") for text in bright.understood)
    assert (bright.pieces[0].key.mode, dark.pieces[0].key.mode) == (music_pb2.MODE_MAJOR, music_pb2.MODE_MINOR)


def test_beside_a_given_melody_the_mood_of_a_theme_is_left_out_and_said(model):
    response = ask(model, item(4, {"strength": 0.0}, given=[motif(joy(3))], theme="sad, at 72 bpm"))
    assert response.pieces[0].key == music_pb2.Key(tonic=3, mode=music_pb2.MODE_MAJOR)
    assert response.pieces[0].tempo == 72
    assert "emotion" in " ".join(notice.text for notice in response.notices)


def test_dynamics_are_shaped_to_phrases_where_asked(model):
    plain, shaped = (
        ask(model, item(3, key=G_MAJOR, finish=generate_pb2.Finish(shape_dynamics=shape))).pieces[0]
        for shape in (False, True)
    )
    before, after = read(plain), read(shaped)
    assert before.pitch.tolist() == after.pitch.tolist()
    changed = [edit for edit in shaped.edits if edit.kind == music_pb2.EDIT_KIND_VELOCITY]
    assert len(changed) == np.sum(before.velocity != after.velocity) > 0
    assert [edit.id for edit in shaped.edits] == list(range(1, len(shaped.edits) + 1))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"given": [motif(joy())], "emotion": SAD}, "emotion"),
        ({"given": [motif(joy())], "image": b"no picture"}, "image"),
        ({"image": b"no picture"}, "image"),
        ({"attributes": music_pb2.Attributes(emotion=SAD)}, "attributes.emotion"),
        ({"style": "jazz"}, "style"),
        ({"bars": 65}, "bars"),
        ({"instruments": [0, 1]}, "instruments"),
        ({"instruments": [128]}, "instruments"),
        ({"time_signature": music_pb2.TimeSignature(numerator=3, denominator=4)}, "time_signature"),
        ({"attributes": music_pb2.Attributes(polyphony=0.5)}, "attributes.polyphony"),
        ({"finish": generate_pb2.Finish(fit_range=True)}, "finish.fit_range"),
        ({"key": music_pb2.Key(tonic=3)}, "key.mode"),
        ({"lyrics": generate_pb2.LyricsWish()}, "lyrics"),
        ({"given": [motif(joy(), generate_pb2.GIVEN_ROLE_OPENING)]}, "given[0].role"),
        ({"given": [motif(joy(), span=music_pb2.Span(end=4))]}, "given[0].span"),
        ({"given": [motif(joy(), track=3)]}, "given[0].track"),
        ({"given": [motif(joy())] * 3}, "given"),
        ({"given": [motif(joy())] * 2, "count": 1}, "count"),
        ({"given": [motif(joy())], "bars": 7}, "bars"),
    ],
)
def test_what_is_not_obeyed_is_refused_by_name(model, fields, named):
    with pytest.raises(InvalidField) as error:
        ask(model, item(**fields))
    assert named in [field for field, _ in error.value.violations]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([joy(meters=(Meter(0.0, 3, 4),))], "3/4"),
        ([joy(), Piece.of([0.0], 1.0, [60], meters=(Meter(0.0, 4, 4),))], "bars"),
        ([Piece.of([0.0, 0.0], 1.0, [60, 64])], "several notes"),
        ([Piece.of([0.0], 1.0, [12])], "21-108"),
        ([Piece.of([0.0, 1.0], 1.0, [60, 62], track=[0, 1], tracks=(TrackInfo(), TrackInfo()))], "2 pitched tracks"),
        ([Piece.of([260.0], 1.0, [60])], "66 bars"),
    ],
)
def test_music_it_cannot_start_from_is_refused(model, given, says):
    with pytest.raises(InvalidMusic, match=says):
        ask(model, item(given=[motif(piece) for piece in given]))
