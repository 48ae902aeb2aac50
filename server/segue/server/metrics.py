"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CALL_SECONDS = Histogram(
    "segue_call_seconds",
    "Duration of calls",
    ["method", "reason"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
IN_FLIGHT = Gauge("segue_calls_in_flight", "Calls under way")
ALGORITHM_READY = Gauge(
    "segue_algorithm_ready", "1 while the algorithm's last probe gave a right answer", ["algorithm"]
)
SHADOW_CALLS = Counter("segue_shadow_calls", "Copies of calls sent to a shadow algorithm", ["algorithm", "outcome"])
