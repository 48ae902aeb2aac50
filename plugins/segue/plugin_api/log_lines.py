"""How a model's process logs: each record is one line that begins with its level's letter, as Triton's own lines do.

The gateway reads the embedded tritonserver's output line by line. Without the letter it could not tell a traceback from
chatter, and without one line it could not tell where it ends.
"""

from __future__ import annotations

import logging
from typing import Final

_LINE_BREAK: Final = "\v"
FORMAT: Final = "%(name)s %(levelname)s %(message)s"


class OneLineFormatter(logging.Formatter):
    """A record, its traceback included, as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        return f"{record.levelname[0]} {super().format(record)}".replace("\n", _LINE_BREAK)


def line_to_text(line: str) -> str:
    """Return the text of a line, with the line breaks that it had."""
    return line.rstrip().replace(_LINE_BREAK, "\n")
