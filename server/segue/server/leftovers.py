"""What a server that was killed leaves behind: its scratch folder, and the shared memory of its models.

Shared memory is memory: thirty megabytes with all shipped algorithms, which nobody gives back before the machine starts
anew. So a server locks a file in its scratch folder for as long as it lives, and the next one removes what belongs to
files that nobody locks. The kernel ends a lock with its process, in whatever container that ran.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO, Final

log = logging.getLogger(__name__)

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - where Triton's Python backend keeps it
SCRATCH_PREFIX: Final = "segue-"
ENVIRONMENTS: Final = Path("/tmp")  # noqa: S108 - where Triton's Python backend makes a folder, used or not
_LOCK: Final = "alive"
_OURS: Final = re.compile(r"segue_\d+_\d+_")


def remove_shared_memory(prefix: str) -> None:
    """Remove the shared memory whose names begin so."""
    for leftover in SHARED_MEMORY.glob(f"{prefix}*"):
        leftover.unlink(missing_ok=True)


def claim(scratch: Path, shared_memory_prefix: str) -> IO[str]:
    """Say that a scratch folder and the shared memory of a prefix are in use, until the file returned is closed."""
    aside = scratch / f".{_LOCK}"
    lock = aside.open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(shared_memory_prefix)
    lock.flush()
    aside.rename(scratch / _LOCK)  # only now: nobody may find it without its lock
    return lock


def sweep() -> None:
    """Remove what servers of this user left that were killed."""
    _sweep_environments()
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError), path.open() as lock:
            # The folder of temporary files is everybody's: what another user put there is not ours to follow.
            if os.fstat(lock.fileno()).st_uid != os.geteuid() or path.parent.is_symlink():
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            prefix = lock.read()
            if _OURS.fullmatch(prefix):
                remove_shared_memory(prefix)
            shutil.rmtree(path.parent, ignore_errors=True)
            log.info("removed what a killed server left", extra={"folder": path.parent.name})


def _sweep_environments() -> None:
    """Remove the empty folders of tritonservers that were killed, unless one lives whose folder may be among them."""
    for name in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if name.read_text() == "tritonserver\n":
                return
    for folder in ENVIRONMENTS.glob("python_env_*"):
        with contextlib.suppress(OSError):  # one that is not empty, or no folder, stays
            if folder.lstat().st_uid == os.geteuid():
                folder.rmdir()
