"""From a request to the one algorithm that answers it."""

from __future__ import annotations

import hashlib
import logging
import random
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, TypeAlias

from segue.plugin_api.algorithm import Algorithm, Analyzer, Transferrer
from segue.plugin_api.errors import AlgorithmUnavailable, FailedPrecondition, InvalidField, UnknownAlgorithm
from segue.server.desired import DesiredFile, TrafficRule
from segue.server.fleet import READY, REFUSED, UNLOADED, VERBS, Fleet
from segue.server.served import ServedAlgorithm
from segue.server.settings import Settings
from segue.v1 import analyze_pb2, catalog_pb2, transfer_pb2

log = logging.getLogger(__name__)

Capability: TypeAlias = "catalog_pb2.Capability.ValueType"
Kind: TypeAlias = tuple[str, str]
"""Target of a Transfer, and form of the music of a Transfer or an Analyze; empty where a request has none."""

_FORMS: Final = ("midi", "score", "musicxml", "audio")


@dataclass(frozen=True)
class Route:
    """Who answers, and who listens.

    Attributes
    ----------
    served
        The algorithm.
    variant
        Why it: ``"named"``, ``"default"`` or ``"split"``.
    shadow
        An algorithm that gets a copy of the call; None if there is none.
    """

    served: ServedAlgorithm
    variant: str
    shadow: ServedAlgorithm | None = None


class Router:
    """Chooses algorithms.

    Parameters
    ----------
    settings
        Holds the default algorithms.
    fleet
        What there is.
    desired
        Holds the traffic rules.
    """

    def __init__(self, settings: Settings, fleet: Fleet, desired: DesiredFile) -> None:
        self._settings = settings
        self._fleet = fleet
        self._desired = desired
        for verb, name in settings.default_algorithms.items():
            served = fleet.algorithms.get(name)
            if served is None or VERBS[served.algorithm.capability] != verb:
                log.warning("SEGUE_DEFAULT_ALGORITHMS names %r to %s, and nothing of that name can", name, verb)

    def route(self, capability: Capability, request: Any) -> Route:
        """Choose the algorithm for a request.

        Raises
        ------
        UnknownAlgorithm
            If the one named does not exist, or nobody has the capability.
        AlgorithmUnavailable
            If it does not answer now.
        FailedPrecondition
            If an operator unloaded it, or a setting refuses it.
        InvalidField
            If a Transfer has no target, or one that the algorithm can't follow; if the algorithm can't read the form of
            the music.
        """
        kind = _kind(request)
        able = self._able(capability, kind)
        rule = self._desired.state.traffic.get(VERBS[capability])
        if request.algorithm:
            route = Route(self._named(capability, request.algorithm, kind, able), "named")
        elif rule is not None and (shared := [served for served in able if served.name in rule.shares]):
            route = self._split(rule, request, shared)
        else:
            route = Route(self._default(capability, kind, able), "default")
        if route.served.state != READY:
            cause = f": {route.served.cause}" if route.served.cause else ""
            state = catalog_pb2.AlgorithmState.Name(route.served.state).removeprefix("ALGORITHM_STATE_").lower()
            # Waiting helps where it loads or fails, not where somebody decided.
            error = FailedPrecondition if route.served.state in (UNLOADED, REFUSED) else AlgorithmUnavailable
            raise error(f"algorithm {route.served.name} is {state}{cause}")
        return route

    def is_default(self, served: ServedAlgorithm) -> bool:
        """Say whether an algorithm answers some of the calls that name none."""
        capability = served.algorithm.capability
        return any(
            self._default(capability, kind, self._able(capability, kind)) is served for kind in _kinds(served.algorithm)
        )

    def _default(self, capability: Capability, kind: Kind, able: list[ServedAlgorithm]) -> ServedAlgorithm:
        """Return the algorithm that answers calls naming none: the setting's, else one that leads, else the first."""
        wanted = self._settings.default_algorithms.get(VERBS[capability])  # type: ignore[call-overload]
        for served in able:
            if served.name == wanted:
                return served
        if able:
            return next((served for served in able if served.algorithm.leads), able[0])
        if any(self._able(capability, (kind[0], form)) for form in _FORMS):
            raise InvalidField("music", f"is {kind[1]}, which no algorithm here reads to {VERBS[capability]} it so")
        raise UnknownAlgorithm(f"this server has no algorithm that can {VERBS[capability]} so")

    def _able(self, capability: Capability, kind: Kind) -> list[ServedAlgorithm]:
        """Return the algorithms of a capability that answer requests of a kind."""
        found = (s for s in self._fleet.algorithms.values() if s.algorithm.capability == capability)
        return [served for served in found if kind in _kinds(served.algorithm)]

    def _named(self, capability: Capability, name: str, kind: Kind, able: list[ServedAlgorithm]) -> ServedAlgorithm:
        for served in able:
            if served.name == name:
                return served
        existing = self._fleet.algorithms.get(name)
        known = ", ".join(served.name for served in able) or "none"
        if existing is not None and existing.algorithm.capability == capability:
            if kind[0] in (target for target, _ in _kinds(existing.algorithm)):
                raise InvalidField("music", f"is of a form that algorithm {name!r} can't read; those that can: {known}")
            raise InvalidField("target", f"can't be followed by algorithm {name!r}; those that can: {known}")
        raise UnknownAlgorithm(f"no algorithm {name!r} can {VERBS[capability]}; there are: {known}")

    def _split(self, rule: TrafficRule, request: Any, able: list[ServedAlgorithm]) -> Route:
        names = [name for name in rule.shares if name in {served.name for served in able}]
        weights = [rule.shares[name] for name in names]
        if not sum(weights):
            raise UnknownAlgorithm("the traffic rules give no share to an algorithm that can answer this")
        point = _stable_fraction(getattr(request, "listener_id", "") or request.request_id) * sum(weights)
        chosen = names[-1]
        for name, weight in zip(names, weights, strict=True):
            point -= weight
            if point < 0:
                chosen = name
                break
        shadow = self._fleet.algorithms.get(rule.shadow)
        variant = "default" if len(names) == 1 else "split"
        return Route(self._fleet.algorithms[chosen], variant, shadow if shadow and shadow.state == READY else None)


def _kinds(algorithm: Algorithm) -> list[Kind]:
    """Return the kinds of request that an algorithm answers."""
    if isinstance(algorithm, Transferrer | Analyzer):
        return list(product(getattr(algorithm, "targets", ("",)), algorithm.accepts))
    return [("", "")]


def _kind(request: Any) -> Kind:
    """Return the kind of a request.

    Raises
    ------
    InvalidField
        If a Transfer has no target, or a Transfer or an Analyze no music.
    """
    if not isinstance(request, transfer_pb2.TransferRequest | analyze_pb2.AnalyzeRequest):
        return "", ""
    if not (form := request.music.WhichOneof("content")):
        raise InvalidField("music", f"holds nothing, must hold one of {', '.join(_FORMS)}")
    if isinstance(request, analyze_pb2.AnalyzeRequest):
        return "", form
    if not (target := request.WhichOneof("target")):
        raise InvalidField("target", "is required: one of style, example, attributes, polish")
    return target, form


def _stable_fraction(key: str) -> float:
    """Return a number in [0, 1) that is always the same for a key, and random without one."""
    if not key:
        return random.random()
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
