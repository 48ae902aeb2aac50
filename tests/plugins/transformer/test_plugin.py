import io

import pytest
from PIL import Image
from segue.music import midi_to_piece
from segue.plugin_api import Call, InvalidField
from segue.plugin_api.python_model import Item
from segue.plugins.transformer import plugin
from segue.plugins.transformer.ensemble import RANGES
from segue.plugins.transformer.plugin import Transformer, TransformerOptions
from segue.v1 import generate_pb2, music_pb2

from ..in_process import OneModel, run_to_the_end
from .conftest import compose_response, item


@pytest.fixture
def call(model) -> Call:
    return Call(
        options=TransformerOptions(),
        seed=7,
        models=OneModel("transformer", model, TransformerOptions()),
        plays=None,
    )


async def test_several_pieces_differ_and_the_first_is_the_single_one(call):
    one = await Transformer().generate(generate_pb2.GenerateRequest(bars=2), call)
    three = await Transformer().generate(generate_pb2.GenerateRequest(bars=2, count=3), call)
    assert one.pieces[0].music.midi == three.pieces[0].music.midi
    assert len({piece.music.midi for piece in three.pieces}) == 3


async def test_the_stream_is_the_bars_and_then_the_piece(call):
    messages = [m async for m in Transformer().generate_stream(generate_pb2.GenerateRequest(bars=3), call)]
    assert [m.bar.number for m in messages[:-1]] == [1, 2, 3]
    assert {m.bar.total for m in messages[:-1]} == {3}
    piece = midi_to_piece(messages[-1].complete.pieces[0].music.midi)[0]
    sent = [note for m in messages[:-1] for track in m.bar.score.tracks for note in track.notes]
    assert sorted(note.start for note in sent) == pytest.approx(sorted(piece.start.tolist()), abs=0.01)


def test_the_hook_registers_it():
    assert [algorithm.name for algorithm in plugin.register_algorithms()] == ["transformer"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"style": "polka"}, "style"),
        ({"key": {"tonic": 3}}, "key.mode"),
        ({"bars": 65}, "bars"),
        ({"time_signature": {"numerator": 5, "denominator": 4}}, "time_signature"),
        ({"instruments": [0] * 9}, "instruments"),
        ({"instruments": [128]}, "instruments"),
        ({"image": b"x"}, "image"),
        ({"lyrics": {"language": "en"}}, "lyrics"),
    ],
)
def test_a_wish_that_cannot_be_obeyed_is_refused_by_name(model, fields, field):
    with pytest.raises(InvalidField) as error:
        model.start(item(1, **fields))
    assert error.value.violations[0][0] == field


def test_instruments_are_those_asked_for_in_their_order_and_range(model):
    asked = [33, 128, 73, 48]
    response = compose_response(model, item(3, bars=4, instruments=asked, tempo=100.0))
    piece = midi_to_piece(response.pieces[0].music.midi)[0]
    tracks = {128 if track.drums else track.program for track in piece.tracks}
    assert tracks <= set(asked)
    for index, track in enumerate(piece.tracks):
        pitch = piece.pitch[piece.track == index]
        low, high = (35, 81) if track.drums else RANGES[track.program // 8]
        assert low <= pitch.min()
        assert pitch.max() <= high
    silent = len(asked) - len(piece.tracks)
    assert sum(notice.subject == "instruments" for notice in response.notices) == silent


@pytest.mark.parametrize(
    "fields",
    [
        {"emotion": {"quadrant": "EMOTION_QUADRANT_SAD"}},
        {"emotion": {"valence": 0.4, "arousal": -0.9}},
        {"attributes": {"rhythmic_intensity": 1.0, "polyphony": 0.0, "register": 0.5, "loudness": 1.0}},
        {"finish": {"fit_range": False, "correct_rhythm": True}},
        {"key": {"tonic": 11, "mode": "MODE_MINOR"}, "style": "chorale"},
    ],
)
def test_every_other_wish_is_taken(model, fields):
    response = compose_response(model, item(1, bars=1, **fields))
    assert response.pieces[0].bars == 1
    assert response.understood


def test_a_picture_becomes_an_emotion(model):
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 60, 0)).save(data, "PNG")
    response = compose_response(model, item(1, bars=1, image=data.getvalue()))
    assert "image: brightness 1.00 and colourfulness 1.00 suggest valence" in " ".join(response.understood)
    with pytest.raises(InvalidField, match="PNG or JPEG"):
        model.start(item(1, image=b"x"))


def test_a_theme_becomes_controls(model):
    response = compose_response(model, item(1, bars=1, theme="a sad pop song in D minor for violin, 70 bpm"))
    text = " ".join(response.understood)
    assert "D minor at 70" in text
    assert "pop_piano" in text
    assert "emotion sad" in text


def test_the_shipped_model_answers_the_probe_and_obeys(shipped):
    algorithm = Transformer()
    probe = Item(algorithm.probe(), TransformerOptions().model_dump(), 1)
    algorithm.check_probe(compose_response(shipped, probe))
    with pytest.raises(ValueError, match=r"must be \[1\]"):
        algorithm.check_probe(generate_pb2.GenerateResponse())
    keys = [music_pb2.Key(tonic=tonic, mode=mode) for tonic in (0, 5, 9) for mode in (1, 2)]
    answers = run_to_the_end(shipped, [item(row, bars=8, key=key, style="pop_piano") for row, key in enumerate(keys)])
    pieces = [messages[-1].complete.pieces[0] for messages in answers]
    assert sum(piece.key == key for piece, key in zip(pieces, keys, strict=True)) >= 5
