"""The catalog tells what a caller must know: what it is, what it takes, whose data it learnt from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from segue.conformance.check import BrokenPromise, Check
from segue.conformance.subject import Subject
from segue.v1 import catalog_pb2


def look(subject: Subject) -> str:
    """Look at its entry in the catalog."""
    entry = subject.describe()
    faults = [*_statements(entry), *_options(entry), *_models(subject, entry)]
    if faults:
        wrong, right = faults[0]
        others = f" (and {len(faults) - 1} more: {'; '.join(text for text, _ in faults[1:4])})" if faults[1:] else ""
        raise BrokenPromise(wrong + others, right)
    return f"{len(entry.limits)} limits, {len(options_of(entry))} options, {len(entry.models)} models"


def options_of(entry: catalog_pb2.Algorithm) -> dict[str, Any]:
    """Return the schema of each option by name, references resolved."""
    schema = MessageToDict(entry.options_schema)
    found = {}
    for name, option in sorted(schema.get("properties", {}).items()):
        reference = option.get("$ref") or (option.get("allOf") or [{}])[0].get("$ref", "")
        found[name] = {**schema.get("$defs", {}).get(reference.rpartition("/")[2], {}), **option}
    return found


def _statements(entry: catalog_pb2.Algorithm) -> Iterator[tuple[str, str]]:
    if not entry.version:
        yield "it states no version", "version = '1.0.0' in the algorithm"
    if not entry.summary.strip() or "\n" in entry.summary:
        yield f"its summary is {entry.summary!r}", "one line that says what it is"
    if not entry.licence:
        yield "it states no licence", "licence = an SPDX identifier, e.g. 'Apache-2.0'"
    if not entry.limits:
        yield "it states no limits", "limits = what it takes at most, e.g. {'bars': 64}"
    for name, limit in entry.limits.items():
        if not math.isfinite(limit) or limit < 0:
            yield f"its limit {name} is {limit}", "a finite number, at least 0"


def _options(entry: catalog_pb2.Algorithm) -> Iterator[tuple[str, str]]:
    for name, option in options_of(entry).items():
        if not option.get("description"):
            yield f"option {name} has no description", "Field(description='...') that says what it does and its unit"
        if "default" not in option:
            yield f"option {name} has no default", "a default: a call without options must be possible"
        for kind in option.get("anyOf", [option]):
            if missing := _unbounded(kind):
                yield f"option {name} has no {missing}", "every size and number bounded, e.g. Field(ge=0, le=1)"


_BOUNDS: Final = {
    "integer": (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")),
    "number": (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")),
    "string": (("maxLength", "pattern", "format"),),
    "array": (("maxItems",),),
}


def _unbounded(option: dict[str, Any]) -> str:
    """Return the name of the bound that an option lacks; empty if it lacks none."""
    if "enum" in option or "const" in option:
        return ""
    needed = _BOUNDS.get(option.get("type", ""), ())
    return next((names[0] for names in needed if not any(name in option for name in names)), "")


def _models(subject: Subject, entry: catalog_pb2.Algorithm) -> Iterator[tuple[str, str]]:
    served = {model.name: model for model in entry.models}
    for index, spec in enumerate(subject.algorithm.models):
        model = served.get(spec.name)
        if model is None:
            yield f"the server does not know its model {spec.name!r}", "the same plugin installed here and there"
            continue
        if spec.trained and not (model.version and len(model.digest) == 64):
            yield f"model {spec.name} has no version or no digest", "a version made by 'segue train'"
        if index or not subject.algorithm.trainer:
            continue
        card = MessageToDict(model.card)
        for part in ("command", "data", "reports", "settings"):
            if part not in card:
                yield f"the card of model {spec.name} has no {part}", "the card that 'segue train' writes"
        if not card.get("data") or not all(source.get("licence") for source in card["data"]):
            yield (
                f"the card of model {spec.name} does not say the licence of its data",
                "run.sources.append(DataSource(name, licence, path)) in the trainer",
            )
        if not card.get("reports"):
            yield f"the card of model {spec.name} holds no measurement", "a Report on held-out data from the trainer"


CATALOG: Final = Check("catalog", "version, summary, licence, limits, options and model cards are stated", look)
