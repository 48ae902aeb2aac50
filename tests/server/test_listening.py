import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from segue.server.database import open_database
from segue.server.database import plays as table
from segue.server.envelope import Envelope
from segue.server.listening import ListeningService
from segue.server.plays import PlayStore
from segue.server.settings import Settings
from segue.v1 import listening_pb2_grpc
from segue.v1.listening_pb2 import (
    EraseListenerRequest,
    ExportListenerRequest,
    ListPlaysRequest,
    Play,
    RecordPlaysRequest,
    StreamPlaysRequest,
)
from sqlalchemy import func, select

PROCESS = Path(__file__).with_name("plays_process.py")
PLAYS = 100_000


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture
async def service(database, listener_key, settings):
    """A stub of a real server."""
    server = grpc.aio.server(interceptors=[Envelope(settings, admin_open=False)])
    listening_pb2_grpc.add_ListeningServiceServicer_to_server(
        ListeningService(PlayStore(database, listener_key)), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield listening_pb2_grpc.ListeningServiceStub(channel)
    await server.stop(None)


def plays(count, listener="ann"):
    return [Play(event_id=f"e{i}", listener_id=listener, track_id=f"t{i}") for i in range(count)]


async def violations(call):
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(raised.value)
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    return [violation.field for violation in bad.field_violations]


async def test_plays_are_recorded_listed_and_erased(service):
    done = await service.RecordPlays(RecordPlaysRequest(plays=plays(3)))
    assert (done.recorded, done.duplicates) == (3, 0)
    done = await service.RecordPlays(RecordPlaysRequest(plays=plays(4)))
    assert (done.recorded, done.duplicates) == (1, 3)
    first = await service.ListPlays(ListPlaysRequest(listener_id="ann", page_size=3))
    rest = await service.ListPlays(ListPlaysRequest(listener_id="ann", page_size=3, page_token=first.next_page_token))
    assert [p.event_id for p in [*first.plays, *rest.plays]] == ["e3", "e2", "e1", "e0"]
    assert rest.next_page_token == ""
    assert (await service.EraseListener(EraseListenerRequest(listener_id="ann"))).erased == 4
    assert not (await service.ListPlays(ListPlaysRequest(listener_id="ann"))).plays


async def test_an_export_holds_every_play_of_the_listener_once(service, monkeypatch):
    monkeypatch.setattr("segue.server.listening.EXPORTED_AT_ONCE", 3)
    await service.RecordPlays(RecordPlaysRequest(plays=plays(7) + plays(2, "bob")))
    messages = [message async for message in service.ExportListener(ExportListenerRequest(listener_id="ann"))]
    assert [len(message.plays) for message in messages] == [3, 3, 1]
    assert [p.event_id for message in messages for p in message.plays] == [f"e{i}" for i in reversed(range(7))]
    assert [message async for message in service.ExportListener(ExportListenerRequest(listener_id="nobody"))] == []
    assert await violations(service.ExportListener(ExportListenerRequest()).read()) == ["listener_id"]


async def test_each_message_of_a_stream_is_answered_by_one(service):
    call = service.StreamPlays()
    for count, expected in ((5, (5, 0)), (8, (3, 5)), (8, (0, 8))):
        await call.write(StreamPlaysRequest(plays=plays(count)))
        done = await call.read()
        assert (done.recorded, done.duplicates) == expected
    await call.done_writing()
    assert await call.read() == grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK


async def test_what_came_before_a_bad_message_of_a_stream_stays_recorded(service):
    call = service.StreamPlays()
    await call.write(StreamPlaysRequest(plays=plays(5)))
    assert (await call.read()).recorded == 5
    await call.write(StreamPlaysRequest(plays=[Play(event_id="e9", listener_id="ann", track_id="a\0")]))
    assert await violations(call.read()) == ["plays[0].track_id"]
    assert len((await service.ListPlays(ListPlaysRequest(listener_id="ann"))).plays) == 5


@pytest.mark.parametrize(
    ("method", "request_", "fields"),
    [
        ("RecordPlays", RecordPlaysRequest(), ["plays"]),
        ("RecordPlays", RecordPlaysRequest(plays=plays(1001)), ["plays"]),
        ("RecordPlays", RecordPlaysRequest(plays=[Play(track_id="t")]), ["plays[0].event_id", "plays[0].listener_id"]),
        ("RecordPlays", RecordPlaysRequest(plays=plays(1, "a" * 201)), ["plays[0].listener_id"]),
        ("ListPlays", ListPlaysRequest(), ["listener_id"]),
        ("ListPlays", ListPlaysRequest(listener_id="ann", page_size=-1), ["page_size"]),
        ("ListPlays", ListPlaysRequest(listener_id="ann", page_token="x"), ["page_token"]),
        ("EraseListener", EraseListenerRequest(), ["listener_id"]),
    ],
)
async def test_a_wrong_field_is_named(service, method, request_, fields):
    assert await violations(getattr(service, method)(request_)) == fields


async def start(*arguments):
    command = (sys.executable, PROCESS, *map(str, arguments))
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)


async def start_gateway(database_url, key_file):
    gateway = await start("serve", database_url, key_file)
    return gateway, (await gateway.stdout.readline()).decode().strip()


async def growth(file):
    before = file.stat().st_size
    while file.stat().st_size == before:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.01)


async def kill(process):
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL


async def test_no_acknowledged_play_is_lost_and_none_doubled_when_senders_and_gateways_die(database_url, tmp_path):
    rng = random.Random(7)
    note = tmp_path / "note"
    note.touch()
    gateway, address = await start_gateway(database_url, tmp_path / "listener.key")
    for victim in ("sender", "gateway", "sender", "sender"):
        sender = await start("send", address, note, PLAYS)
        await growth(note)
        await asyncio.sleep(rng.uniform(0, 0.5))
        if victim == "sender":
            await kill(sender)
        else:
            await kill(gateway)
            await sender.communicate()
            gateway, address = await start_gateway(database_url, tmp_path / "listener.key")
    assert note.stat().st_size < PLAYS // 1000
    sender = await start("send", address, note, PLAYS)
    _, errors = await sender.communicate()
    assert sender.returncode == 0, errors.decode()
    await kill(gateway)

    # What was acknowledged was never sent again, so nothing could have made good for a loss.
    database = await open_database(database_url)
    rows = await database.read(select(table.c.event_id, table.c.track_id))
    ((listeners,),) = await database.read(select(func.count(table.c.listener.distinct())))
    await database.close()
    assert len(rows) == PLAYS
    assert set(map(tuple, rows)) == {(f"e{i}", f"t{i}") for i in range(PLAYS)}
    assert listeners == 97


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("settings", [Settings(deadline_seconds=2.0)])
async def test_a_stream_goes_on_while_it_sends_and_ends_when_it_falls_silent(service):
    call = service.StreamPlays()
    for number in range(5):  # longer than two seconds in all
        await asyncio.sleep(0.5)
        await call.write(StreamPlaysRequest(plays=[Play(event_id=f"e{number}", listener_id="ann", track_id="t")]))
        assert (await call.read()).recorded == 1
    async with asyncio.timeout(60):
        with pytest.raises(grpc.aio.AioRpcError, match=r"nothing was sent for 2 s"):
            await call.read()
    assert call.done()
