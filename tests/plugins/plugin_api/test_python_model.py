"""A batch that fails is run item by item, so that one bad item fails alone."""

import numpy as np
from segue.plugin_api import InvalidField, SegueError
from segue.plugin_api.errors import InternalError
from segue.plugin_api.python_model import MessageModel, TensorModel, answer_batch, predict_batch
from segue.v1 import generate_pb2


class Halver(TensorModel):
    def load(self, artifacts, device):
        pass

    def predict(self, inputs):
        if (inputs["x"] < 0).any():
            raise InvalidField("x", "is negative, must be at least 0")
        return {"y": inputs["x"] / 2}


class Wrong(Halver):
    def predict(self, inputs):
        return {"y": np.zeros((7, 1), np.float32)}


class Echo(MessageModel):
    request_type = generate_pb2.GenerateRequest

    def load(self, artifacts, device):
        pass

    def answer(self, items):
        if any(item.request.theme == "crash" for item in items):
            raise RuntimeError("bug")
        return [
            InvalidField("theme", "is bad") if item.request.theme == "bad" else generate_pb2.GenerateResponse()
            for item in items
        ]


def message_inputs(*requests):
    def column(values, dtype=object):
        return np.array(values, dtype=dtype).reshape(-1, 1)

    return {
        "request": column([r if isinstance(r, bytes) else r.SerializeToString() for r in requests]),
        "context": column([b"what was heard"] * len(requests)),
        "options": column([b"{}"] * len(requests)),
        "seed": column([0] * len(requests), np.int64),
    }


def theme(text):
    return generate_pb2.GenerateRequest(theme=text)


def test_a_batch_of_arrays():
    outputs, errors = predict_batch(Halver(), {"x": np.array([[2.0], [4.0]], np.float32)})
    np.testing.assert_array_equal(outputs["y"], [[1], [2]])
    assert errors == [None, None]


def test_a_bad_array_fails_alone():
    outputs, errors = predict_batch(Halver(), {"x": np.array([[2.0], [-4.0], [6.0]], np.float32)})
    np.testing.assert_array_equal(outputs["y"], [[1], [0], [3]])
    assert [isinstance(error, SegueError) for error in errors] == [False, True, False]


def test_a_model_that_forgets_the_batch_is_told():
    _, errors = predict_batch(Wrong(), {"x": np.zeros((2, 1), np.float32)})
    assert all(isinstance(error, InternalError) for error in errors)


def test_messages_fail_alone_whether_they_are_bad_crash_or_cannot_be_parsed():
    answers = answer_batch(Echo(), message_inputs(theme(""), theme("bad"), theme("crash"), b"\xff\xff", theme("")))
    kinds = [type(answer) for answer in answers]
    response = generate_pb2.GenerateResponse
    assert kinds == [response, InvalidField, InternalError, InternalError, response]
    assert "bug" not in answers[2].message
