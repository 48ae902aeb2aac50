"""Figures of a transfer: nothing changed is 1, everything changed is near 0, and a style goes from one to another."""

import numpy as np
import pytest
from segue.music import Meter, Piece
from segue.plugin_api.errors import InvalidField
from segue.plugins.style import measure
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style.styles import GROUPS, STYLES, members, style_to_write


@pytest.fixture
def scale():
    start = np.arange(16) / 2
    return Piece.of(start, 0.5, 60 + np.array([0, 2, 4, 5, 7, 9, 11, 12] * 2), meters=(Meter(0, 4, 4),))


def arranged(piece):
    chord = np.zeros((1, 3), np.int64)
    return Arrangement(piece, np.ones(len(piece), bool), np.array([0.0, 4, 8]), np.zeros(1), chord, 0, False)


def test_a_piece_is_wholly_like_itself(scale):
    assert [figure.after for figure in measure.figures(arranged(scale), scale)] == pytest.approx([1, 1, 1])


def test_another_octave_is_alike_and_another_key_is_not(scale):
    up = scale.with_notes(pitch=scale.pitch + 12)
    away = scale.with_notes(pitch=scale.pitch + 6)
    before = arranged(scale)
    assert measure.chroma_similarity(scale, up, before.bars) == pytest.approx(1)
    assert measure.chroma_similarity(scale, away, before.bars) < 0.5
    assert measure.melody_kept(before, up) == 1
    assert measure.melody_kept(before, away) < 0.3


def test_grooves_differ_where_notes_begin(scale):
    late = scale.with_notes(start=scale.start + 0.25)
    assert measure.groove_similarity(scale, late, np.array([0.0, 4, 8])) == 0
    assert measure.melody_kept(arranged(scale), late) == 0


def test_strength_is_one_way(scale):
    judge = measure.StyleJudge()
    assert judge.probability(scale, STYLES) == pytest.approx(1)
    other = Piece.of(np.arange(32) / 4, 0.2, np.tile([36, 60, 64, 67], 8), meters=(Meter(0, 4, 4),))
    there = measure.strength(judge, scale, other, GROUPS["rock"], GROUPS["jazz"])
    back = measure.strength(judge, other, scale, GROUPS["jazz"], GROUPS["rock"])
    assert there.total == pytest.approx((there.drop + there.rise) / 2)
    assert there.rise == pytest.approx(back.drop)
    assert measure.strength(judge, scale, scale, GROUPS["rock"], GROUPS["jazz"]).total == 0


def test_styles_go_by_their_own_names_and_by_those_of_groups():
    assert members("Hip Hop") == ("hiphop",)
    assert members("jazz-swing") == ("jazz_swing",)
    assert members("LATIN") == GROUPS["latin"]
    with pytest.raises(InvalidField, match="style: is 'polka', must be one of classical, jazz") as refused:
        members("polka")
    assert str(refused.value).count("folk") == 1  # a style, and a group of it


def test_of_a_group_the_first_style_that_is_known_is_written():
    assert style_to_write("jazz", ["ragtime", "jazz_combo"]) == "jazz_combo"
    with pytest.raises(InvalidField, match="style: is 'ambient', must be one of jazz, ragtime"):
        style_to_write("ambient", ["ragtime"])
