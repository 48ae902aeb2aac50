import asyncio
import logging
import random
from unittest.mock import AsyncMock

import asyncpg
import pytest
from segue.plugin_api.errors import InvalidField
from segue.server.answers import Answers
from segue.server.plays import PlayStore
from segue.v1.listening_pb2 import Play


@pytest.fixture
def store(database, listener_key):
    return PlayStore(database, listener_key)


def play(event="e1", listener="ann", track="t1", seconds=1_700_000_000, nanos=0, plays=1.0):
    message = Play(event_id=event, listener_id=listener, track_id=track, plays=plays)
    message.time.seconds, message.time.nanos = seconds, nanos
    return message


async def test_what_was_recorded_is_read_back_latest_first(store):
    first = play("e1", seconds=10, nanos=123_456_789, plays=2.5)
    second = play("e2", track="höre é\U0001d11e", seconds=11)
    assert await store.record([first, second, play("e1", listener="bob")]) == (3, 0)
    assert await store.recent("ann", 10) == [second, first]
    assert await store.recent("ann", 1) == [second]
    assert await store.recent("nobody", 10) == []


async def test_an_event_is_recorded_once_for_its_listener(store):
    first = play("e1", track="kept")
    assert await store.record([first, play("e1", track="again"), play("e1", listener="bob")]) == (2, 1)
    assert await store.record([play("e1", track="later"), play("e2", seconds=5)]) == (1, 1)
    assert (await store.recent("ann", 10))[0] == first


async def test_plays_without_a_time_are_played_now_in_their_order_and_zero_means_once(store):
    await store.record([Play(event_id=event, listener_id="ann", track_id=event) for event in ("z", "a", "m")])
    plays = await store.recent("ann", 10)
    assert [p.track_id for p in plays] == ["m", "a", "z"]
    assert {p.plays for p in plays} == {1.0}


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (play(event="a\0b"), "plays[1].event_id"),
        (play(track="\0"), "plays[1].track_id"),
        (play(seconds=-1), "plays[1].time.seconds"),
        (play(seconds=1 << 40), "plays[1].time.seconds"),
        (play(nanos=-1), "plays[1].time.nanos"),
        (play(nanos=10**9), "plays[1].time.nanos"),
    ],
)
async def test_what_cannot_be_stored_is_named_and_nothing_is_recorded(store, bad, field):
    with pytest.raises(InvalidField) as raised:
        await store.record([play("good"), bad])
    assert raised.value.violations[0][0] == field
    assert await store.recent("ann", 10) == []


async def test_identifiers_of_any_characters_are_kept_apart(store):
    ids = [
        "'; DROP TABLE segue_plays; --",
        "%",
        "_",
        "é",
        "e\u0301",
        "E1",
        "e1",
        "e1 ",
        "\U0001f3b5" * 100,
        "\ud7ff\ufffe",
    ]
    assert await store.record([play(event, listener) for event in ids for listener in ids]) == (len(ids) ** 2, 0)
    for listener in ids:
        assert {p.event_id for p in await store.recent(listener, 100)} == set(ids)


async def test_pages_hold_every_play_once_while_new_ones_are_recorded(store):
    rng = random.Random(3)
    old = [play(f"e{i}", seconds=rng.randrange(20)) for i in range(250)]
    await store.record(old)
    seen, token, pages = [], "", 0
    while True:
        page, token = await store.list_plays("ann", 40, token)
        seen += page
        pages += 1
        if not token:
            break
        await store.record([play(f"new{pages}", seconds=100)])
    assert pages == 7
    assert sorted(p.event_id for p in seen) == sorted(p.event_id for p in old)
    assert [p.time.seconds for p in seen] == sorted((p.time.seconds for p in seen), reverse=True)


async def test_a_page_holds_100_unless_stated(store):
    await store.record([play(f"e{i}", seconds=i) for i in range(101)])
    page, token = await store.list_plays("ann")
    assert len(page) == 100
    assert [p.event_id for p in (await store.list_plays("ann", 0, token))[0]] == ["e0"]


@pytest.mark.parametrize(
    "token", ["x", "1", "1.", "-1.2", "1.2.3", "٣.٣", "9223372036854775808.1", "1." + "9" * 19, "1.2\n"]
)
async def test_a_token_that_was_not_given_out_is_named(store, token):
    with pytest.raises(InvalidField, match="page_token"):
        await store.list_plays("ann", 10, token)


async def test_the_same_events_recorded_at_once_in_any_order_are_recorded_once(store):
    batch = [play(f"e{i}", seconds=i) for i in range(300)]

    async def record(seed):
        shuffled = random.Random(seed).sample(batch, len(batch))
        return await store.record(shuffled)

    done = await asyncio.gather(*(record(seed) for seed in range(8)))
    assert sum(d.recorded for d in done) == 300
    assert sum(d.duplicates for d in done) == 7 * 300


async def test_callers_who_go_away_keep_no_connection_and_record_all_or_nothing(store):
    rng = random.Random(5)

    async def record_and_go(number):
        task = asyncio.create_task(store.record([play(f"{number}-{i}", f"listener{number}") for i in range(50)]))
        await asyncio.sleep(rng.uniform(0, 0.02))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    for start in range(0, 60, 6):
        gone = await asyncio.gather(*(record_and_go(number) for number in range(start, start + 6)))
        for number, was_cancelled in enumerate(gone, start):
            assert len(await store.recent(f"listener{number}", 100)) in ((0, 50) if was_cancelled else (50,))
    assert await asyncio.gather(*(store.record([play(f"last{i}")]) for i in range(20))) == [(1, 0)] * 20


async def test_erasing_one_listener_leaves_the_others(store):
    await store.record([play(f"e{i}", listener) for i in range(500) for listener in ("ann", "bob")])
    assert await store.erase("ann") == 500
    assert await store.erase("ann") == 0
    assert await store.recent("ann", 10) == []
    assert len(await store.recent("bob", 1000)) == 500
    assert await store.record([play("e1")]) == (1, 0)


async def test_erasing_goes_on_until_nothing_is_left(store, monkeypatch):
    monkeypatch.setattr("segue.server.plays._ERASED_AT_ONCE", 7)
    await store.record([play(f"e{i}") for i in range(50)])
    assert await store.erase("ann") == 50


async def test_erasing_removes_the_answers_kept_for_the_listener(store, database, listener_key):
    answers = Answers(database, listener_key)
    made = []

    async def make():
        made.append(1)
        return b"answer"

    async def ask(listener):
        key = answers.key("Recommend", "", f"request of {listener}")
        return await answers.once(key, bytes(32), make, timeout_seconds=1, listener_id=listener)

    await ask("ann")
    await ask("bob")
    await store.erase("ann")
    await ask("bob")
    assert len(made) == 2
    await ask("ann")
    assert len(made) == 3


def bytes_below(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_socket())


async def record_at_random(store, listeners):
    """Record 80 plays of each listener in an order that splits pages, so that copies stay in their free space."""
    everything = [
        play(f"event-{listener}-{i}", listener, f"track-{listener}-{i}", seconds=(7919 * i) % 10_000)
        for listener in listeners
        for i in range(80)
    ]
    random.Random(1).shuffle(everything)
    for start in range(0, len(everything), 200):
        await store.record(everything[start : start + 200])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_erased_listener_leaves_no_byte_in_the_files_of_sqlite_nor_in_the_log(
    store, database, listener_key, tmp_path, caplog
):
    caplog.set_level(logging.DEBUG)
    gone = [f"gone{i:03}" for i in range(20)]
    await record_at_random(store, [*gone, *(f"stays{i:03}" for i in range(150))])
    answers = Answers(database, listener_key)
    for listener in gone:
        make = AsyncMock(return_value=f"answer-{listener}-".encode() * 500)
        key = answers.key("Recommend", "", listener)
        await answers.once(key, bytes(32), make, timeout_seconds=1, listener_id=listener)
    found = bytes_below(tmp_path)
    for listener in gone:
        assert f"event-{listener}-".encode() in found
        assert found.count(listener_key.listener(listener)) > 1
        assert await store.erase(listener) == 80
    found = bytes_below(tmp_path)
    for listener in gone:
        assert listener.encode() not in found
        # Also no part of a hash: a page is split at any byte.
        stored = listener_key.listener(listener)
        assert not any(stored[i : i + 8] in found for i in range(9))
        assert listener not in caplog.text
    assert len(await store.recent("stays001", 100)) == 80


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_postgresql_never_sees_an_id_and_forgets_an_erased_listener_when_its_administrator_compacts_it(
    store, database_url, postgres
):
    await store.record([play(f"event-{i}", "the-listener", f"track-{i}") for i in range(100)])
    await store.erase("the-listener")
    assert b"the-listener" not in bytes_below(postgres / "data")
    connection = await asyncpg.connect(database_url)
    await connection.execute("VACUUM FULL segue_plays")
    await connection.execute("CHECKPOINT")
    await connection.close()
    assert b"event-9" not in bytes_below(postgres / "data" / "base")
