import asyncio
import stat

import pytest
from segue.plugin_api.errors import FailedPrecondition
from segue.server.listener_key import ListenerKey, open_listener_key


def test_hashes_differ_by_key_purpose_and_parts():
    key, other = ListenerKey(b"k" * 32), ListenerKey(b"o" * 32)
    hashes = [
        key.listener("ann"),
        key.listener("bob"),
        other.listener("ann"),
        key.hash("request", "ann"),
        key.hash("request", "a", "nn"),
        key.hash("request", "an", "n"),
        key.hash("request", "ann", ""),
    ]
    assert len(set(hashes)) == len(hashes)
    assert [len(h) for h in hashes] == [16] * 3 + [32] * 4
    assert key.listener("ann") == ListenerKey(b"k" * 32).listener("ann")


def test_a_key_file_is_made_private_and_read_again(tmp_path):
    path = tmp_path / "new" / "listener.key"
    key = ListenerKey.from_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["listener.key"]
    assert ListenerKey.from_file(path).listener("ann") == key.listener("ann")


async def test_those_who_start_at_once_share_one_key(tmp_path):
    path = tmp_path / "listener.key"
    keys = await asyncio.gather(*(asyncio.to_thread(ListenerKey.from_file, path) for _ in range(8)))
    assert len({key.listener("ann") for key in keys}) == 1


@pytest.mark.parametrize("content", ["", "x" * 31, "   " + "x" * 31 + "\n"])
def test_a_short_key_is_refused(tmp_path, content):
    path = tmp_path / "listener.key"
    path.write_text(content)
    with pytest.raises(ValueError, match="at least 32"):
        ListenerKey.from_file(path)


async def test_another_key_than_the_databases_is_refused(database, listener_key, tmp_path):
    same = await open_listener_key(tmp_path / "listener.key", database)
    assert same.listener("ann") == listener_key.listener("ann")
    with pytest.raises(FailedPrecondition, match=r"other\.key is not the key"):
        await open_listener_key(tmp_path / "other.key", database)
