"""What the serving layer counts, in a registry of the app's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

DEGRADED = (
    *(
        f"postgres_{why}"
        for why in (
            "away",
            "timeout",
            "open",
            "busy",
            "stalled",
            "conflict",
            "statement",
            "damaged",
        )
    ),
    "redis_away",
    "redis_open",
    "budget",
    "run_gone",
    "run_unusable",
    "interrupted",
    "vector_index",
)


class ServingMetrics:
    """All metrics of one app."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        # CPU, memory and open files of this process.
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "serving_requests",
            "Requests by route template, method and status.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "serving_request_seconds",
            "Seconds from the first byte in to the last byte out.",
            ["route", "method"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.answers = Counter(
            "serving_answers", "Lists by source, searches too.", ["source"], registry=registry
        )
        self.degraded = Counter(
            "serving_degraded",
            "Why an answer was less than it might have been; redis_…: it had to be made anew.",
            ["reason"],
            registry=registry,
        )
        self.exclusions_unknown = Counter(
            "serving_exclusions_unknown",
            "Answers made without knowing all that the user has seen, disliked or hidden.",
            registry=registry,
        )
        self.breaker_state = Gauge(
            "serving_breaker_state",
            "0: closed, all is well; 1: half-open, tried again; 2: open, left alone.",
            ["dependency"],
            registry=registry,
        )
        self.breaker_openings = Counter(
            "serving_breaker_openings",
            "How often a dependency failed so much that it was left alone.",
            ["dependency"],
            registry=registry,
        )
        self.cache = Counter(
            "serving_cache",
            "Cached answers asked for: hit, miss; error: Redis failed.",
            ["outcome"],
            registry=registry,
        )
        self.warmed = Counter(
            "serving_warmed_answers",
            "Answers prepared before the run they are of was served.",
            registry=registry,
        )
        self.impressions_dropped = Counter(
            "serving_impressions_dropped",
            "Impressions lost because the queue was full or the store away.",
            registry=registry,
        )
        self.impressions_refused = Counter(
            "serving_impressions_refused",
            "Impressions the store refuses whatever is tried, which are lost.",
            registry=registry,
        )
        self.background_failures = Counter(
            "serving_background_failures",
            "Turns of the work beside the requests that failed: outage, a store was away; error.",
            ["work", "cause"],
            registry=registry,
        )
        self.events = Counter(
            "serving_events",
            "Events: accepted, duplicate; refused: the store was away; unknown: it is not known"
            " whether they were recorded.",
            ["outcome"],
            registry=registry,
        )
        self.bodies_refused = Counter(
            "serving_bodies_refused",
            "Requests whose body was not taken: too_many (of_key) or too_many_bytes at once,"
            " too_slow.",
            ["reason"],
            registry=registry,
        )
        self.requests_shed = Counter(
            "serving_requests_shed",
            "Requests without a body told to come again: too_many under way, or connections.",
            ["reason"],
            registry=registry,
        )
        self.connections_refused = Counter(
            "serving_connections_refused",
            "Connections beyond the limit: told so, or closed at once.",
            registry=registry,
        )
        self.live_run = Gauge(
            "serving_live_run", "Number of the run being served, 0: none.", registry=registry
        )
        self.pool_connections = Gauge(
            "serving_postgres_connections",
            "Connections to PostgreSQL by lane: open; in_use; limit, the most there may be.",
            ["lane", "state"],
            registry=registry,
        )
        self.pool_waiting = Gauge(
            "serving_postgres_waiting",
            "Requests that wait for a connection, by lane.",
            ["lane"],
            registry=registry,
        )
        self.pool_wait_seconds = Histogram(
            "serving_postgres_wait_seconds",
            "Seconds until there was a connection to be had, by lane.",
            ["lane"],
            buckets=_SECONDS,
            registry=registry,
        )
        for reason in DEGRADED:
            self.degraded.labels(reason)
        self.replica_lag_seconds = Gauge(
            "serving_replica_lag_seconds",
            "The read replica knows everything older than this; +Inf: nothing is certain; 0: none.",
            registry=registry,
        )
        self.replica_grants = Counter(
            "serving_replica_grants",
            "Grants to read the replica: given; refused: it may not know enough yet.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("hit", "miss", "error"):
            self.cache.labels(outcome)
        for outcome in ("accepted", "duplicate", "refused", "unknown"):
            self.events.labels(outcome)
        for reason in ("too_many", "too_many_bytes", "too_many_of_key", "too_slow"):
            self.bodies_refused.labels(reason)
        for reason in ("too_many", "connections"):
            self.requests_shed.labels(reason)
