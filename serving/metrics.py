"""What the serving layer counts, in a registry of the app's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ServingMetrics:
    """All metrics of one app."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
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
            "serving_answers", "Recommendations by source.", ["source"], registry=registry
        )
        self.cache = Counter(
            "serving_cache",
            "Cached answers asked for: hit, miss; error: Redis failed.",
            ["outcome"],
            registry=registry,
        )
        self.impressions_dropped = Counter(
            "serving_impressions_dropped",
            "Impressions lost because the queue was full or the store away.",
            registry=registry,
        )
        self.events = Counter(
            "serving_events", "Events: accepted, duplicate.", ["outcome"], registry=registry
        )
        self.live_run = Gauge(
            "serving_live_run", "Number of the run being served, 0: none.", registry=registry
        )
        for outcome in ("hit", "miss", "error"):
            self.cache.labels(outcome)
        for outcome in ("accepted", "duplicate"):
            self.events.labels(outcome)
