"""A connection that fails is told from what Triton says, whatever the model server's host is called."""

import numpy as np
import pytest
from segue.plugin_api import message_model
from segue.plugin_api.errors import ModelServerUnavailable
from segue.server.triton import Triton

SPEC = message_model("model", "nowhere:Model", trained=False)


@pytest.mark.parametrize("address", ["segue-model-server.invalid:8001", "queue.invalid:8001", "127.0.0.1:1"])
async def test_a_model_server_that_can_not_be_found_is_unavailable(address):
    item = {
        t.name: np.array([b"" if t.dtype == "BYTES" else 0], object if t.dtype == "BYTES" else np.int64)
        for t in SPEC.inputs
    }
    triton = Triton(address, 1 << 20)
    try:
        with pytest.raises(ModelServerUnavailable):
            await triton.infer(SPEC, [item], 5.0)
    finally:
        await triton.close()
