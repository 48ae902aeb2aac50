"""Requests are held against the rules that the protos state."""

import asyncio
import math

import pytest
from google.protobuf import struct_pb2
from segue.plugin_api.errors import InvalidField
from segue.server.rules import check, check_in_turns
from segue.v1 import generate_pb2, listening_pb2, music_pb2, recommend_pb2, transfer_pb2


def violations(message):
    with pytest.raises(InvalidField) as caught:
        check(message)
    return dict(caught.value.violations)


def test_a_good_request_passes():
    check(
        recommend_pb2.RecommendRequest(
            count=10,
            history=[recommend_pb2.HistoryItem(track_id="a", plays=3)],
            options=struct_pb2.Struct(fields={"x": struct_pb2.Value(number_value=1)}),
        )
    )


def test_numbers_out_of_range_are_named_with_value_and_bound():
    assert violations(recommend_pb2.RecommendRequest(count=1_000_000_000)) == {"count": "is 1e+09, must be at most 500"}
    assert violations(recommend_pb2.RecommendRequest(count=-1)) == {"count": "is -1, must be at least 0"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite_even_without_a_rule(value):
    assert "finite" in violations(generate_pb2.GenerateRequest(tempo=value))["tempo"]
    chord = music_pb2.Chord(span=music_pb2.Span(), symbol="N", confidence=value)
    assert "finite" in violations(generate_pb2.GenerateRequest(chords=[chord]))["chords[0].confidence"]


def test_nested_and_repeated_fields_are_named_by_path():
    request = recommend_pb2.RecommendRequest(
        history=[recommend_pb2.HistoryItem(track_id="a"), recommend_pb2.HistoryItem(plays=-1)]
    )
    assert violations(request) == {
        "history[1].track_id": "is required",
        "history[1].plays": "is -1, must be at least 0",
    }


def test_required_fields():
    assert violations(transfer_pb2.TransferRequest()) == {"music": "is required"}
    given = generate_pb2.GivenMusic(music=music_pb2.Music(midi=bytes(20)))
    assert violations(generate_pb2.GenerateRequest(given=[given])) == {"given[0].role": "is required"}


def test_a_member_of_a_oneof_is_required_only_once_chosen():
    music = music_pb2.Music(midi=bytes(20))
    check(transfer_pb2.TransferRequest(music=music))
    assert "style" in violations(transfer_pb2.TransferRequest(music=music, style=""))


def test_unknown_enum_values_are_refused():
    request = transfer_pb2.TransferRequest(music=music_pb2.Music(midi=bytes(20)))
    request.polish.kinds.append(77)
    assert "EDIT_KIND_TIMING" in violations(request)["polish.kinds[0]"]


def test_sizes_are_bounded():
    assert "at most 8,388,608" in violations(music_pb2.Music(midi=bytes(8388609)))["midi"]
    assert violations(listening_pb2.RecordPlaysRequest()) == {"plays": "needs at least 1"}
    many = recommend_pb2.RecommendRequest(seed_tracks=["a"] * 1001)
    assert violations(many) == {"seed_tracks": "has 1001 elements, must have at most 1000"}
    assert "must match" in violations(recommend_pb2.RecommendRequest(language="klingon"))["language"]


def test_at_most_twenty_violations_are_listed():
    request = recommend_pb2.RecommendRequest(history=[recommend_pb2.HistoryItem() for _ in range(1000)])
    with pytest.raises(InvalidField) as caught:
        check(request)
    assert len(caught.value.violations) == 20


def test_options_are_bounded_in_bytes():
    options = struct_pb2.Struct()
    options["x"] = [1] * 7000
    assert violations(generate_pb2.GenerateRequest(options=options)) == {
        "options": "has 77,015 bytes, must have at most 65,536"
    }


async def test_a_large_message_is_checked_while_others_go_on():
    notes = [music_pb2.Note(start=1, duration=1, pitch=60)] * 20_000
    score = music_pb2.Score(tracks=[music_pb2.Track(notes=[*notes, music_pb2.Note(duration=1, pitch=200)])])
    checking = asyncio.create_task(check_in_turns(score))
    turns = 0
    while not checking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 5
    with pytest.raises(InvalidField, match="at most 127"):
        await checking
