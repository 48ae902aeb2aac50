"""What sleeps hangs, what works does not, however long it takes."""

import asyncio
import signal
import subprocess
import sys

import psutil
import pytest
from segue.server.hangs import HangWatch
from segue.server.processes import Idleness, Process, group

STALL = 0.6
WORK = "while True: pass"
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def run():
    """Start a process that leads a group; further words are the children that it starts first."""
    started = []

    def start(code, *children):
        spawn = f"import subprocess, sys\nfor child in {children!r}: subprocess.Popen([sys.executable, '-c', *child])\n"
        started.append(subprocess.Popen([sys.executable, "-c", spawn + code], start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def watch(leader, states, longest=60.0):
    async def ask(seconds):
        return states

    return HangWatch(leader.pid, ask, STALL, longest)


async def outcome(hang_watch, seconds=3 * STALL):
    """What the watch says within some seconds, or None."""
    try:
        return await asyncio.wait_for(hang_watch.run(), seconds)
    except TimeoutError:
        return None


async def children(leader, count):
    for _ in range(200):
        found = [process for process in group(leader.pid) if process.parent == leader.pid]
        if len(found) == count and all("model.py" in process.command for process in found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("the children did not start")


def model(code, name):
    """The command line of a child that serves or loads a model."""
    return (code, f"/repository/{name}/1/model.py", "segue")


async def test_a_server_that_sleeps_and_does_not_answer_hangs(run):
    assert "does not answer, and did nothing for" in await outcome(watch(run(SLEEP), None))


async def test_a_server_that_is_stopped_hangs(run):
    leader = run(WORK)
    leader.send_signal(signal.SIGSTOP)
    assert "does not answer, and did nothing for" in await outcome(watch(leader, None))


async def test_a_server_that_works_may_take_its_time_to_answer(run):
    assert await outcome(watch(run(WORK), None)) is None


async def test_but_not_for_ever(run):
    assert "was not done after 1 s" in await outcome(watch(run(WORK), None, longest=1.0))


@pytest.mark.parametrize("state", ["READY", "UNAVAILABLE", ""])
async def test_a_server_that_answers_and_loads_nothing_may_sleep(run, state):
    assert await outcome(watch(run(SLEEP), {("slow", "1"): state})) is None


async def test_a_server_that_loads_without_a_process_hangs_unless_it_serves_others(run):
    leader = run(SLEEP)
    assert "loads a model that has no process" in await outcome(watch(leader, {("slow", "1"): "LOADING"}))
    assert await outcome(watch(leader, {("slow", "1"): "LOADING", ("other", "1"): "READY"}, longest=1.0)) is None


async def test_only_the_process_that_hangs_while_it_loads_is_killed(run):
    leader = run(SLEEP, model(SLEEP, "hanging"), model(WORK, "working"), model(SLEEP, "serving"))
    before = {process.command.split()[-2]: process.pid for process in await children(leader, 3)}
    states = {("hanging", "1"): "LOADING", ("working", "1"): "LOADING", ("serving", "1"): "READY"}
    assert await outcome(watch(leader, states)) is None
    left = {process.pid for process in group(leader.pid)}
    gone = {name for name, pid in before.items() if pid not in left}
    assert gone == {"/repository/hanging/1/model.py"}


async def test_a_load_may_wait_for_a_process_of_its_own(run):
    helper = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    leader = run(SLEEP, model(helper, "waiting"))
    await children(leader, 1)
    assert await outcome(watch(leader, {("waiting", "1"): "LOADING"})) is None
    assert len(group(leader.pid)) == 3
    assert await outcome(watch(leader, {("waiting", "1"): "LOADING"}, longest=1.0)) is None
    assert [process.pid for process in group(leader.pid)] == [leader.pid]


async def test_a_load_that_works_without_an_end_is_ended(run):
    leader = run(SLEEP, model(WORK, "spinning"))
    await children(leader, 1)
    assert await outcome(watch(leader, {("spinning", "1"): "LOADING"}, longest=1.0)) is None
    assert [process.pid for process in group(leader.pid)] == [leader.pid]


def test_a_process_that_waits_for_the_processor_is_not_idle():
    idleness = Idleness()
    starved, sleeping = Process(1, 0, False, 7, ""), Process(2, 0, True, 7, "")
    for now in (0.0, 10.0, 20.0):
        idle = idleness.observe([starved, sleeping], now)
    assert idle == {1: 0.0, 2: 20.0}
    assert idleness.observe([Process(2, 0, True, 8, "")], 30.0) == {2: 0.0}
