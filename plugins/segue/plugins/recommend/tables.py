"""Reads a table - CSV, TSV or Parquet - as columns by name, or says why it is none."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from segue.plugin_api import InvalidRequest

Columns: TypeAlias = Mapping[str, Sequence[Any]]


def read_table(path: Path, errors: Literal["strict", "replace"] = "strict") -> Columns:
    """Read a table as column name → values; text columns of a CSV stay text.

    Raises
    ------
    InvalidRequest
        If it is no table, two columns have one name, or a CSV is not in UTF-8 (unless ``errors`` is "replace").
    """
    if not path.is_file():
        raise InvalidRequest("data", f"{path} does not exist; name a file of plays or a folder that holds one")
    names, columns = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, errors)
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InvalidRequest("data", f"{path.name} has two columns of the name {twice!r}; rename or remove one")
    return dict(zip(names, columns, strict=True))


def _read_parquet(path: Path) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    try:
        from pyarrow import ArrowException, parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise InvalidRequest("data", f"{path.name} needs pyarrow: pip install 'segue[train]'") from error
    try:
        table = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise InvalidRequest("data", f"{path.name} is no Parquet file that can be read") from error
    return table.column_names, [column.to_pylist() for column in table.columns]


def _read_csv(path: Path, errors: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    row = 1
    try:
        with path.open(encoding="utf-8-sig", errors=errors, newline="") as file:
            header = file.readline()
            delimiter = max("\t,;|", key=header.count)
            names = next(csv.reader([header], delimiter=delimiter), [])
            # In tab-separated data a quotation mark is part of a name.
            quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
            rows = []
            for row, cells in enumerate(csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True), 2):
                if cells:
                    rows.append(cells)
                if len(cells) not in (0, len(names)):
                    raise InvalidRequest(
                        "data", f"{path.name} row {row} has {len(cells)} columns, the header {len(names)}"
                    )
    except UnicodeDecodeError as error:
        raise InvalidRequest("data", f"{path.name} is not in UTF-8, soon after row {row}; save it as UTF-8") from error
    except csv.Error as error:
        raise InvalidRequest("data", f"{path.name} can't be read after row {row}: {error}") from error
    return names, list(zip(*rows, strict=True)) if rows else [()] * len(names)
