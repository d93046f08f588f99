"""Threads beside the worker: one that fails is logged, counted and begun again."""

import threading
from collections.abc import Callable

import structlog

from speed import metrics

log = structlog.get_logger()

_SHORTEST_REST_SECONDS = 0.5
_LONGEST_REST_SECONDS = 30.0
_MOST_DOUBLINGS = 10


def in_background(name: str, work: Callable[[], None], stopping: threading.Event) -> None:
    """Do some work in a thread until `stopping` is set, which it looks at itself."""
    threading.Thread(target=keep_up, args=(name, work, stopping), name=name, daemon=True).start()


def keep_up(name: str, work: Callable[[], None], stopping: threading.Event) -> None:
    """The same in this thread. What nobody foresaw is logged with its traceback each time.

    The rests between get longer with every failure, up to half a minute.
    """
    failures = 0
    while not stopping.is_set():
        try:
            work()
        except Exception:
            metrics.BACKGROUND_FAILURES.labels(name).inc()
            log.exception("background_work_failed", work=name, failures=failures + 1)
            # Without a bound the power is no number any more after some hours of failures.
            doubled = _SHORTEST_REST_SECONDS * 2 ** min(failures, _MOST_DOUBLINGS)
            stopping.wait(min(doubled, _LONGEST_REST_SECONDS))
            failures += 1
