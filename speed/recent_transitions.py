"""What has followed what since the night, learned anew beside the folding of events.

What is learned counts for a user from the user's next event on, like all that a live vector is made
of.
"""

import threading
import time
from collections.abc import Iterator

import numpy as np
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from domain.errors import UnknownRunError
from domain.identifiers import Position, RunId
from domain.recent_transitions import (
    MOST_EVENTS,
    WINDOW,
    Pairs,
    pairs_of,
    recent_transitions,
)
from domain.transitions import Transitions
from speed import metrics
from speed.background import in_background
from speed.settings import SpeedSettings
from speed.spaces import Spaces
from sql.engine import reason_of
from sql.live_vectors import RunSpace, find_live_run
from sql.locks import RECENT_TRANSITIONS, try_lock
from sql.log import event_horizon
from sql.pipelining import Question, ask
from sql.statements import as_array, statements
from sql.vectors import IntegerArray, RealArray

log = structlog.get_logger()

_SPEED = statements("speed")

_POLL_SECONDS = 1.0
_RESTS = 20
"""So many times what it took is waited before it is learned again."""
_EVENTS_OF_USER = 100
"""From so many of one user is learned at the most."""
_USERS_AT_ONCE = 500


def learn_transitions(engine: Engine, settings: SpeedSettings, stopping: threading.Event) -> None:
    """Learn in a thread of its own; not at all if nobody wants it."""
    if settings.transitions_seconds > 0.0:
        learner = TransitionsLearner(engine, settings, stopping)
        in_background("transitions", learner.run, stopping)


class TransitionsLearner:
    """Learns for the served run whenever there is something new and enough time has passed."""

    def __init__(self, engine: Engine, settings: SpeedSettings, stopping: threading.Event) -> None:
        self._engine = engine
        self._settings = settings
        self._stopping = stopping
        self._spaces = Spaces()
        self._known: tuple[RunId, Position] | None = None
        self._due = 0.0
        self._failing = False

    def run(self) -> None:
        """Work until `stopping` is set; an unreachable PostgreSQL is waited for."""
        while not self._stopping.is_set():
            if time.monotonic() >= self._due:
                self.learn_once()
            self._stopping.wait(min(_POLL_SECONDS, self._settings.transitions_seconds))

    def learn_once(self) -> RunId | None:
        """Learn what is new; None if nothing is, others are at it, or PostgreSQL is away."""
        began = time.perf_counter()
        try:
            with self._engine.begin() as connection:
                # The connection may have been another's for long.
                began = time.perf_counter()
                learned = self._learn(connection)
        except DBAPIError as error:
            metrics.TRANSITIONS_FAILURES.inc()
            if not self._failing:
                reason = reason_of(error)
                log.warning("transitions_not_learned", reason=reason, error=str(error.orig))
            self._failing = True
            self._rest(time.perf_counter() - began)
            return None
        except UnknownRunError:
            # The worker says so.
            return None
        self._failing = False
        if learned is None:
            return None
        self._known = learned
        seconds = time.perf_counter() - began
        self._rest(max(seconds, self._settings.transitions_seconds / _RESTS))
        metrics.TRANSITIONS_SECONDS.observe(seconds)
        return learned[0]

    def _rest(self, seconds: float) -> None:
        """After work of so long, in vain or not."""
        self._due = time.monotonic() + _RESTS * seconds

    def _learn(self, connection: Connection) -> tuple[RunId, Position] | None:
        run_id = find_live_run(connection)
        if run_id is None:
            return None
        run = self._spaces.of(connection, run_id)
        weight = run.space.parameters.recent_weight
        if weight == 0.0:
            return None
        horizon = event_horizon(connection)
        if self._known == (run_id, horizon):
            return None
        if not try_lock(connection, RECENT_TRANSITIONS, run_id):
            return None
        pairs = Pairs.joined(_pairs_since(connection, run, horizon))
        _store(connection, run_id, recent_transitions(pairs, weight))
        return run_id, horizon


def _pairs_since(connection: Connection, run: RunSpace, horizon: Position) -> Iterator[Pairs]:
    """Those whose later event is among the newest since the cut-off of a run."""
    asked = {"cut_off": run.cut_off, "horizon": horizon, "events": MOST_EVENTS}
    active = ask(connection, Question(_SPEED["find_users_since"], asked))
    for first in range(0, len(active), _USERS_AT_ONCE):
        users = active[first : first + _USERS_AT_ONCE]
        likings = {
            "user_nos": as_array([user.user_no for user in users]),
            # Of the older ones those that the first new one can come after.
            "events": as_array([min(user.events, _EVENTS_OF_USER) + WINDOW for user in users]),
            "first": active[0].first_position,
            "horizon": horizon,
        }
        (row,) = ask(connection, Question(_SPEED["load_newest_likings"], likings))
        if row.user_nos is not None:
            yield pairs_of(
                np.frombuffer(row.user_nos, dtype=">i4").astype(np.int32),
                np.frombuffer(row.item_nos, dtype=">i4").astype(np.int32),
                np.frombuffer(row.is_new, dtype=np.bool_),
            )[0]


def _store(connection: Connection, run_id: RunId, rows: Transitions) -> None:
    lengths = np.diff(rows.starts)
    parameters = {
        "run_id": run_id,
        "item_nos": as_array(rows.item_nos.tolist()),
        "lengths": as_array(lengths.tolist()),
        "ends": as_array(np.cumsum(lengths).tolist()),
        "next_item_nos": IntegerArray(rows.next_item_nos),
        "scores": RealArray(rows.scores),
    }
    connection.execute(_SPEED["store_recent_transitions"], parameters)
