"""Structured logs: one JSON object a line, or text for people."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from typing import Any, Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_ENCODER: Final = json.JSONEncoder(default=str)
_calls: Final = logging.getLogger("segue.calls")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and whatever was passed as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        entry: dict[str, Any] = {
            "time": _timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return _ENCODER.encode(entry)


def _timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


class TextFormatter(logging.Formatter):
    """The same for people: level, message, key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        extras = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD)
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        text = f"{clock} {record.levelname:7} {record.getMessage()} {extras}"
        return f"{text.rstrip()}\n{self.formatException(record.exc_info)}" if record.exc_info else text.rstrip()


def log_call(method: str, reason: str, seconds: float, call_id: str) -> None:
    """Write the line that every call leaves.

    As JSON it is put together here: a LogRecord on its way through ``logging`` was a quarter of the Python that a call
    runs through.
    """
    if not _calls.isEnabledFor(logging.INFO):
        return
    ms = round(1e3 * seconds, 2)
    handler = _calls.root.handlers[0] if _calls.root.handlers else None
    if not (isinstance(handler, logging.StreamHandler) and isinstance(handler.formatter, JsonFormatter)):
        _calls.info("call", extra={"method": method, "reason": reason, "ms": ms, "call_id": call_id})
        return
    # None of the values can hold a character that JSON escapes.
    line = (
        f'{{"time": "{_timestamp(time.time())}", "level": "INFO", "logger": "segue.calls", "message": "call", '
        f'"method": "{method}", "reason": "{reason}", "ms": {ms}, "call_id": "{call_id}"}}\n'
    )
    with contextlib.suppress(OSError, ValueError):  # a call does not fail because its log was closed
        handler.stream.write(line)


def set_up_logging(level: str, style: str) -> None:
    """Send all logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    # A call's line names neither thread nor source line, so they are not looked up.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the way of the logging HOWTO, "Optimization"
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("grpc", "asyncio", "aiosqlite"):
        logging.getLogger(chatty).setLevel(max(logging.INFO, logging.getLevelName(level)))
