"""All checks, in the order in which they are run: what is cheap and fundamental first."""

from typing import Final

from segue.conformance.check import Check
from segue.conformance.checks.bad_input import BAD_INPUT
from segue.conformance.checks.cancellation import CANCELLATION
from segue.conformance.checks.catalog import CATALOG
from segue.conformance.checks.concurrency import CONCURRENCY
from segue.conformance.checks.deadline import DEADLINE
from segue.conformance.checks.leak import LEAK
from segue.conformance.checks.light import LIGHT
from segue.conformance.checks.options import OPTIONS
from segue.conformance.checks.request_id import REQUEST_ID
from segue.conformance.checks.responsive import RESPONSIVE
from segue.conformance.checks.seed import SEED
from segue.conformance.checks.stream import STREAM
from segue.conformance.checks.verb import VERB
from segue.conformance.checks.wishes import WISHES

CHECKS: Final[tuple[Check, ...]] = (
    CATALOG,
    LIGHT,
    VERB,
    STREAM,
    OPTIONS,
    WISHES,
    BAD_INPUT,
    SEED,
    REQUEST_ID,
    CONCURRENCY,
    RESPONSIVE,
    CANCELLATION,
    DEADLINE,
    LEAK,
)

__all__ = ["CHECKS"]
