"""Figures of the worker, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

USERS = Counter("speed_users_total", "Live vectors written")
STANDBY_USERS = Counter(
    "speed_standby_users_total", "Live vectors written in retained runs that are not served"
)
PASSES = Counter("speed_passes_total", "Passes that found something to do")
PASS_SECONDS = Histogram(
    "speed_pass_seconds",
    "Time from reading to committed vectors",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
POSITION = Gauge("speed_position", "The log is folded in up to this position")
STORE_FAILURES = Counter("speed_store_failures_total", "Passes that PostgreSQL did not let end")
DROP_FAILURES = Counter("speed_drop_failures_total", "Times Redis could not drop cached answers")
