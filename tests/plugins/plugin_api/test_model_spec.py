"""One description of a model gives its Triton configuration, its padding and its input checks."""

import numpy as np
import pytest
from segue.plugin_api import VARIABLE, InvalidRequest, ModelSpec, Tensor, message_model

TOKENS = Tensor(name="tokens", dtype="INT64", shape=(VARIABLE,), buckets=(4, 8), pad=-1)
POINT = Tensor(name="point", dtype="FP32", shape=(3,))


def spec(**changes):
    return ModelSpec(**{"name": "m", "implementation": "a:B", "inputs": (TOKENS,), "outputs": (POINT,)} | changes)


def test_the_triton_configuration():
    text = spec(max_batch_size=4, stream=True).to_pbtxt(3)
    for line in (
        'input [{ name: "tokens" data_type: TYPE_INT64 dims: [-1] }]',
        'input [{ name: "tokens_mask" data_type: TYPE_BOOL dims: [-1] }]',
        'output [{ name: "error" data_type: TYPE_STRING dims: [1] }]',
        "max_batch_size: 4",
        "version_policy { specific { versions: [3] } }",
        "dynamic_batching { }",
        'parameters { key: "max_queue_size" value { string_value: "256" } }',
        "model_transaction_policy { decoupled: true }",
    ):
        assert line in text
    assert "KIND_GPU" in spec().to_pbtxt(1, device="gpu")


def test_a_native_backend_has_no_error_output_and_no_implementation():
    native = spec(backend="onnxruntime", implementation="")
    assert native.wire_outputs() == (POINT,)
    with pytest.raises(ValueError, match="needs an implementation"):
        spec(implementation="")


@pytest.mark.parametrize("name", ["", "Upper", "a_b", "a" * 64, "../x"])
def test_names_are_safe(name):
    with pytest.raises(ValueError, match="lower-case"):
        message_model(name, "a:B")


def test_items_are_padded_to_the_smallest_bucket_that_holds_the_longest():
    batch = TOKENS.stack([TOKENS.check([1, 2]), TOKENS.check([1, 2, 3, 4, 5])])
    np.testing.assert_array_equal(batch["tokens"], [[1, 2, -1, -1, -1, -1, -1, -1], [1, 2, 3, 4, 5, -1, -1, -1]])
    np.testing.assert_array_equal(batch["tokens_mask"].sum(axis=1), [2, 5])


@pytest.mark.parametrize(
    ("tensor", "value", "text"),
    [
        (TOKENS, [0.5], "has type float64, must be INT64"),
        (TOKENS, [[1]], r"has shape \(1, 1\), must be"),
        (TOKENS, list(range(9)), "has 9 elements, must have at most 8"),
        (POINT, [1, 2], r"has shape \(2,\)"),
        (POINT, [1, 2, np.nan], "must be finite"),
    ],
)
def test_wrong_values_are_named(tensor, value, text):
    with pytest.raises(InvalidRequest, match=text):
        tensor.check(np.asarray(value))
