import asyncio
import sqlite3
import stat
import sys

import asyncpg
import pytest
from segue.plugin_api.errors import FailedPrecondition, Overloaded, Unavailable
from segue.server import database as module
from segue.server.database import facts, open_database
from sqlalchemy import exc, select, text

SLOW = text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 3000000) "
    "SELECT count(*) FROM numbers"
)


async def fact(database, name):
    rows = await database.read(select(facts.c.value).where(facts.c.name == name))
    return rows[0].value if rows else None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "no URL"),
        ("plays.db", "no URL"),
        ("postgresql://ann:secret@host:port/name", "no URL"),
        ("mysql://ann:secret@host/name", "sqlite and postgresql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:plays.db?mode=ro&uri=true", "names no file"),
    ],
)
async def test_a_url_that_cannot_be_used_is_refused_without_showing_its_password(url, says):
    with pytest.raises(ValueError, match=says) as raised:
        await open_database(url)
    assert "secret" not in str(raised.value)


async def test_an_unreachable_database_is_unavailable(tmp_path):
    with pytest.raises(Unavailable):
        await open_database(f"postgresql://segue@/name?host={tmp_path}")


async def test_a_database_may_be_opened_by_many_at_once_and_again(database_url):
    for _ in range(2):
        databases = await asyncio.gather(*(open_database(database_url) for _ in range(6)))
        assert {await fact(database, "schema") for database in databases} == {str(module.SCHEMA_VERSION)}
        for database in databases:
            await database.close()


async def test_a_new_file_that_another_process_has_in_use_is_waited_for(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'plays.db'}"
    other = sqlite3.connect(tmp_path / "plays.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    opening = asyncio.create_task(open_database(url))
    await asyncio.sleep(0.3)
    assert not opening.done()
    other.execute("ROLLBACK")
    await (await opening).close()
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.2)
    with pytest.raises(Unavailable):
        await open_database(url)
    other.close()


async def test_tables_of_a_newer_version_are_refused(database_url, database, monkeypatch):
    monkeypatch.setattr(module, "SCHEMA_VERSION", module.SCHEMA_VERSION - 1)
    with pytest.raises(FailedPrecondition, match="upgrade Segue"):
        await open_database(database_url)


async def test_tables_of_an_older_version_are_brought_up_to_date_once(database_url, database, monkeypatch):
    new = module.SCHEMA_VERSION + 1
    monkeypatch.setattr(module, "SCHEMA_VERSION", new)
    monkeypatch.setitem(module.UPGRADES, new, ("ALTER TABLE segue_plays ADD COLUMN device VARCHAR(20)",))
    for _ in range(2):
        upgraded = await open_database(database_url)
        assert await fact(upgraded, "schema") == str(new)
        assert await upgraded.read(text("SELECT device FROM segue_plays")) == []
        await upgraded.close()


async def test_the_first_to_remember_a_fact_wins(database):
    assert await asyncio.gather(*(database.remember("colour", value) for value in ("red", "blue", "green"))) in (
        ["red"] * 3,
        ["blue"] * 3,
        ["green"] * 3,
    )


async def test_a_statement_that_fails_leaves_nothing(database):
    with pytest.raises(exc.IntegrityError):
        await database.write(facts.insert(), [{"name": "colour", "value": value} for value in ("red", "blue")])
    assert await fact(database, "colour") is None


async def test_no_connection_in_time_is_overloaded(database_url, monkeypatch):
    database = await open_database(database_url, connections=1)
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    slow = asyncio.create_task(database.read(SLOW))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await fact(database, "schema")
    assert (await slow)[0] == (3_000_000,)
    assert await fact(database, "schema")
    await database.close()


async def test_what_a_caller_who_went_away_began_is_finished(database):
    write = asyncio.create_task(database.write(facts.insert(), {"name": "colour", "value": "red"}))
    await asyncio.sleep(0)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    async with asyncio.timeout(20):
        while await fact(database, "colour") is None:  # noqa: ASYNC110 - another connection makes it so
            await asyncio.sleep(0.01)
    assert await database.remember("colour", "blue") == "red"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_file_is_private_and_set_up_for_durability_and_deletion(database, tmp_path):
    assert stat.S_IMODE((tmp_path / "plays.db").stat().st_mode) == 0o600
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)):
        assert await database.read(text(f"PRAGMA {pragma}")) == [(value,)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_file_that_is_locked_for_too_long_is_unavailable(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.2)
    database = await open_database(database_url)
    other = sqlite3.connect(tmp_path / "plays.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await database.remember("colour", "red")
    other.execute("ROLLBACK")
    assert await database.remember("colour", "red") == "red"
    other.execute("BEGIN")
    other.execute("SELECT * FROM segue_facts").fetchall()
    await database.remember("shape", "round")
    with pytest.raises(Unavailable, match="erase again"):
        await database.scrub()
    monkeypatch.setattr(module, "BUSY_SECONDS", 60.0)
    scrubbing = asyncio.create_task(database.scrub())
    await asyncio.sleep(0.5)
    assert not scrubbing.done()
    other.close()
    await scrubbing
    await database.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_was_removed_or_replaced_is_unavailable_until_it_is_back(tmp_path, caplog, replaced):
    path = tmp_path / "plays.db"
    database = await open_database(f"sqlite:///{path}")
    path.rename(tmp_path / "aside.db")
    if replaced:
        path.touch()
    with pytest.raises(Unavailable):
        await database.remember("colour", "red")
    assert "removed or replaced" in caplog.text
    (tmp_path / "aside.db").replace(path)
    assert await database.remember("colour", "red") == "red"
    await database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_lost_connections_are_unavailable_and_then_replaced(database, database_url):
    other = await asyncpg.connect(database_url)

    async def lose_connections():
        others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        await other.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    sleep = asyncio.create_task(database.read(text("SELECT pg_sleep(60)")))
    asleep = "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
    async with asyncio.timeout(60):
        while not await other.fetch(asleep):  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.01)
    await lose_connections()
    with pytest.raises(Unavailable):
        await sleep
    assert await database.remember("colour", "red") == "red"
    await lose_connections()
    assert await fact(database, "colour") == "red"
    await other.close()


async def test_a_missing_driver_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ValueError, match=r"segue\[postgres\]"):
        await open_database("postgresql://segue@/name")
