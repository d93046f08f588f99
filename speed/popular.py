"""Popular lists of the served run, kept fresh beside the folding of events."""

import threading
import time

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from domain.identifiers import RunId
from speed import metrics
from speed.background import in_background
from speed.settings import SpeedSettings
from sql.live_vectors import find_live_run
from sql.popular import Part, claim_due_part, refresh_part

log = structlog.get_logger()

_POLL_SECONDS = 1.0


def keep_popular_fresh(engine: Engine, settings: SpeedSettings, stopping: threading.Event) -> None:
    """Refresh popular lists in a thread of their own, on an engine that folds nothing in.

    A refresh of a long log takes seconds, and no event is to wait that long for its fold-in.
    """
    in_background("popular", PopularRefresher(engine, settings, stopping).run, stopping)


class PopularRefresher:
    """Refreshes the lists of the served run whenever they are due."""

    def __init__(self, engine: Engine, settings: SpeedSettings, stopping: threading.Event) -> None:
        self._engine = engine
        self._settings = settings
        self._stopping = stopping
        self._failing = False

    def run(self) -> None:
        """Work until `stopping` is set; an unreachable PostgreSQL is waited for."""
        while not self._stopping.is_set():
            if self.refresh_once() is None:
                self._stopping.wait(min(_POLL_SECONDS, self._settings.popular_seconds))

    def refresh_once(self) -> Part | None:
        """Refresh what is due; None if nothing is, or PostgreSQL is away."""
        try:
            with self._engine.begin() as connection:
                # The connection may have been another's for long.
                started = time.perf_counter()
                done = self._refresh_due(connection)
        except DBAPIError as error:
            self._note_failure(error)
            return None
        self._failing = False
        if done is None:
            return None
        run_id, part = done
        seconds = time.perf_counter() - started
        metrics.POPULAR_SECONDS.labels(part).observe(seconds)
        log.info(
            "popular_refreshed", run_id=run_id, part=part, milliseconds=round(1000 * seconds, 1)
        )
        return part

    def _refresh_due(self, connection: Connection) -> tuple[RunId, Part] | None:
        run_id = find_live_run(connection)
        if run_id is None:
            return None
        part = claim_due_part(connection, run_id, seconds=self._settings.popular_seconds)
        if part is None or not refresh_part(connection, run_id, part):
            return None
        return run_id, part

    def _note_failure(self, error: DBAPIError) -> None:
        metrics.POPULAR_FAILURES.inc()
        if not self._failing:
            away = isinstance(error, OperationalError | InterfaceError)
            log.warning("popular_not_refreshed", away=away, error=str(error.orig))
        self._failing = True
