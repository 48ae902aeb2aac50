"""The error tree mirrors errors.proto."""

import grpc
import pytest
from google.rpc import status_pb2
from segue.client import _errors
from segue.client._errors import InternalError, InvalidRequest, SegueError, Unavailable, rpc_error_to_segue_error
from segue.v1.errors_pb2 import ErrorReason

REASONS = [name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys() if not name.endswith("UNSPECIFIED")]  # noqa: SIM118


class Status(grpc.RpcError):
    """What a stub raises."""

    def __init__(self, code, details, trailing=()):
        self._values = code, details, trailing

    def code(self):
        return self._values[0]

    def details(self):
        return self._values[1]

    def trailing_metadata(self):
        return self._values[2]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_class_of_its_own(reason):
    kind = _errors._BY_REASON[reason]
    assert issubclass(kind, SegueError)
    assert kind.reason == reason


def test_no_reason_is_made_up():
    own = {"CONNECTION_FAILED", "MISSING_EXTRA"}  # never sent
    assert set(_errors._BY_REASON) - own == set(REASONS)


def test_the_tree_at_the_top_of_the_file_is_the_tree():
    drawn = [line.replace("│", " ").split("─ ")[1].split()[0] for line in _errors.__doc__.splitlines() if "─ " in line]
    assert drawn == [kind.__name__ for kind in _errors._descendants(SegueError)]


def test_what_is_unavailable_can_be_caught_at_once():
    kinds = {"ALGORITHM_UNAVAILABLE", "MODEL_SERVER_UNAVAILABLE", "DRAINING", "CONNECTION_FAILED"}
    assert {kind.reason for kind in Unavailable.__subclasses__()} == kinds


def test_details_that_contradict_the_status_are_left_aside():
    status = status_pb2.Status(code=3, message="other")
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    error = rpc_error_to_segue_error(Status(grpc.StatusCode.NOT_FOUND, "gone", trailing), "a:1", 1.0)
    assert (type(error).__name__, error.message) == ("NotFound", "gone")


def test_a_status_without_words():
    error = rpc_error_to_segue_error(Status(grpc.StatusCode.DATA_LOSS, None, None), "a:1", 1.0)
    assert isinstance(error, InternalError)
    assert error.message == "a:1 answered DATA_LOSS"


def test_an_error_for_one_field():
    error = InvalidRequest.at("bars", "is 0")
    assert (str(error), error.violations) == ("bars: is 0", [("bars", "is 0")])
