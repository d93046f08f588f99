"""What the store holds, for Prometheus: asked whenever it scrapes, and never otherwise.

One speed worker tells it for the whole system: the processes of the API would all count the same.
"""

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from domain.identifiers import RunId
from sql.log import event_horizon
from sql.statements import statements

log = structlog.get_logger()

_WATCHING = statements("watching")
_DIAGNOSIS = statements("diagnosis")

_MOST_COUNTED = 100_000
"""What waits is counted no further than this, so that looking costs little."""
_PATIENCE_SECONDS = 5.0
"""How long a scrape waits for another one that is asking."""
_FIGURES = (
    "ndcg@20",
    "recall@20",
    "popularity_ndcg@20",
    "coverage@20",
    "inter_user_similarity@20",
    "evaluated_users",
    "interactions",
    "users",
    "items",
)
"""Figures of a night that are shown, if it has them."""


class StoreFigures(Collector):
    """Asks PostgreSQL; while it is away there is nothing but `store_up` 0."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asking = threading.Lock()
        self._away = False

    def describe(self) -> list[Metric]:
        """Nothing, so that registering asks nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All figures, or that the store is away."""
        figures = self._asked()
        is_up = figures is not None
        yield _gauge("store_up", "1: PostgreSQL gave the figures of the store; 0: not.", is_up)
        yield from figures or ()

    def _asked(self) -> list[Metric] | None:
        """None: PostgreSQL is away, or has not answered the last scrape yet."""
        if not self._asking.acquire(timeout=_PATIENCE_SECONDS):
            return None
        try:
            with self._engine.begin() as connection:
                figures = list(_figures(connection))
        except SQLAlchemyError as error:
            if not self._away:
                log.warning("store_figures_missing", error=str(error))
            self._away = True
            return None
        finally:
            self._asking.release()
        self._away = False
        return figures


def _figures(connection: Connection) -> Iterator[Metric]:
    items = connection.execute(_WATCHING["count_shown_items"]).scalar_one()
    yield _gauge("store_items", "Items that lists may show.", items)
    yield from _nights(connection)
    served = connection.execute(_DIAGNOSIS["load_served_run"]).one_or_none()
    if served is None:
        return
    yield _gauge("store_served_run", "Number of the run being served.", served.run_id)
    yield _time(
        "store_served_run_cut_off", "What it was learned from ends here.", served.cut_off_at
    )
    if served.index_recall is not None:
        yield _gauge(
            "store_index_recall",
            "Share of the exact answer that its vector index found; absent: it has none.",
            served.index_recall,
        )
    yield from _kept_up(connection, RunId(served.run_id))


def _nights(connection: Connection) -> Iterator[Metric]:
    ended = GaugeMetricFamily(
        "store_night_ended_timestamp_seconds",
        "When the newest night that was published, refused or failed ended.",
        labels=["outcome"],
    )
    for night in connection.execute(_WATCHING["load_newest_nights"]):
        ended.add_metric([night.outcome], night.ended_at.timestamp())
    yield ended
    newest = connection.execute(_WATCHING["find_newest_judged_run"]).one_or_none()
    if newest is None:
        return
    yield _gauge("store_night_seconds", "How long the newest night took.", newest.seconds)
    steps = GaugeMetricFamily(
        "store_night_step_seconds", "How long its steps took.", labels=["step"]
    )
    for step, seconds in newest.step_seconds.items():
        steps.add_metric([step], float(seconds))
    yield steps
    figures = GaugeMetricFamily(
        "store_night_figure",
        "What was measured of it, by the name of the figure.",
        labels=["figure"],
    )
    for name in _FIGURES:
        if newest.metrics.get(name) is not None:
            figures.add_metric([name], float(newest.metrics[name]))
    yield figures


def _kept_up(connection: Connection, run_id: RunId) -> Iterator[Metric]:
    """How far live vectors, new items and popular lists are behind."""
    now = connection.execute(_DIAGNOSIS["load_time"]).scalar_one()
    asked: dict[str, int] = {"run_id": run_id, "horizon": event_horizon(connection)}
    counted = {**asked, "most": _MOST_COUNTED}
    events = connection.execute(_DIAGNOSIS["load_waiting_events"], counted).one()
    items = connection.execute(_DIAGNOSIS["load_waiting_items"], counted).one()
    yield _gauge("store_waiting_events", "Events that no live vector knows yet.", events.waiting)
    yield _gauge(
        "store_oldest_waiting_event_seconds",
        "For how long the first of them has waited; 0: none does.",
        _age(now, events.waiting_since),
    )
    yield _gauge(
        "store_held_events",
        "Events behind a transaction that is still writing others.",
        events.held,
    )
    yield _gauge("store_waiting_items", "New items without an embedding.", items.waiting)
    yield _gauge(
        "store_oldest_waiting_item_seconds",
        "For how long the first of them has waited; 0: none does.",
        _age(now, items.waiting_since),
    )
    behind = GaugeMetricFamily(
        "store_popular_behind_seconds",
        "Age of the oldest event that a part of the popular lists does not know; 0: it knows all.",
        labels=["part"],
    )
    for part in connection.execute(_DIAGNOSIS["load_parts"], asked):
        behind.add_metric([part.part], _age(now, part.unknown_since))
    yield behind


def _age(now: datetime, since: datetime | None) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)


def _time(name: str, text: str, moment: datetime) -> Metric:
    return _gauge(f"{name}_timestamp_seconds", text, moment.timestamp())


def _gauge(name: str, text: str, value: Any) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))
