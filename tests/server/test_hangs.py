"""What sleeps hangs, what works does not, however long it takes."""

import asyncio
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

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


async def cause(hang_watch):
    """Why the watch has the tritonserver started anew."""
    return await asyncio.wait_for(hang_watch.run(), 60)


@asynccontextmanager
async def watched(hang_watch):
    """Keep a watch that does not have the tritonserver started anew."""
    watching = asyncio.create_task(hang_watch.run())
    yield
    assert not watching.done()
    watching.cancel()


async def nothing_happens(hang_watch):
    async with watched(hang_watch):
        await asyncio.sleep(3 * STALL)


async def until(condition):
    """Wait until something holds; how soon is the machine's business."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - processes tell nobody
            await asyncio.sleep(0.05)


async def children(leader, count):
    def found():
        return [process for process in group(leader.pid) if process.command.endswith(" segue")]

    await until(lambda: len(found()) == count)
    return found()


def model(code, name):
    """The command line of a child that serves or loads a model."""
    return (code, f"/repository/{name}/1/model.py", "segue")


async def test_a_server_that_sleeps_and_does_not_answer_hangs(run):
    assert "does not answer, and did nothing for" in await cause(watch(run(SLEEP), None))


async def test_a_server_that_is_stopped_hangs(run):
    leader = run(WORK)
    leader.send_signal(signal.SIGSTOP)
    assert "does not answer, and did nothing for" in await cause(watch(leader, None))


async def test_a_server_that_works_may_take_its_time_to_answer(run):
    await nothing_happens(watch(run(WORK), None))


async def test_but_not_for_ever(run):
    assert "was not done after" in await cause(watch(run(WORK), None, longest=1.0))


@pytest.mark.parametrize("state", ["READY", "UNAVAILABLE", ""])
async def test_a_server_that_answers_and_loads_nothing_may_sleep(run, state):
    await nothing_happens(watch(run(SLEEP), {("slow", "1"): state}))


async def test_a_server_that_loads_without_a_process_hangs_unless_it_serves_others(run):
    leader = run(SLEEP)
    assert "loads a model that has no process" in await cause(watch(leader, {("slow", "1"): "LOADING"}))
    await nothing_happens(watch(leader, {("slow", "1"): "LOADING", ("other", "1"): "READY"}, longest=1.0))


async def test_only_the_process_that_hangs_while_it_loads_is_killed(run):
    leader = run(SLEEP, model(SLEEP, "hanging"), model(WORK, "working"), model(SLEEP, "serving"))
    before = {process.command.split()[-2]: process.pid for process in await children(leader, 3)}
    states = {("hanging", "1"): "LOADING", ("working", "1"): "LOADING", ("serving", "1"): "READY"}

    def gone():
        left = {process.pid for process in group(leader.pid)}
        return {name for name, pid in before.items() if pid not in left}

    async with watched(watch(leader, states)):
        await until(gone)
        await asyncio.sleep(2 * STALL)
    assert gone() == {"/repository/hanging/1/model.py"}


async def test_a_load_may_wait_for_a_process_of_its_own(run):
    helper = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    leader = run(SLEEP, model(helper, "waiting"))
    await until(lambda: len(group(leader.pid)) == 3)
    await nothing_happens(watch(leader, {("waiting", "1"): "LOADING"}))
    assert len(group(leader.pid)) == 3
    async with watched(watch(leader, {("waiting", "1"): "LOADING"}, longest=1.0)):
        await until(lambda: [process.pid for process in group(leader.pid)] == [leader.pid])


async def test_a_load_that_works_without_an_end_is_ended(run):
    leader = run(SLEEP, model(WORK, "spinning"))
    await children(leader, 1)
    async with watched(watch(leader, {("spinning", "1"): "LOADING"}, longest=1.0)):
        await until(lambda: [process.pid for process in group(leader.pid)] == [leader.pid])


def test_a_process_that_waits_for_the_processor_is_not_idle():
    idleness = Idleness()
    starved, sleeping = Process(1, 0, False, 7, ""), Process(2, 0, True, 7, "")
    for now in (0.0, 10.0, 20.0):
        idle = idleness.observe([starved, sleeping], now)
    assert idle == {1: 0.0, 2: 20.0}
    assert idleness.observe([Process(2, 0, True, 8, "")], 30.0) == {2: 0.0}
