import asyncio
from types import SimpleNamespace

import grpc
import pytest
from segue.plugin_api.errors import AlgorithmUnavailable, ModelServerUnavailable
from segue.server.triton import Triton


async def test_models_are_loaded_one_at_a_time_each_with_its_own_time():
    triton, under_way, most, given = Triton("127.0.0.1:1", 1024), 0, 0, []

    async def load(request, timeout):  # noqa: ASYNC109 - the stub's own argument
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        given.append((request.model_name, timeout))
        await asyncio.sleep(0.01)
        under_way -= 1

    triton._stub = SimpleNamespace(RepositoryModelLoad=load)
    await asyncio.gather(*(triton.load(name, 7.0) for name in ("a", "b", "c")))
    await triton.close()
    assert most == 1
    assert given == [("a", 3.5), ("b", 7.0), ("c", 7.0)]


class Late(grpc.aio.AioRpcError):
    def __init__(self):
        super().__init__(grpc.StatusCode.DEADLINE_EXCEEDED, grpc.aio.Metadata(), grpc.aio.Metadata(), "too late")


async def test_a_server_whose_first_load_hangs_is_started_anew_but_not_one_that_serves():
    hung, answers = [], [Late(), None, Late()]

    async def load(request, timeout):  # noqa: ASYNC109 - the stub's own argument
        if answer := answers.pop(0):
            raise answer

    triton = Triton("127.0.0.1:1", 1024, lambda: hung.append(True))
    triton._stub = SimpleNamespace(RepositoryModelLoad=load)
    with pytest.raises(ModelServerUnavailable, match="hangs"):
        await triton.load("a", 1.0)
    assert hung == [True]
    await triton.load("a", 1.0)
    with pytest.raises(AlgorithmUnavailable, match="too late"):
        await triton.load("b", 1.0)
    await triton.close()
    assert hung == [True]
