"""What the catalog says of an algorithm, however it is doing."""

from __future__ import annotations

from segue.plugin_api.algorithm import Algorithm, StreamingGenerator, Transferrer
from segue.plugin_api.model_spec import ModelSpec
from segue.server.options import options_schema
from segue.v1 import catalog_pb2


def catalog_entry(algorithm: Algorithm, *, full: bool) -> catalog_pb2.Algorithm:
    """Return an algorithm as it describes itself; with the schema of its options only if in full."""
    return catalog_pb2.Algorithm(
        name=algorithm.name,
        capability=algorithm.capability,
        version=algorithm.version,
        summary=algorithm.summary,
        streams=isinstance(algorithm, StreamingGenerator | Transferrer),
        options_schema=options_schema(algorithm.Options) if full else None,
        limits=dict(algorithm.limits),
        licence=algorithm.licence,
    )


def check_description(algorithm: Algorithm) -> None:
    """Raise what would be raised later, at everybody's cost: in the list of all algorithms, or at the start."""
    catalog_entry(algorithm, full=True)
    algorithm.Options()
    for spec in algorithm.models:
        if not isinstance(spec, ModelSpec):
            raise TypeError(f"models holds {spec!r:.80}, must hold what message_model or ModelSpec returns")
    for name in ("targets", "accepts"):
        if not all(isinstance(kind, str) for kind in getattr(algorithm, name, ())):
            raise TypeError(f"{name} is {getattr(algorithm, name)!r:.80}, must hold strings")
