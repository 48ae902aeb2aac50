"""The database: SQLite in a file, or PostgreSQL by URL; the same tables and the same statements on both.

Several gateway processes share it. A transaction that has ended without an error is on the disk: SQLite syncs its log
at every commit, and so does PostgreSQL unless its administrator has set ``synchronous_commit`` to ``off``.
Listener ids never come here: the ``listener`` columns hold keyed hashes (``listener_key.py``).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from segue.plugin_api.errors import FailedPrecondition, Overloaded, Unavailable
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    UniqueConstraint,
    event,
    exc,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

SCHEMA_VERSION: Final = 1
"""Version of the tables below. A change raises it and adds the statements that lead to it to ``UPGRADES``."""

UPGRADES: Final[dict[int, tuple[str, ...]]] = {}
"""Version → the statements that lead to it from the version before, right on SQLite and PostgreSQL."""

BUSY_SECONDS: Final = 10.0
"""How long a transaction waits for another process, or for a connection, before the caller is told to try again."""

_log = logging.getLogger(__name__)
_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_DEFECTS: Final = (exc.ProgrammingError, exc.IntegrityError, exc.DataError, exc.NotSupportedError)
_UPGRADE_LOCK: Final = 0x5E90E
_OLDEST_SQLITE: Final = (3, 35)

metadata = MetaData()

facts = Table(
    "segue_facts",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)
"""What must be known of the database itself: the version of its tables, the fingerprint of the listener key."""

plays = Table(
    "segue_plays",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("listener", LargeBinary(16), nullable=False),
    Column("event_id", String(100), nullable=False),
    Column("track_id", String(200), nullable=False),
    Column("played_at", BigInteger, nullable=False),
    Column("plays", Double, nullable=False),
    UniqueConstraint("listener", "event_id"),
    Index("segue_plays_latest", "listener", "played_at", "id"),
)
"""Plays. ``played_at`` is in nanoseconds since 1970-01-01 UTC."""

answers = Table(
    "segue_answers",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("claim", LargeBinary(16), nullable=False),
    Column("listener", LargeBinary(16), index=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("answer", LargeBinary),
)
"""Answers by request id. Without ``answer``: ``claim`` is at work on it until ``expires_at`` (ms since 1970)."""


class Written(NamedTuple):
    """What a statement did: the rows that its RETURNING names, and how many rows it touched."""

    rows: Sequence[Row[Any]]
    touched: int


class Database:
    """A database that is open; made by ``open_database``.

    A caller who is cancelled while a statement runs does not stop it: a transaction that is cut off may keep its locks
    until the connection is collected. It ends in the background, or fails by its own timeouts.

    Attributes
    ----------
    insert
        ``insert(table)`` with the ``on_conflict_...`` methods of this database.
    writers
        How many transactions of this process may write at once.
    """

    def __init__(self, engine: AsyncEngine, connections: int) -> None:
        self._engine = engine
        self._file = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
        self._opened = self._file and _identity(self._file)
        self._is_sqlite = engine.dialect.name == "sqlite"
        self.insert: Any = sqlite.insert if self._is_sqlite else postgresql.insert
        # SQLite has one writer at a time: within the process they queue here instead of polling the file's lock.
        self.writers = 1 if self._is_sqlite else connections
        self._write_turns = asyncio.Semaphore(self.writers)
        self._read_turns = asyncio.Semaphore(connections)
        self._under_way: set[asyncio.Task[Any]] = set()

    async def read(self, query: Any) -> Sequence[Row[Any]]:
        """Run a query and return its rows.

        Raises
        ------
        Unavailable
            The database can't be reached, or is locked for too long.
        Overloaded
            All connections were in use for too long.
        """
        return (await self._run(self._read_turns, "", query)).rows

    async def write(self, statement: Any, values: Any = None) -> Written:
        """Run a statement in a transaction of its own; what it wrote is durable when this returns.

        Parameters
        ----------
        statement
            An INSERT, UPDATE or DELETE.
        values
            Column name → value, or a list of such rows.

        Raises
        ------
        Unavailable
            The database can't be reached, or is locked for too long.
        Overloaded
            All connections were in use for too long.
        """
        return await self._run(self._write_turns, "BEGIN IMMEDIATE", statement, values)

    async def remember(self, name: str, value: str) -> str:
        """Store a fact unless one of that name is stored, and return the stored one.

        Parameters
        ----------
        name
            At most 40 characters.
        value
            At most 200 characters.
        """
        await self.write(self.insert(facts).on_conflict_do_nothing(), {"name": name, "value": value})
        return str((await self.read(select(facts.c.value).where(facts.c.name == name)))[0].value)

    async def scrub(self) -> None:
        """Remove the bytes of deleted rows from SQLite's files.

        ``secure_delete`` zeroes deleted rows, but not the copies that a page keeps in its free space after a split. So
        the file is written anew, which takes time and space proportional to its size, and its log is cut to nothing.

        PostgreSQL reuses the space of deleted rows in its own time. To remove their bytes at once, its administrator
        runs ``VACUUM FULL segue_plays, segue_answers``; write-ahead logs and backups go when their retention ends.

        Raises
        ------
        Unavailable
            Other processes kept the log in use; the same call may be made again.
        """
        if not self._is_sqlite:
            return
        await self._run(self._write_turns, "", text("VACUUM"))
        deadline = time.monotonic() + BUSY_SECONDS
        # SQLite does not wait for another process that cuts the log too, so this waits.
        while (await self._run(self._write_turns, "", text("PRAGMA wal_checkpoint(TRUNCATE)"))).rows[0].busy:
            if time.monotonic() > deadline:
                raise Unavailable("the database's log is in use by other processes; erase again")
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Let the statements under way finish, and close all connections."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._engine.dispose()

    @asynccontextmanager
    async def transaction(self, begin: str) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection for a transaction. For one statement, ``read`` and ``write`` are better.

        Parameters
        ----------
        begin
            What begins it on SQLite: ``"BEGIN IMMEDIATE"``, or empty to run each statement by itself.

        Raises
        ------
        Unavailable
            The database can't be reached, or is locked for too long; its file was removed or replaced.
        """
        if self._file is not None and _identity(self._file) != self._opened:
            # SQLite would go on writing into the file that is gone, and all that it acknowledged would go with it.
            _log.error("the database's file was removed or replaced: put it back, or restart the server")
            raise Unavailable("the database can't be used at the moment")
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(segue_begin=begin)
                async with connection.begin():
                    yield connection
        except _DEFECTS:
            raise
        except (exc.DBAPIError, OSError) as error:
            _log.warning("the database failed: %s: %s", type(error).__name__, error)
            raise Unavailable("the database can't be used at the moment") from error

    async def _run(self, turns: asyncio.Semaphore, begin: str, statement: Any, values: Any = None) -> Written:
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await turns.acquire()
        except TimeoutError:
            raise Overloaded("all connections to the database are in use") from None
        task = asyncio.create_task(self._execute(begin, statement, values))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda _: turns.release())
        return await asyncio.shield(task)

    async def _execute(self, begin: str, statement: Any, values: Any) -> Written:
        async with self.transaction(begin) as connection:
            result = await connection.execute(statement, values)
            return Written(result.all() if result.returns_rows else (), result.rowcount)


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


async def open_database(url: str | URL, *, connections: int = 4) -> Database:
    """Open a database and bring its tables up to date; safe when several processes start at once.

    Parameters
    ----------
    url
        ``sqlite:////path/to/file.db`` (on a local disk; made if absent, readable by its owner alone) or
        ``postgresql://user:password@host/name``.
    connections
        How many transactions of this process may read at once, and how many may write (SQLite: always one).

    Raises
    ------
    ValueError
        The URL is of no database that can be used.
    FailedPrecondition
        The tables were made by a newer version of Segue.
    Unavailable
        The database can't be reached.
    """
    address = _address(url)
    is_sqlite = address.get_backend_name() == "sqlite"
    engine = (_sqlite_engine if is_sqlite else _postgresql_engine)(address, connections)
    database = Database(engine, connections)
    try:
        if is_sqlite:
            await _write_ahead(database)
        async with database.transaction("BEGIN IMMEDIATE") as connection:
            if not is_sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
            await connection.run_sync(_upgrade)
    except BaseException:
        await database.close()
        raise
    return database


def _address(url: str | URL) -> URL:
    try:
        address = make_url(url)
    except (exc.ArgumentError, ValueError):
        # Without its cause: that shows the URL, and a URL may carry a password.
        raise ValueError("database_url is no URL; give sqlite:////path/to/file.db or postgresql://...") from None
    driver = _DRIVERS.get(address.drivername.partition("+")[0])
    if driver is None:
        raise ValueError(f"database_url starts with {address.drivername!r}; sqlite and postgresql can be used")
    address = address.set(drivername=driver)
    if driver == "sqlite+aiosqlite" and (not address.database or address.database.startswith((":", "file:"))):
        raise ValueError("database_url names no file; a SQLite database must be one: sqlite:////path/to/file.db")
    return address


def _sqlite_engine(address: URL, connections: int) -> AsyncEngine:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ValueError(f"this Python's SQLite is {sqlite3.sqlite_version}; 3.35 or newer is needed, or PostgreSQL")
    # At DEBUG the driver logs the values of statements: plays and answers.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    path = Path(str(address.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_async_engine(
        address,
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,
        max_overflow=0,
        pool_size=connections + 1,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # The driver would begin transactions by itself, and too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("synchronous = FULL", "secure_delete = ON", "temp_store = MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get("segue_begin")
        if statement:
            connection.exec_driver_sql(statement)

    return engine


async def _write_ahead(database: Database) -> None:
    """Give the file a write-ahead log, which it keeps ever after.

    SQLite does not wait for another process that does the same or has the file in use, so this waits.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    async with database.transaction("") as connection:
        while True:
            try:
                await connection.execute(text("PRAGMA journal_mode = WAL"))
                return
            except exc.OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", 0) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.01)


def _postgresql_engine(address: URL, connections: int) -> AsyncEngine:
    try:
        return create_async_engine(
            address,
            connect_args={"timeout": BUSY_SECONDS, "command_timeout": 3 * BUSY_SECONDS},
            hide_parameters=True,
            max_overflow=0,
            pool_pre_ping=True,
            pool_size=2 * connections,
        )
    except ModuleNotFoundError as error:
        raise ValueError(
            "database_url names PostgreSQL, whose driver is missing: pip install 'segue[postgres]'"
        ) from error


def _upgrade(connection: Connection) -> None:
    facts.create(connection, checkfirst=True)
    stored = connection.scalar(select(facts.c.value).where(facts.c.name == "schema"))
    if stored is None:
        metadata.create_all(connection)
        connection.execute(facts.insert(), {"name": "schema", "value": str(SCHEMA_VERSION)})
        return
    version = int(stored)
    if version > SCHEMA_VERSION:
        raise FailedPrecondition(
            f"the database has tables of version {version}, this Segue knows version {SCHEMA_VERSION}; upgrade Segue"
        )
    for step in range(version + 1, SCHEMA_VERSION + 1):
        for statement in UPGRADES[step]:
            connection.execute(text(statement))
    connection.execute(facts.update().where(facts.c.name == "schema"), {"value": str(SCHEMA_VERSION)})
