"""What arrives while a batch is under way travels as the next batch; nobody waits otherwise."""

import asyncio

import pytest
from segue.plugin_api.errors import DeadlineExceeded, InvalidField, ModelServerUnavailable, Overloaded
from segue.server.batching import Coalescer


class Model:
    """Answers with its items; keeps the batches it saw, and waits at a gate."""

    def __init__(self):
        self.batches, self.gate, self.cancelled = [], asyncio.Event(), 0

    async def send(self, items, seconds):
        self.batches.append(list(items))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if "broken" in items:
            raise ModelServerUnavailable("gone")
        return [InvalidField("x", "is bad") if item == "bad" else item for item in items]


@pytest.fixture
def model():
    return Model()


async def under_way(queue, items, seconds=10.0):
    tasks = []
    for item in items:
        tasks.append(asyncio.create_task(queue.run(item, seconds)))
        await asyncio.sleep(0)
    return tasks


async def test_the_first_goes_alone_and_the_rest_together(model):
    tasks = await under_way(Coalescer(model.send, 16, 100), range(6))
    model.gate.set()
    assert await asyncio.gather(*tasks) == list(range(6))
    assert model.batches == [[0], [1, 2, 3, 4, 5]]


async def test_a_batch_is_no_larger_than_the_model_takes(model):
    tasks = await under_way(Coalescer(model.send, 2, 100), range(6))
    model.gate.set()
    await asyncio.gather(*tasks)
    assert model.batches == [[0], [1, 2], [3, 4], [5]]


async def test_as_many_batches_are_under_way_as_there_are_instances(model):
    tasks = await under_way(Coalescer(model.send, 16, 100, 2), range(4))
    model.gate.set()
    await asyncio.gather(*tasks)
    assert model.batches == [[0], [1], [2, 3]]


async def test_a_bad_item_fails_alone(model):
    tasks = await under_way(Coalescer(model.send, 16, 100), ["a", "b", "bad", "c"])
    model.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[:2] + results[3:] == ["a", "b", "c"]
    assert isinstance(results[2], InvalidField)


async def test_a_broken_batch_fails_its_members_and_the_next_runs(model):
    tasks = await under_way(Coalescer(model.send, 2, 100), ["a", "broken", "b", "c"])
    model.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == "a"
    assert all(isinstance(result, ModelServerUnavailable) for result in results[1:3])
    assert results[3] == "c"


async def test_the_queue_is_bounded(model):
    queue = Coalescer(model.send, 16, 2)
    tasks = await under_way(queue, range(3))
    with pytest.raises(Overloaded, match="2 calls are waiting"):
        await queue.run(3, 10)
    model.gate.set()
    await asyncio.gather(*tasks)


async def test_a_caller_who_left_is_not_sent(model):
    tasks = await under_way(Coalescer(model.send, 16, 100), range(3))
    tasks[1].cancel()
    model.gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert model.batches == [[0], [2]]


async def test_a_call_past_its_deadline_is_not_sent(model):
    queue = Coalescer(model.send, 16, 100)
    tasks = await under_way(queue, ["first"])
    late = await under_way(queue, ["late"], seconds=0.01)
    await asyncio.sleep(0.05)
    model.gate.set()
    assert await tasks[0] == "first"
    with pytest.raises(DeadlineExceeded):
        await late[0]
    assert ["late"] not in model.batches


async def test_a_batch_that_nobody_waits_for_is_cancelled(model):
    tasks = await under_way(Coalescer(model.send, 1, 100), range(2))
    tasks[0].cancel()
    await asyncio.sleep(0.01)
    assert model.batches == [[0], [1]]
    tasks[1].cancel()
    await asyncio.sleep(0.01)
    assert model.cancelled == 2
