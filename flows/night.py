"""What the steps of one night share: settings, connections, and who is told how far it is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prefect import get_run_logger
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from batch import runs
from batch.bulk import bulk_connection
from batch.settings import BatchSettings
from domain.identifiers import RunId

OnStep = Callable[[str, float | None], None]
"""Told the name of a step when it begins (None), and again with its seconds when it has ended."""

listener: ContextVar[OnStep | None] = ContextVar("listener", default=None)


class Night:
    """One nightly run. A plain class, so that Prefect hands it on without looking inside."""

    def __init__(self, engine: Engine, database_url: str, settings: BatchSettings) -> None:
        self.engine = engine
        self.settings = settings
        self.run_id: RunId | None = None
        self.step_seconds: dict[str, float] = {}
        self._database_url = database_url
        self._on_step = listener.get()

    def begin(self) -> Any:
        """A transaction of its own: `with night.begin() as connection`."""
        return self.engine.begin()

    def bulk(self) -> Any:
        """An ADBC connection for bulk moves: `with night.bulk() as connection`."""
        return bulk_connection(self._database_url)

    def say(self, sentence: str) -> None:
        """Write a line into the log of the task that runs now."""
        get_run_logger().info(sentence)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Tell that a step begins and ends, and store how long it took."""
        self.tell(step, None)
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        self.step_seconds[step] = round(seconds, 3)
        if self.run_id is not None:
            with self.begin() as connection:
                runs.store_step_seconds(connection, self.run_id, step, round(seconds, 3))
        self.tell(step, seconds)

    def clear_away(self, run_id: RunId) -> None:
        """Take a run's partitions away; what somebody reads too long is left to the next night."""
        try:
            with self.engine.connect() as connection:
                session = connection.execution_options(isolation_level="AUTOCOMMIT")
                runs.drop_partitions(session, run_id)
        except OperationalError as error:
            self.say(f"Run {run_id} is cleared away by the next night: {error.orig}")

    def tell(self, step: str, seconds: float | None) -> None:
        """Tell whoever listens that a step begins (None) or has ended."""
        if self._on_step is not None:
            self._on_step(step, seconds)
