"""The option schema is obeyed: what it allows is answered, what it does not is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from segue.conformance.check import BrokenPromise, Check
from segue.conformance.checks.catalog import options_of
from segue.conformance.subject import Subject


def look(subject: Subject) -> str:
    """Send an unknown option, wrong ones, the defaults said aloud, and each option at its bounds."""
    _refused(subject, "no_such_option", 1, "an unknown option")
    options = options_of(subject.entry)
    refused = 1
    for name, option in options.items():
        for value, what in _wrong_values(option):
            _refused(subject, name, value, what)
            refused += 1
    _look_at_defaults(subject, options)
    answered = 0
    for name, value in subject.within_time(_extremes(options)):
        request = subject.probe(seed=1)
        request.options[name] = value
        failure = subject.failure(request)
        if failure is not None and not (failure.code == "INVALID_ARGUMENT" and failure.names(f"options.{name}")):
            raise BrokenPromise(
                f"options.{name} = {value!r}, which its schema allows, fails with {failure}",
                "an answer, or a schema that does not allow it",
            )
        answered += 1
    total = sum(1 for _ in _extremes(options))
    late = f" of {total}, as many as time allowed" if answered < total else ""
    return f"{refused} wrong ones refused, {answered} extremes{late} answered"


def _refused(subject: Subject, name: str, value: Any, what: str) -> None:
    request = subject.probe(seed=1)
    request.options[name] = value
    failure = subject.failure(request)
    if failure is None:
        raise BrokenPromise(f"options.{name} = {value!r}, {what}, is ignored", "derive Options from segue.plugin_api's")
    if failure.code != "INVALID_ARGUMENT" or not failure.names(f"options.{name}"):
        raise BrokenPromise(
            f"options.{name} = {value!r}, {what}, fails with {failure}", f"INVALID_ARGUMENT naming options.{name}"
        )


def _wrong_values(option: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """Yield values that the schema of an option forbids, and what is wrong with each."""
    kinds = option.get("anyOf", [option])
    if all(kind.get("type") != "object" for kind in kinds):
        yield {"of": "the wrong type"}, "of the wrong type"
    if len(kinds) > 1:
        return
    if "enum" in option:
        yield "no such choice", "none of its choices"
    elif option.get("type") in ("number", "integer"):
        if "minimum" in option:
            yield option["minimum"] - 1, "below its minimum"
        if "maximum" in option:
            yield option["maximum"] + 1, "above its maximum"
        if option["type"] == "integer":
            yield option.get("minimum", 0) + 0.5, "no integer"
    elif option.get("type") == "string" and "maxLength" in option:
        yield "x" * (int(option["maxLength"]) + 1), "longer than its maximum"


def _look_at_defaults(subject: Subject, options: dict[str, Any]) -> None:
    request = subject.probe(seed=1)
    plain = subject.call(request).lineage.options_digest
    for name, option in options.items():
        if name not in request.options.fields and option.get("default") is not None:
            request.options[name] = option["default"]
    if subject.call(request).lineage.options_digest != plain:
        raise BrokenPromise("stating the defaults of its schema changes the options applied", "the same options")


def _extremes(options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, option in options.items():
        for value in (option.get("minimum"), option.get("maximum"), *option.get("enum", ())):
            if value is not None:
                yield name, value


OPTIONS: Final = Check("options", "its option schema is obeyed; a wrong option is refused by name", look)
