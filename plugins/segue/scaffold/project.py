"""Writes the files of a project out of the templates, which are the files of a project named ``newcomer``.

A folder of templates is laid over the one before it: ``common``, ``midi`` where MIDI files are read, and that of the
kind. ``about.md``, ``call.md`` and ``core.md`` of a kind take the places in ``README.md`` that bear their names.
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from segue.plugin_api import InvalidField
from segue.plugin_api.errors import FailedPrecondition

KINDS: Final = {
    "recommender": ("common", "recommender"),
    "generator": ("common", "midi", "generator"),
    "transferrer": ("common", "midi", "transferrer"),
    "analyzer": ("common", "midi", "analyzer"),
}
"""Kind of algorithm → folders of templates."""

LONGEST_NAME: Final = 40
_PLACEHOLDER: Final = "newcomer"
_PARTS: Final = ("about", "call", "core")
_RENAMED: Final = {"gitignore": ".gitignore"}
"""Under its own name the template would rule over this repository."""


def write_project(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a project.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    name
        Name of the algorithm.
    folder
        Where to write; made if it is not there.

    Returns
    -------
    list of Path
        The files that were written, relative to the folder.

    Raises
    ------
    InvalidField
        If kind or name is none.
    FailedPrecondition
        If the folder holds something already.
    """
    if kind not in KINDS:
        raise InvalidField("kind", f"is {kind!r}, must be one of {', '.join(KINDS)}")
    check_name(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FailedPrecondition(f"{folder} is there already and not empty; name another with --out")
    texts: dict[str, str] = {}
    for layer in KINDS[kind]:
        texts |= _read(files("segue.scaffold") / "templates" / layer, "")
    readme = texts["README.md"]
    for part in _PARTS:
        readme = readme.replace(f"<!-- {part} -->\n", texts.pop(f"{part}.md"))
    texts["README.md"] = readme
    written = []
    for path, text in sorted(texts.items()):
        relative = Path(_named(_RENAMED.get(path, path), name))
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_named(text, name))
        written.append(relative)
    return written


def check_name(name: str) -> None:
    """Check the name of an algorithm: it becomes that of a distribution, a module and a model.

    Raises
    ------
    InvalidField
        If it can't be all of them.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > LONGEST_NAME:
        raise InvalidField(
            "name",
            f"is {name!r}, must be lower-case letters and digits, words joined by single hyphens, a letter first, at "
            f"most {LONGEST_NAME} characters, e.g. 'my-waltz'",
        )


def package_of(name: str) -> str:
    """Return the name of the Python package of an algorithm's project."""
    return f"segue_plugin_{name.replace('-', '_')}"


def _named(text: str, name: str) -> str:
    """Put the name in the place of the placeholder: with underscores in what Python calls it, as it is elsewhere."""
    return (
        text.replace(f"segue_plugin_{_PLACEHOLDER}", package_of(name))
        .replace(f"test_{_PLACEHOLDER}", f"test_{name.replace('-', '_')}")
        .replace(_PLACEHOLDER, name)
    )


def _read(folder: Traversable, prefix: str) -> dict[str, str]:
    """Return path → text of all templates below a folder."""
    found: dict[str, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _read(entry, f"{prefix}{entry.name}/") if entry.name != "__pycache__" else {}
        elif not entry.name.endswith(".pyc"):
            found[prefix + entry.name] = entry.read_text()
    return found
