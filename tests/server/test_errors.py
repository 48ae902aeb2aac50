"""Every reason of the contract has an error class and a status, and survives the way from model to caller."""

import base64
from urllib.parse import quote

import pytest
from google.rpc import error_details_pb2, status_pb2
from segue.plugin_api import errors
from segue.server.errors import DETAILS_KEY, STATUS, status_of, without_folders
from segue.v1 import errors_pb2

REASONS = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118


def classes(base=errors.SegueError):
    for child in base.__subclasses__():
        yield child
        yield from classes(child)


def details(error):
    code, message, metadata = status_of(error, "call-1")
    status = status_pb2.Status.FromString(dict(metadata)[DETAILS_KEY])
    assert (status.code, status.message) == (code.value[0], message)
    found = {}
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
        for detail in status.details:
            message = kind()
            if detail.Unpack(message):
                found[kind.__name__] = message
    return found


def test_the_table_is_the_contract():
    assert set(STATUS) == REASONS
    assert {kind.reason for kind in classes()} == REASONS


def test_field_violations_travel():
    error = errors.InvalidOption("options.temperature", "is 7; must be at most 2", [("options.x", "is unknown")])
    found = details(error)
    assert found["ErrorInfo"].reason == "INVALID_OPTION"
    assert found["ErrorInfo"].metadata["call_id"] == "call-1"
    assert [(v.field, v.description) for v in found["BadRequest"].field_violations] == error.violations


def test_retry_info_travels():
    assert (
        details(errors.Overloaded("busy", retry_after=2.5))["RetryInfo"].retry_delay.ToTimedelta().total_seconds()
        == 2.5
    )
    assert "RetryInfo" not in details(errors.NotFound("no such thing"))


def test_the_text_of_an_internal_error_stays_inside():
    _, message, _ = status_of(errors.InternalError("/secret/path.py line 7"), "call-1")
    assert "secret" not in message
    assert "call-1" in message


@pytest.mark.parametrize("letter", ["a", "漢", "🎵", "%"])
def test_an_error_that_quotes_much_fits_into_what_clients_take_of_metadata(letter):
    much = letter * 5000
    error = errors.InvalidOption(f"options.{much}", much, [(f"f{index}", letter * 300) for index in range(20)])
    _, message, metadata = status_of(error, "call-1")
    assert len(quote(message)) + sum(len(base64.b64encode(value)) for _, value in metadata) < 8192 - 500
    violations = details(error)["BadRequest"].field_violations
    assert violations[0].field.startswith(f"options.{letter}")
    assert len(violations) > 1


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("No such file: /tmp/a-b/models/x/1/w.safetensors", "No such file: w.safetensors"),
        ("cannot import 'y' (/opt/app/lib/y.py)", "cannot import 'y' (y.py)"),
        ("ratio 3/4, application/json, http://x.org/a", "ratio 3/4, application/json, http://x.org/a"),
    ],
)
def test_folders_stay_inside(text, clean):
    assert without_folders(text) == clean


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidMusic("music.midi", "is no MIDI file", [("music", "x")]),
        errors.Overloaded("busy", retry_after=0.25),
        errors.NotFound("listener 'x' is not known"),
    ],
)
def test_errors_survive_the_way_out_of_the_model(error):
    back = errors.bytes_to_error(errors.error_to_bytes(error))
    assert type(back) is type(error)
    assert (back.message, back.retry_after) == (error.message, error.retry_after)
    assert getattr(back, "violations", None) == getattr(error, "violations", None)
