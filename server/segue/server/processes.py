"""What the processes of a group are doing, read from Linux's /proc."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process at one moment.

    Attributes
    ----------
    pid, parent
        Its id and that of its parent.
    asleep
        False while it runs, or waits for the processor or a disk: a starved process is not a hanging one.
    used
        Processor time used so far, by all of its threads and the children it waited for, in clock ticks.
    command
        Its command line, words separated by spaces.
    """

    pid: int
    parent: int
    asleep: bool
    used: int
    command: str


def group(leader: int) -> list[Process]:
    """Return the processes of a process group; one that ends meanwhile, or is a zombie, is left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name stands in parentheses and may hold some itself. After it: state, parent, group, ...
            _, _, rest = (folder / "stat").read_text().rpartition(") ")
            fields = rest.split()
            if int(fields[2]) != leader or fields[0] in "ZX":
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        used = sum(int(field) for field in fields[11:15])
        found.append(Process(int(folder.name), int(fields[1]), fields[0] not in "RD", used, command))
    return found


def tree(root: Process, processes: list[Process]) -> list[Process]:
    """Return a process and those below it."""
    found = [root]
    for parent in found:
        found += [process for process in processes if process.parent == parent.pid]
    return found


class Idleness:
    """For how long processes have slept without using the processor."""

    def __init__(self) -> None:
        self._marks: dict[int, tuple[int, float]] = {}

    def observe(self, processes: list[Process], now: float) -> dict[int, float]:
        """Take in what processes do now; return for each id the seconds since it was last seen to do anything.

        Parameters
        ----------
        processes
            All that are observed; one that is missing is forgotten.
        now
            ``time.monotonic()``.
        """
        marks = {}
        for process in processes:
            used, since = self._marks.get(process.pid, (-1, now))
            idle = process.asleep and process.used == used
            marks[process.pid] = (process.used, since if idle else now)
        self._marks = marks
        return {pid: now - since for pid, (_, since) in marks.items()}
