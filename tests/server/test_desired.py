"""What operators asked for is read from one file; a file that can't be read takes nothing away."""

import errno
import logging
import os
from pathlib import Path

import pytest
from segue.plugin_api.errors import FailedPrecondition
from segue.server.desired import DesiredFile

BROKEN = [b'{"unloaded"', b'{"unloadet": []}', b"\xff\xfe"]


@pytest.fixture
def desired(tmp_path):
    desired = DesiredFile(tmp_path)
    with desired.change() as state:
        state.unloaded.add("vae")
    return desired


def test_every_process_follows_a_change(desired, tmp_path):
    other = DesiredFile(tmp_path)
    with desired.change() as state:
        state.unloaded.add("gan")
    other.refresh()
    assert other.state.unloaded == {"vae", "gan"}


def test_two_changes_of_one_tick_of_the_clock_are_two(desired, tmp_path):
    other = DesiredFile(tmp_path)
    stamp = (tmp_path / "gateway.json").stat().st_mtime_ns
    with desired.change() as state:
        state.unloaded.add("gan")
    os.utime(tmp_path / "gateway.json", ns=(stamp, stamp))
    other.refresh()
    assert other.state.unloaded == {"vae", "gan"}


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_breaks_leaves_the_state_as_it_was_and_is_logged_once(desired, tmp_path, content, caplog):
    (tmp_path / "gateway.json").write_bytes(content)
    with caplog.at_level(logging.ERROR):
        desired.refresh()
        desired.refresh()
    assert desired.state.unloaded == {"vae"}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "gateway.json in the model store can't be read" in caplog.text


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_neither_begun_with_nor_overwritten(desired, tmp_path, content):
    (tmp_path / "gateway.json").write_bytes(content)
    with pytest.raises(FailedPrecondition, match="can't be read"):
        DesiredFile(tmp_path)
    desired.refresh()
    with pytest.raises(FailedPrecondition), desired.change() as state:
        state.unloaded.add("gan")
    assert (tmp_path / "gateway.json").read_bytes() == content


def test_what_can_not_be_written_is_said_and_leaves_the_state_and_no_file(desired, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(FailedPrecondition, match=r"can't be written: No space"), desired.change() as state:
        state.unloaded.add("gan")
    assert desired.state.unloaded == {"vae"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.json", "gateway.lock"]


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
