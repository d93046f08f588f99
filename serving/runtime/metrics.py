"""What the serving layer counts, in a registry of the app's own."""

from functools import lru_cache, partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from serving.runtime.performance import Performance

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)

_MOST_SERIES = 1_000
"""Of requests, that are looked up once."""

_OF_POSTGRES = (
    "away", "timeout", "open", "busy", "stalled", "conflict", "statement", "damaged",
)  # fmt: skip
DEGRADED = (
    *(f"postgres_{reason}" for reason in _OF_POSTGRES),
    "redis_away",
    "redis_open",
    "budget",
    "run_gone",
    "run_unusable",
    "interrupted",
    "vector_index",
)


DEGRADED_COUNTER: Final = "degraded_"
"""How a counter of a window begins that counts degraded answers; the reason follows."""


class ServingMetrics:
    """All metrics of one app."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        # CPU, memory and open files of this process.
        ProcessCollector(registry=registry)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry, buckets=_SECONDS)
        self.requests = counter(
            "serving_requests",
            "Requests by route template, method and status.",
            ["route", "method", "status"],
        )
        self.request_seconds = histogram(
            "serving_request_seconds",
            "Seconds from the first byte in to the last byte out.",
            ["route", "method"],
        )
        self.answers = counter("serving_answers", "Lists by source, searches too.", ["source"])
        self.degraded = counter(
            "serving_degraded",
            "Why an answer was less than it might have been; redis_…: it had to be made anew.",
            ["reason"],
        )
        self.exclusions_unknown = counter(
            "serving_exclusions_unknown",
            "Answers made without knowing all that the user has seen, disliked or hidden.",
        )
        self.breaker_state = gauge(
            "serving_breaker_state",
            "0: closed, all is well; 1: half-open, tried again; 2: open, left alone.",
            ["dependency"],
        )
        self.breaker_openings = counter(
            "serving_breaker_openings",
            "How often a dependency failed so much that it was left alone.",
            ["dependency"],
        )
        self.cache = counter(
            "serving_cache",
            "Cached answers asked for: hit, miss; error: Redis failed.",
            ["outcome"],
        )
        self.candidates = histogram(
            "serving_candidates",
            "Items that the sources found for a list of recommendations, before it was cut.",
            buckets=(0, 10, 20, 50, 100, 200, 300, 400, 600, 1000),
        )
        self.warmed = counter(
            "serving_warmed_answers", "Answers prepared before the run they are of was served."
        )
        self.impressions_dropped = counter(
            "serving_impressions_dropped",
            "Impressions lost because the queue was full or the store away.",
        )
        self.impressions_refused = counter(
            "serving_impressions_refused",
            "Impressions the store refuses whatever is tried, which are lost.",
        )
        self.background_failures = counter(
            "serving_background_failures",
            "Turns of the work beside the requests that failed: outage, a store was away; error.",
            ["work", "cause"],
        )
        self.events = counter(
            "serving_events",
            "Events: accepted, duplicate; refused: the store was away; unknown: it is not known"
            " whether they were recorded.",
            ["outcome"],
        )
        self.events_of_kind = counter(
            "serving_events_of_kind", "Events taken, new or repeated, by kind.", ["kind"]
        )
        self.events_waiting = gauge(
            "serving_events_waiting",
            "Requests whose events wait while those of others are written.",
        )
        self.bodies_refused = counter(
            "serving_bodies_refused",
            "Requests whose body was not taken: too_many (of_key) or too_many_bytes at once,"
            " too_slow.",
            ["reason"],
        )
        self.requests_shed = counter(
            "serving_requests_shed",
            "Requests without a body told to come again: too_many under way, or connections.",
            ["reason"],
        )
        self.rate_limited = counter(
            "serving_rate_limited",
            "Requests refused because their caller has asked too often, by limit.",
            ["limit"],
        )
        self.connections_refused = counter(
            "serving_connections_refused",
            "Connections beyond the limit: told so, or closed at once.",
        )
        self.sign_ins = counter(
            "serving_sign_ins",
            "Sign-ins by password: right, refused, waiting after too many; tokens refreshed, and"
            " refresh tokens that were reused.",
            ["outcome"],
        )
        self.live_run = gauge("serving_live_run", "Number of the run being served, 0: none.")
        self.pool_connections = gauge(
            "serving_postgres_connections",
            "Connections to PostgreSQL by lane: open; in_use; limit, the most there may be.",
            ["lane", "state"],
        )
        self.pool_waiting = gauge(
            "serving_postgres_waiting", "Requests that wait for a connection, by lane.", ["lane"]
        )
        self.pool_wait_seconds = histogram(
            "serving_postgres_wait_seconds",
            "Seconds until there was a connection to be had, by lane.",
            ["lane"],
        )
        self.freshness_seconds = histogram(
            "serving_freshness_seconds",
            "Seconds from the canary's event to an answered list that shows it.",
        )
        self.freshness_checks = counter(
            "serving_freshness_checks",
            "Checks of the canary: fresh; late: the list did not follow in time; failed.",
            ["outcome"],
        )
        for outcome in ("fresh", "late", "failed"):
            self.freshness_checks.labels(outcome)
        for reason in DEGRADED:
            self.degraded.labels(reason)
        self.replica_lag_seconds = gauge(
            "serving_replica_lag_seconds",
            "The read replica knows everything older than this; +Inf: nothing is certain; 0: none.",
        )
        self.replica_grants = counter(
            "serving_replica_grants",
            "Grants to read the replica: given; refused: it may not know enough yet.",
            ["outcome"],
        )
        for outcome in ("given", "refused"):
            self.replica_grants.labels(outcome)
        for outcome in ("hit", "miss", "error"):
            self.cache.labels(outcome)
        for outcome in ("accepted", "duplicate", "refused", "unknown"):
            self.events.labels(outcome)
        for outcome in ("right", "refused", "waiting", "refreshed", "reused"):
            self.sign_ins.labels(outcome)
        for reason in ("too_many", "too_many_bytes", "too_many_of_key", "too_slow"):
            self.bodies_refused.labels(reason)
        for limit in ("address", "key", "user"):
            self.rate_limited.labels(limit)
        for reason in ("too_many", "connections"):
            self.requests_shed.labels(reason)
        self.hits = self.cache.labels("hit")
        # Looking a series up takes longer than counting.
        self.events_that_were = lru_cache(_MOST_SERIES)(self.events.labels)
        self.events_of = lru_cache(_MOST_SERIES)(self.events_of_kind.labels)
        self.answers_from = lru_cache(_MOST_SERIES)(self.answers.labels)
        self._of_request = lru_cache(_MOST_SERIES)(self._series_of_request)
        self.performance = Performance(self._counters)

    def note_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request has ended."""
        count, duration = self._of_request(route, method, status)
        count.inc()
        duration.observe(seconds)
        self.performance.observe(route, method, status, seconds)

    def _series_of_request(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        count = self.requests.labels(route, method, str(int(status)))
        return count, self.request_seconds.labels(route, method)

    def _counters(self) -> dict[str, float]:
        """What is told of a window beside the requests."""
        cache = {
            sample.labels["outcome"]: sample.value
            for metric in self.cache.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        lists = {
            sample.name.removeprefix("serving_candidates_"): sample.value
            for metric in self.candidates.collect()
            for sample in metric.samples
            if sample.name.endswith(("_count", "_sum"))
        }
        return {
            "cache_hits": cache["hit"],
            "cache_misses": cache["miss"],
            "lists": lists["count"],
            "candidates": lists["sum"],
            **{
                DEGRADED_COUNTER + sample.labels["reason"]: sample.value
                for metric in self.degraded.collect()
                for sample in metric.samples
                if sample.name.endswith("_total")
            },
        }
