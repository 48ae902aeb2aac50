"""Both clients: what comes in parts, and what is given up half-way."""

import asyncio
import time

import grpc
import pytest
from segue.client import AsyncClient, Client, Unavailable
from segue.v1.listening_pb2 import Play

BUSY = grpc.StatusCode.UNAVAILABLE


async def test_stream_plays_answers_each_batch(client):
    batches = [[Play(listener_id="a", track_id=str(i), event_id=str(i)) for i in range(n)] for n in (2, 3)]
    answers = [answer.recorded async for answer in client.stream_plays(batches)]
    assert answers == [2, 3]


async def test_stream_plays_names_a_failure(client, fake):
    fake.outcomes["StreamPlays"].append(fake.Failure(BUSY, "DRAINING", retry_after=0.1))
    with pytest.raises(Unavailable):
        [answer async for answer in client.stream_plays([[Play()]])]
    assert len(fake.calls("StreamPlays")) == 1


async def test_an_export_gives_every_message(client):
    messages = [message async for message in client.export_listener("alice")]
    assert [play.track_id for message in messages for play in message.plays] == ["t1", "t1"]


async def test_a_stream_gives_bars_and_then_the_piece(client, fake):
    messages = [message async for message in client.generate_stream(bars=2, seed=1)]
    assert [message.WhichOneof("event") for message in messages] == ["bar", "bar", "complete"]
    assert fake.calls("GenerateStream")[0].request.request.bars == 2


async def test_a_stream_is_tried_again_until_it_has_begun(client, fake):
    bar = fake.canned["GenerateStream"][0]
    fake.outcomes["GenerateStream"] += [
        fake.Failure(BUSY, "DRAINING", retry_after=0.01),
        [bar, fake.Failure(BUSY, "MODEL_SERVER_UNAVAILABLE", retry_after=0.01)],
    ]
    stream = aiter(client.generate_stream())
    assert (await anext(stream)).HasField("bar")
    with pytest.raises(Unavailable):
        await anext(stream)
    assert len(fake.calls("GenerateStream")) == 2


async def test_closing_a_stream_cancels_the_call(address, fake):
    bar = fake.canned["GenerateStream"][0]
    fake.outcomes["GenerateStream"].append([bar, 60.0, bar])
    with Client(address) as client:
        stream = client.generate_stream()
        next(stream)
        stream.close()
        assert fake.cancelled.wait(30)


@pytest.mark.parametrize("rpc", ["GenerateStream", "TransferStream"])
async def test_stopping_at_the_answer_cancels_nothing(client, fake, midi, rpc):
    ended = []

    def answer(_request, context):
        yield from fake.canned[rpc]
        time.sleep(0.1)
        ended.append(context.is_active())

    fake.outcomes[rpc].append(answer)
    stream = client.generate_stream() if rpc == "GenerateStream" else client.transfer_stream(midi, polish=True)
    async for message in stream:
        if message.HasField("complete"):
            break
    assert ended == [True]


async def test_an_answer_that_came_is_not_lost_with_the_connection(client, fake):
    def answer(_request, context):
        yield from fake.canned["GenerateStream"]
        context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    fake.outcomes["GenerateStream"].append(answer)
    seen = []
    async for message in client.generate_stream():
        seen.append(message)
        if message.HasField("complete"):
            break
    assert seen == list(fake.canned["GenerateStream"])


async def test_cancelling_a_task_cancels_the_call(address, fake):
    bar = fake.canned["GenerateStream"][0]
    fake.outcomes["GenerateStream"].append([bar, 60.0, bar])

    async def listen(client):
        async for _ in client.generate_stream():
            pass

    async with AsyncClient(address) as client:
        task = asyncio.create_task(listen(client))
        assert await asyncio.to_thread(fake.begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(fake.cancelled.wait, 30)
