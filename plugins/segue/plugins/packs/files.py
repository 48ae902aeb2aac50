"""What the files of all packs share: how an index is read and one that is wrong is told, and which packs there are."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource

_SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "jsb_chorales": ("JSB chorales", "public domain"),
    "openewld": ("OpenEWLD (published before 1931, or traditional)", "public domain"),
    "pop909": ("POP909", "MIT"),
    "style_parallel_synth": ("style_parallel_synth (synthetic)", "public-domain charts"),
}


RowT = TypeVar("RowT")


def sources(data: Path, *packs: str) -> list[DataSource]:
    """Return those of some packs that a folder holds, for the model card."""
    return [DataSource(*_SOURCES[pack], data / pack) for pack in packs if (data / pack).is_dir()]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file that is read if it is missing or not as the pack has it.

    Raises
    ------
    InvalidRequest
        Instead of what went wrong.
    """
    name = f"{path.parent.name}/{path.name}"
    if not path.is_file():
        raise InvalidRequest("data", f"{path.parent.parent} holds no {name}")
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        raise InvalidRequest("data", f"{name} must be as the pack has it, but: {error!r}") from error


def read_index(index: Path, read: Callable[[Path, dict[str, str]], RowT]) -> list[RowT]:
    """Read each row of a pack's index; ``read`` gets the folder of the pack and the row, column by column.

    Raises
    ------
    InvalidRequest
        If it is missing or not as the pack has it.
    """
    with reading(index), index.open(newline="", encoding="utf-8") as file:
        return [read(index.parent, row) for row in csv.DictReader(file)]
