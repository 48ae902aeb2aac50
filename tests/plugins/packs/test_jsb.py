import json

import pytest
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.packs import jsb

BAR = [[72, 67, 60, 48]] * 8 + [[72, 65, 60, -1]] * 8


@pytest.fixture
def data(tmp_path):
    (tmp_path / "jsb_chorales").mkdir()
    (tmp_path / jsb.PLACE).write_text(json.dumps({"test": [BAR * 4], "train": [BAR, BAR], "valid": []}))
    return tmp_path


def test_chorales_are_numbered_by_split_in_the_order_of_the_file(data):
    titles = [chorale.title for chorale in jsb.chorales(data / jsb.PLACE)]
    assert titles == [f"J. S. Bach, chorale (JSB {place})" for place in ("test 0", "train 0", "train 1")]


def test_a_pitch_that_stays_is_one_note_and_a_rest_is_none(data):
    chorale = jsb.chorales(data / jsb.PLACE)[1]
    assert chorale.frames.shape == (16, 4)
    assert chorale.notes().tolist() == [[0, 16, 72, 0], [0, 8, 67, 1], [8, 16, 65, 1], [0, 16, 60, 2], [0, 8, 48, 3]]


def test_the_metre_is_inferred(data):
    assert jsb.chorales(data / jsb.PLACE)[0].metre == (16, 0)


def test_a_folder_without_chorales_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match=rf"data: .* holds no {jsb.PLACE}"):
        jsb.chorales(tmp_path / jsb.PLACE)


@pytest.mark.parametrize(
    ("text", "wrong"), [('{"train": [], "test": []}', "'valid'"), ("[]", "list"), ("{", "JSONDecodeError")]
)
def test_a_file_that_is_not_as_the_pack_has_it_is_named(tmp_path, text, wrong):
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(InvalidRequest, match=rf"data: .*/own\.json must be as the pack has it, but: .*{wrong}"):
        jsb.chorales(tmp_path / "own.json")
