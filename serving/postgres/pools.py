"""Pools of connections to PostgreSQL: limits, figures, what is slow, and signs of life."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from serving.runtime.budget import Budget
from serving.runtime.metrics import ServingMetrics
from serving.runtime.tasks import AbandonedTasks, end, ignore_result
from sql.engine import AWAY_ERRORS
from sql.statements import statements

log = structlog.get_logger()

_SPREAD = 0.1

_SERVING = statements("serving")
_HELD_UP_SECONDS = 0.05
"""A timer that rings so late tells that this process was held up: the sign may be there unread."""
_DEAD_SECONDS = 2.0
"""A question that is not answered for so long is put again on a new connection."""


class PoolFigures:
    """Reports the figures of the pool of one lane."""

    def __init__(self, metrics: ServingMetrics, lane: str) -> None:
        self._metrics = metrics
        self._lane = lane
        self.waited: Callable[[float], None] = metrics.pool_wait_seconds.labels(lane).observe

    def watch(
        self,
        *,
        limit: int,
        opened: Callable[[], int],
        in_use: Callable[[], int],
        waiting: Callable[[], int],
    ) -> None:
        """Ask these whenever somebody looks."""
        connections = self._metrics.pool_connections
        connections.labels(self._lane, "limit").set(limit)
        connections.labels(self._lane, "open").set_function(opened)
        connections.labels(self._lane, "in_use").set_function(in_use)
        self._metrics.pool_waiting.labels(self._lane).set_function(waiting)


def renew_connections(engine: AsyncEngine, *, seconds: float) -> None:
    """Replace each connection at about this age, when it is next needed.

    Not all at the same time, though they were opened together: the ages are a tenth apart at most
    on either side.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def _born(_connection: Any, record: Any) -> None:
        age = seconds * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 -- no secret
        record.info["renew_at"] = time.monotonic() + age

    @event.listens_for(engine.sync_engine, "checkout")
    def _taken(_connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() > record.info["renew_at"]:
            raise DisconnectionError


def log_slow_statements(engine: AsyncEngine, *, seconds: float) -> None:
    """Log what takes longer by its name, whether it ended or was given up; never its parameters."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _begins(  # the events have these parameters
        _connection: Any, _cursor: Any, _code: Any, _given: Any, context: Any, _many: Any
    ) -> None:
        if context is not None:
            context.tandem_began_at = time.monotonic()

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def _ended(
        _connection: Any, _cursor: Any, _code: Any, _given: Any, context: Any, _many: Any
    ) -> None:
        _report_if_slow(context, seconds, ended=True)

    @event.listens_for(engine.sync_engine, "handle_error")
    def _failed(failure: Any) -> None:
        _report_if_slow(failure.execution_context, seconds, ended=False)


def _report_if_slow(context: Any, seconds: float, *, ended: bool) -> None:
    began_at = getattr(context, "tandem_began_at", None)
    took = 0.0 if began_at is None else time.monotonic() - began_at
    if took > seconds:
        report_statement(context.execution_options, took, ended=ended)


def report_statement(options: Mapping[str, Any], seconds: float, *, ended: bool) -> None:
    """Log that a statement with such execution options took long."""
    name = options.get("statement_name", "unnamed")
    log.warning("slow_statement", statement=name, ms=round(seconds * 1000, 1), ended=ended)


class Pulse:
    """Waits for answers as long as there is time, but no longer than the server is silent.

    Any answer is a sign of life. While an answer is late the server is asked for nothing else but
    a sign, on a connection of its own.
    """

    def __init__(self, engine: AsyncEngine, *, silence_seconds: float) -> None:
        self._engine = engine
        self._silence_seconds = silence_seconds
        self._last = time.monotonic()
        self._asked_at = self._last
        self._asking: asyncio.Task[None] | None = None
        self._abandoned = AbandonedTasks()

    def beat(self) -> None:
        """The server has answered something."""
        self._last = time.monotonic()

    async def wait(self, answer: "asyncio.Future[Any]", budget: Budget) -> None:
        """Return when there is the answer, or time or hope is over."""
        began = time.monotonic()
        piece = self._silence_seconds / 2
        await asyncio.wait({answer}, timeout=min(piece, budget.left()))
        while not answer.done() and budget.left():
            self.feel()
            due = time.monotonic() + piece
            await asyncio.wait({answer}, timeout=min(piece, budget.left()))
            now = time.monotonic()
            was_held_up = now > due + _HELD_UP_SECONDS
            if not was_held_up and now - max(self._last, began) >= self._silence_seconds:
                return

    def feel(self) -> None:
        """Ask for a sign of life, if nobody has asked yet."""
        if self._asking is not None and not self._asking.done():
            if time.monotonic() < self._asked_at + _DEAD_SECONDS:
                return
            self._abandoned.add(self._asking)
        self._asked_at = time.monotonic()
        self._asking = ignore_result(asyncio.create_task(self._ask()))

    async def close(self) -> None:
        """Close the connection."""
        if self._asking is not None:
            await end(self._asking)
        await self._engine.dispose()

    async def _ask(self) -> None:
        try:
            async with self._engine.connect() as connection:
                await connection.execute(_SERVING["probe"])
        except AWAY_ERRORS:
            return
        self.beat()
