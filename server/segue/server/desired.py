"""What operators asked for, kept in one file beside the models so that every gateway process follows it.

STORE/gateway.json    {"unloaded": [...], "traffic": {"recommend": {"shares": {"ials": 1.0}, "shadow": ""}}}
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError
from segue.plugin_api.errors import FailedPrecondition

log = logging.getLogger(__name__)

_NO_FILE: Final = (0, 0)


class TrafficRule(BaseModel):
    """Who answers calls that name no algorithm."""

    model_config = ConfigDict(extra="forbid")
    shares: dict[str, float]
    shadow: str = ""


class Desired(BaseModel):
    """What operators asked for."""

    model_config = ConfigDict(extra="forbid")
    unloaded: set[str] = set()
    traffic: dict[str, TrafficRule] = {}


class DesiredFile:
    """The file, and the state that was read from it last.

    Parameters
    ----------
    folder
        Folder of the model store.

    Raises
    ------
    FailedPrecondition
        If the file can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gateway.json"
        self._stamp = _NO_FILE
        self.state = Desired()
        self._read()

    def refresh(self) -> None:
        """Read the file again if it changed; one that can't be read leaves the state as it is, and is logged once."""
        try:
            self._read()
        except FailedPrecondition as error:
            log.error("what operators asked for stays as it was: %s", error)

    def _read(self) -> None:
        try:
            found = self._path.stat()
            # A clock of some milliseconds stamps two changes alike; each change is a file of its own.
            stamp = found.st_mtime_ns, found.st_ino
            if stamp != self._stamp:
                self._stamp = stamp
                self.state = Desired.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            self.state, self._stamp = Desired(), _NO_FILE
        except (OSError, ValidationError) as error:
            cause = error.strerror if isinstance(error, OSError) else error.errors()[0]["msg"]
            raise FailedPrecondition(
                f"{self._path.name} in the model store can't be read: {cause}; mend it, or remove it to forget what "
                "was unloaded and how calls are routed"
            ) from None

    @contextmanager
    def change(self) -> Iterator[Desired]:
        """Change the state under a lock that all processes share; it is written when the block ends without error.

        Raises
        ------
        FailedPrecondition
            If the file can be neither read nor written; the state is as it was.
        """
        try:
            with self._changing() as state:
                yield state
        except OSError as error:
            raise FailedPrecondition(
                f"{self._path.name} in the model store can't be written: {error.strerror}"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[Desired]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._stamp = _NO_FILE  # what can't be read must not be overwritten
            self._read()
            state = self.state.model_copy(deep=True)
            yield state
            aside = self._path.with_name(f".gateway-{os.getpid()}.json")
            try:
                aside.write_text(state.model_dump_json(indent=2))
                aside.replace(self._path)
            finally:
                aside.unlink(missing_ok=True)
            self._read()
