"""Options are checked against the algorithm's model; nothing is ignored."""

import math

import pytest
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict
from pydantic import Field
from segue.plugin_api.algorithm import Options
from segue.plugin_api.errors import InvalidOption
from segue.server.options import options_digest, options_schema, parse_options


class Sampling(Options):
    temperature: float = Field(1.0, ge=0.1, le=2.0, description="Higher is wilder.")
    steps: int = Field(4, ge=1, le=8)


def struct(**values):
    message = struct_pb2.Struct()
    message.update(values)
    return message


def test_defaults_are_filled_in():
    assert parse_options(Sampling, struct(temperature=0.5)) == Sampling(temperature=0.5, steps=4)


def test_whole_numbers_arrive_as_integers():
    assert parse_options(Sampling, struct(steps=3)).steps == 3


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ({"temperatur": 1}, "options.temperatur", "is unknown; this algorithm's options are: temperature, steps"),
        ({"temperature": 9}, "options.temperature", "is 9.0; input should be less than or equal to 2"),
        ({"steps": 1.5}, "options.steps", "is 1.5"),
        ({"steps": "many"}, "options.steps", "is 'many'"),
        ({"temperature": math.nan}, "options.temperature", "must be a finite number"),
        ({"temperature": [1, {"a": math.inf}]}, "options.temperature[1].a", "is inf, must be a finite number"),
    ],
)
def test_a_wrong_option_is_named(given, field, text):
    with pytest.raises(InvalidOption) as caught:
        parse_options(Sampling, struct(**given))
    (found, description), *_ = caught.value.violations
    assert found == field
    assert text in description


def test_the_schema_is_json_schema():
    schema = MessageToDict(options_schema(Sampling))
    assert schema["properties"]["temperature"]["maximum"] == 2.0
    assert schema["additionalProperties"] is False


def test_the_digest_tells_options_apart():
    assert options_digest(Sampling()) == options_digest(Sampling(temperature=1.0))
    assert options_digest(Sampling()) != options_digest(Sampling(steps=5))
