import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path

import pytest
from segue.plugin_api.errors import DeadlineExceeded, RequestIdReused, Unavailable
from segue.server.answers import Answers
from segue.server.database import answers as table
from segue.server.plays import PlayStore
from sqlalchemy import func, select

DIGEST = bytes(32)
PROCESS = Path(__file__).with_name("answers_process.py")


class Maker:
    """Makes the answers a0, a1 ...; each takes ``seconds``."""

    def __init__(self, seconds=0.0, size=0):
        self.seconds = seconds
        self.size = size
        self.made = 0

    async def __call__(self):
        self.made += 1
        answer = f"a{self.made - 1}".encode()
        await asyncio.sleep(self.seconds)
        return answer.ljust(self.size)


@pytest.fixture
def answers(database, listener_key):
    return Answers(database, listener_key)


def ask(answers, make, request_id="r", digest=DIGEST, timeout_seconds=20.0, **more):
    return answers.once(
        answers.key("Generate", "ann", request_id), digest, make, timeout_seconds=timeout_seconds, **more
    )


async def kept(database):
    return (await database.read(select(func.count(), func.coalesce(func.sum(table.c.size), 0))))[0]


async def claimed(database):
    """Wait until somebody is at work on an answer."""
    async with asyncio.timeout(20):
        while (await kept(database))[0] == 0:  # noqa: ASYNC110 - the database is all there is to look at
            await asyncio.sleep(0.01)


async def test_the_same_request_gets_the_same_answer_made_once(answers):
    make = Maker()
    assert [await ask(answers, make) for _ in range(3)] == [b"a0"] * 3
    assert await ask(answers, make, "other") == b"a1"


async def test_an_empty_answer_is_an_answer(answers):
    async def make():
        return b""

    assert await ask(answers, make) == b""
    assert await ask(answers, Maker()) == b""


async def test_a_request_id_belongs_to_one_caller_of_one_method(answers):
    keys = {answers.key(m, c, "r") for m in ("Generate", "Transfer") for c in ("", "ann", "annr")}
    assert len(keys) == 6
    assert answers.key("Generate", "an", "nr") != answers.key("Generate", "ann", "r")


async def test_a_request_id_used_for_another_request_is_refused_also_while_the_first_is_at_work(answers, database):
    first = asyncio.create_task(ask(answers, Maker(1.0)))
    await claimed(database)
    for _ in range(2):
        with pytest.raises(RequestIdReused):
            await ask(answers, Maker(), digest=b"\1" * 32)
        await first


async def test_those_who_ask_at_once_share_one_answer(answers):
    make = Maker(0.2)
    assert await asyncio.gather(*(ask(answers, make) for _ in range(20))) == [b"a0"] * 20


async def test_a_failure_is_not_kept(answers, database):
    async def fail():
        raise Unavailable("not now")

    with pytest.raises(Unavailable, match="not now"):
        await ask(answers, fail)
    assert await kept(database) == (0, 0)
    assert await ask(answers, Maker()) == b"a0"


async def test_an_answer_that_can_not_be_kept_is_given_all_the_same(answers, monkeypatch, caplog):
    async def full(*_):
        raise Unavailable("the database can't be used at the moment")

    monkeypatch.setattr(answers, "_keep", full)
    assert await ask(answers, Maker()) == b"a0"
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize("step", ["_read", "_claim"])
async def test_without_a_database_an_answer_is_made_afresh(answers, monkeypatch, caplog, step):
    async def away(*_):
        raise Unavailable("the database can't be used at the moment")

    monkeypatch.setattr(answers, step, away)
    make = Maker()
    assert [await ask(answers, make), await ask(answers, make)] == [b"a0", b"a1"]
    assert "answered afresh" in caplog.text


async def test_a_database_that_fails_is_not_waited_for_twice(answers, monkeypatch):
    async def busy(*_):
        raise Unavailable("locked")

    async def busy_for_long(*_):
        await asyncio.sleep(60)

    async def fail():
        raise Unavailable("not now")

    monkeypatch.setattr(answers, "_claim", busy)
    monkeypatch.setattr(answers, "_release", busy_for_long)
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable, match="not now"):
            await ask(answers, fail)


async def test_those_who_wait_for_a_failure_try_themselves(answers):
    first = Maker()

    async def fail_once():
        await first()
        await asyncio.sleep(0.1)
        if first.made == 1:
            raise Unavailable("not now")
        return b"done"

    done = await asyncio.gather(*(ask(answers, fail_once) for _ in range(4)), return_exceptions=True)
    assert Counter(map(str, done)) == {"b'done'": 3, "not now": 1}
    assert first.made == 2


async def test_a_caller_who_goes_away_lets_go(answers, database):
    gone = asyncio.create_task(ask(answers, Maker(60)))
    await claimed(database)
    assert await kept(database) == (1, 0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await ask(answers, Maker(), timeout_seconds=10) == b"a0"


async def test_waiting_ends_at_the_deadline(answers, database):
    done = asyncio.Event()

    async def make():
        await done.wait()
        return b"a0"

    first = asyncio.create_task(ask(answers, make))
    await claimed(database)
    with pytest.raises(DeadlineExceeded):
        await ask(answers, Maker(), timeout_seconds=0.1)
    done.set()
    assert await first == b"a0"


async def test_a_claim_is_renewed_while_its_owner_is_at_work(database, listener_key):
    answers = Answers(database, listener_key, claim_seconds=3.0)  # renewed each second: a slow disk may need two
    make = Maker(4.0)
    assert await asyncio.gather(ask(answers, make), ask(answers, make)) == [b"a0"] * 2


async def test_an_answer_expires(database, listener_key):
    answers = Answers(database, listener_key, ttl_seconds=0.3)
    make = Maker()
    assert await ask(answers, make) == b"a0"
    await asyncio.sleep(0.4)
    assert await ask(answers, make) == b"a1"
    await asyncio.sleep(0.4)
    await answers.sweep()
    assert await kept(database) == (0, 0)


async def test_bytes_are_bounded_and_the_oldest_go_first(database, listener_key):
    answers = Answers(database, listener_key, max_bytes=16_000)
    make = Maker(size=1000)
    for i in range(40):
        await ask(answers, make, f"r{i}")
    assert (await kept(database))[1] <= 17_000
    assert (await ask(answers, make, "r39")).strip() == b"a39"
    assert (await ask(answers, make, "r0")).strip() == b"a40"


async def test_rows_are_bounded(database, listener_key):
    answers = Answers(database, listener_key, max_rows=16)
    for i in range(40):
        await ask(answers, Maker(), f"r{i}")
    assert (await kept(database))[0] <= 17


async def test_an_answer_larger_than_all_bounds_is_given_but_not_kept(database, listener_key):
    answers = Answers(database, listener_key, max_bytes=100)
    assert len(await ask(answers, Maker(size=101))) == 101
    assert await kept(database) == (0, 0)


async def test_an_answer_made_while_its_listener_is_erased_is_not_kept(answers, database, listener_key):
    under_way = asyncio.create_task(ask(answers, Maker(1.0), listener_id="ann"))
    await claimed(database)
    await PlayStore(database, listener_key).erase("ann")
    assert await under_way == b"a0"
    assert await kept(database) == (0, 0)


async def start(database_url, tmp_path, claim_seconds, seconds, *request_ids):
    arguments = map(str, (PROCESS, database_url, tmp_path / "listener.key", claim_seconds, seconds, *request_ids))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=PIPE, stdout=PIPE)
    assert await process.stdout.readline() == b"ready\n"
    return process


async def run(process):
    output, _ = await process.communicate(b"go\n")
    assert process.returncode == 0
    *makes, got = output.decode().splitlines()
    return makes, json.loads(got)


async def test_processes_that_get_the_same_requests_at_once_make_each_answer_once(database_url, tmp_path):
    ids = [f"r{i}" for i in range(15)]
    processes = [await start(database_url, tmp_path, 10, 0.05, *ids) for _ in range(2)]
    (first_made, first_got), (second_made, second_got) = await asyncio.gather(*map(run, processes))
    assert first_got == second_got == 2 * first_got[:15]
    assert sorted(first_made + second_made) == sorted(f"makes {request_id}" for request_id in ids)


async def test_the_claim_of_a_process_that_died_is_taken_over(database_url, tmp_path):
    dying = await start(database_url, tmp_path, 1.0, 60, "r")
    dying.stdin.write(b"go\n")
    assert await dying.stdout.readline() == b"makes r\n"
    dying.kill()
    await dying.communicate()
    heir = await start(database_url, tmp_path, 1.0, 0, "r")
    assert await run(heir) == (["makes r"], 2 * [f"r by {heir.pid}"])
