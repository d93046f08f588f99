"""What the steps of one nightly run share: settings, connections, and who gets their progress."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any

from prefect import get_run_logger
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from batch.bulk import BulkConnections
from batch.engines.engine import BatchEngine
from batch.runs import model_runs
from batch.settings import BatchSettings
from domain.identifiers import RunId
from flows.side_by_side import NightEndsError, raise_if_ended

OnStep = Callable[[str, float | None], None]
"""Told the name of a step when it begins (None), and again with its seconds when it has ended."""

OnFailed = Callable[[str, float], None]
"""Told the name of a step that failed and its seconds. If it is retried, it begins once more."""


def ignore_failure(_step: str, _seconds: float) -> None:
    """Whoever receives begun and ended steps need not receive failed ones."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Receives the progress of a flow."""

    on_step: OnStep
    on_failed: OnFailed = ignore_failure


listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class NightlyContext:
    """One nightly run. A plain class, so that Prefect hands it on without looking inside."""

    def __init__(
        self, engine: Engine, database_url: str, settings: BatchSettings, batch_engine: BatchEngine
    ) -> None:
        self.engine = engine
        self.batch_engine = batch_engine
        self.settings = settings
        self.run_id: RunId | None = None
        self.step_seconds: dict[str, float] = {}
        self._bulk = BulkConnections(database_url)
        self._listener = listener.get()
        self._reporting = Lock()

    def begin(self) -> Any:
        """A transaction of its own: `with context.begin() as connection`."""
        return self.engine.begin()

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection to which settings may stick: it is closed afterwards, never used again."""
        with self.engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.invalidate()

    def bulk(self) -> Any:
        """An ADBC connection for bulk moves: `with context.bulk() as connection`."""
        return self._bulk.opened()

    def close(self) -> None:
        """Close what bulk moves have left open. The engine is not closed: others made it."""
        self._bulk.close()

    def say(self, sentence: str) -> None:
        """Write a line into the log of the task that runs now, unless the night has ended."""
        raise_if_ended()
        get_run_logger().info(sentence)

    def warn(self, sentence: str) -> None:
        """The same, as a warning: something is missing and the night goes on without it."""
        get_run_logger().warning(sentence)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Report that a step begins and ends or fails, and store how long it took.

        Neither is reported of a step that NightEndsError keeps from beginning or going on.
        """
        raise_if_ended()
        started = time.perf_counter()
        try:
            self.report(step, None)
            yield
        except NightEndsError:
            raise
        except BaseException:
            self._report_failed_step(step, time.perf_counter() - started)
            raise
        seconds = time.perf_counter() - started
        self._store_seconds(step, round(seconds, 3))
        self.report(step, seconds)

    def _report_failed_step(self, step: str, seconds: float) -> None:
        """Report that a step failed; the error that it failed with is raised, whoever listens."""
        if self._listener is None:
            return
        try:
            with self._reporting:
                self._listener.on_failed(step, seconds)
        except Exception as trouble:  # noqa: BLE001 -- such as the pipe of a terminal that is gone
            self.warn(f"The failure of this step could not be reported: {trouble}")

    def _store_seconds(self, step: str, seconds: float) -> None:
        """What a step has done stands, an hour of fitting perhaps: its seconds may be missing."""
        self.step_seconds[step] = seconds
        if self.run_id is None:
            return
        try:
            with self.begin() as connection:
                model_runs.store_step_seconds(connection, self.run_id, step, seconds)
        except SQLAlchemyError as error:
            self.warn(f"The seconds of this step are not in the row of the run: {error}")

    def clear_away(self, run_id: RunId) -> None:
        """Take a run's partitions away; what somebody reads too long is left to the next night."""
        try:
            with self.session() as connection:
                session = connection.execution_options(isolation_level="AUTOCOMMIT")
                model_runs.drop_partitions(session, run_id)
        except OperationalError as error:
            self.say(f"Run {run_id} is cleared away by the next night: {error.orig}")

    def report(self, step: str, seconds: float | None) -> None:
        """Report to whoever listens that a step begins (None) or has ended; one at a time."""
        if self._listener is not None:
            with self._reporting:
                self._listener.on_step(step, seconds)
