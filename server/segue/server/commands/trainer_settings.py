"""A trainer's settings as the command line tells and takes them: a table, and ``--set NAME=VALUE``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from segue.plugin_api.errors import InvalidOption
from segue.plugin_api.training import Trainer, TrainingSettings

_BOUNDS: Final = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class Row:
    """One setting.

    Attributes
    ----------
    name
        Its name; ``network.width`` is the field ``width`` of the setting ``network``.
    type
        What it is; ``JSON`` if it has fields of its own, which the next rows name.
    default
        As the command line would give it; empty if there is none, or the fields have theirs.
    range
        Its bounds; empty if there are none.
    meaning
        What it is for.
    """

    name: str
    type: str
    default: str
    range: str
    meaning: str


def list_settings(settings: type[TrainingSettings]) -> list[Row]:
    """Return a row for each setting, and below those that are given as JSON one for each of their fields."""
    schema = settings.model_json_schema()
    return list(_rows(schema, schema.get("$defs", {})))


def _rows(schema: dict[str, Any], defs: dict[str, Any], parent: str = "") -> Iterator[Row]:
    for name, field in schema.get("properties", {}).items():
        inner = _resolve(field, defs)
        default, meaning = field.get("default"), field.get("description", inner.get("description", ""))
        if "properties" in inner:
            yield Row(parent + name, "JSON", "", "", meaning)
            own = {key: value | _default(default, key) for key, value in inner["properties"].items()}
            yield from _rows({"properties": own}, defs, f"{parent}{name}.")
        else:
            bounds = ", ".join(f"{sign} {inner[bound]}" for bound, sign in _BOUNDS.items() if bound in inner)
            yield Row(parent + name, _type(inner), "" if default is None else _text(default), bounds, meaning)


def _default(given: Any, key: str) -> dict[str, Any]:
    """Return what the default of a whole setting says about one of its fields."""
    return {"default": given[key]} if isinstance(given, dict) and key in given else {}


def _resolve(field: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    return dict(defs[field["$ref"].rpartition("/")[2]]) if "$ref" in field else field


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(_text, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"] if option.get("type") != "null")
    kinds = {"array": "JSON list", "object": "JSON", "string": str(schema.get("format", "text"))}
    return kinds.get(schema.get("type", "any"), str(schema.get("type", "any")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def show_settings(name: str, trainer: Trainer, console: Console, *, as_json: bool) -> None:
    """Print the settings of an algorithm's trainer and how one is given, or their JSON Schema."""
    if as_json:
        console.print_json(json.dumps(trainer.Settings.model_json_schema()))
        return
    rows = list_settings(trainer.Settings)
    if not rows:
        console.print(f"{name} has no settings.")
        return
    table = Table("setting", "type", "default", "range", "meaning", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*map(escape, (row.name, row.type, row.default, row.range, row.meaning)))
    console.print(table)
    console.print("Give each with --set NAME=VALUE.", highlight=False)
    nested = next((row for row in rows if "." in row.name), None)
    if nested:
        parent, _, field = nested.name.partition(".")
        given = f"--set {parent}='{{\"{field}\": {nested.default or '...'}}}'"
        console.print(f"Fields of one that is JSON are given together: {escape(given)}", highlight=False)
    if trainer.example:
        console.print(f"Example: {escape(trainer.example)}", highlight=False, soft_wrap=True)


def read_settings(trainer: Trainer, given: Sequence[str]) -> TrainingSettings:
    """Return the settings with those that were given as ``NAME=VALUE``.

    Raises
    ------
    InvalidOption
        Naming the setting that is unknown or has a value out of its range.
    """
    types = {row.name: row.type for row in list_settings(trainer.Settings)}
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} must be NAME=VALUE", param_hint="--set")
        values[name] = _read_json(name, value) if types.get(name, "").startswith("JSON") else value
    try:
        return trainer.Settings.model_validate(values)
    except ValidationError as error:
        known = ", ".join(trainer.Settings.model_fields) or "none"
        details = [(".".join(map(str, d["loc"])), f"{d['msg']}; settings are: {known}") for d in error.errors()]
        raise InvalidOption(*details[0], details[1:]) from None


def _read_json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise InvalidOption(name, f"is {value!r}, which is not JSON: {error}") from None


def given_settings(settings: TrainingSettings) -> str:
    """Return what was given, as ``read_settings`` reads it again: the ``--set`` of a command line."""
    given = settings.model_dump(mode="json", exclude_unset=True)
    return " ".join(f"--set {name}={shlex.quote(_text(value))}" for name, value in given.items())
