"""Figures of the worker, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

USERS = Counter("speed_users_total", "Live vectors written")
RETAINED_USERS = Counter(
    "speed_retained_users_total", "Live vectors written in retained runs that are not served"
)
ITEMS = Counter(
    "speed_items_embedded_total",
    "Items embedded between nights: new ones, and those changed or used anew",
)
ITEM_EMBEDDING_SECONDS = Histogram(
    "speed_item_embedding_seconds",
    "Time from reading the changes of items to their committed embeddings",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
EXCLUSION_USERS = Counter(
    "speed_exclusion_users_total", "Users of whom Redis was given all that they must not be shown"
)
EXCLUSION_FAILURES = Counter(
    "speed_exclusion_failures_total", "Times a store did not let users' exclusions be kept"
)
PASSES = Counter("speed_passes_total", "Passes that found something to do")
PASS_SECONDS = Histogram(
    "speed_pass_seconds",
    "Time from reading to committed vectors",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
POSITION = Gauge("speed_position", "The log is folded in up to this position")
STORE_FAILURES = Counter("speed_store_failures_total", "Passes that PostgreSQL did not let end")
POPULAR_SECONDS = Histogram(
    "speed_popular_seconds",
    "Time of making a part of the popular lists anew",
    ["part"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
POPULAR_FAILURES = Counter(
    "speed_popular_failures_total", "Refreshes of popular lists that PostgreSQL did not let end"
)
TRANSITIONS_SECONDS = Histogram(
    "speed_transitions_seconds",
    "Time of learning anew what has followed what since the night",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
TRANSITIONS_FAILURES = Counter(
    "speed_transitions_failures_total",
    "Times PostgreSQL did not let be learned what has followed what since the night",
)
UNUSABLE_RUNS = Counter(
    "speed_unusable_run_total",
    "Passes that could not begin because the run was made by another version of Tandem",
    ["run"],
)
for run in ("served", "retained"):
    UNUSABLE_RUNS.labels(run)
BACKGROUND_FAILURES = Counter(
    "speed_background_failures_total",
    "Failures nobody foresaw of the work beside the worker, which is begun again",
    ["work"],
)
for work in ("redis_wakes", "changes", "popular", "exclusions", "transitions"):
    BACKGROUND_FAILURES.labels(work)
DROP_FAILURES = Counter("speed_drop_failures_total", "Times Redis could not drop cached answers")
