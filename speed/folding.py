"""One pass over the log: from new interactions to live vectors, in one transaction."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from domain.identifiers import Position, RunId, UserNo
from speed.pacing import Pace
from speed.settings import SpeedSettings
from speed.spaces import Spaces
from sql.folding import find_stale_users, fold_in, store_progress
from sql.live_vectors import RunSpace, find_live_run
from sql.log import event_horizon
from sql.run_items import RunItems
from sql.statements import statements

_SPEED = statements("speed")

FEWEST_EVENTS = 50
FEWEST_RETAINED_EVENTS, MOST_RETAINED_EVENTS = 20, 2_000
_MOST_FIRST = 500
"""So many live events go before what a load brought, at the most."""
_MOST_ITEMS = 20_000
"""So many items of the served run are kept in memory, about 50 MB."""
_PASS_SECONDS, _RETAINED_PASS_SECONDS = 0.1, 0.03
"""About so long a pass over many events takes, in the served run and in another.

The next event waits for it to end, and so does a rollback.
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did."""

    run_id: RunId
    user_nos: tuple[UserNo, ...]
    """Users whose live vectors were written."""
    position: Position
    """The log is folded in up to here, for the shards that were claimed."""
    forgotten: tuple[UserNo, ...] = ()
    """Users who were forgotten: they have no live vectors, but may have cached answers."""
    is_amid_load: bool = False
    """Whether it folded in events of a load, and more are left."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Shards this transaction holds, and the furthest position all of them have reached."""

    shards: tuple[int, ...]
    after: Position
    first: Position
    """Up to where live events of all of them have gone before those of a load."""


class Folder:
    """Folds new interactions into live vectors."""

    def __init__(self, settings: SpeedSettings, spaces: Spaces | None = None) -> None:
        self._settings = settings
        self._spaces = spaces or Spaces()
        most = settings.events_per_pass
        self._events = Pace(FEWEST_EVENTS, FEWEST_EVENTS, most, _PASS_SECONDS)
        self._retained_events = Pace(
            FEWEST_RETAINED_EVENTS,
            FEWEST_RETAINED_EVENTS,
            min(most, MOST_RETAINED_EVENTS),
            _RETAINED_PASS_SECONDS,
        )
        self._run_items: RunItems | None = None

    def fold_new(self, connection: Connection) -> Pass | None:
        """Fold in what is new for the served run; None if there is nothing to do.

        Passes over many events are short, and live events go before those of a load.

        The caller commits: vectors and progress become visible together or not at all. The
        transaction must be READ COMMITTED, since the log is read after the horizon.
        """
        run_id = find_live_run(connection)
        if run_id is None:
            return None
        horizon = event_horizon(connection)
        began = time.perf_counter()
        events = min(self._events.size, self._settings.events_per_pass)
        with self._events.halved_by_failures():
            done = self._fold(connection, run_id, horizon, events, is_served=True)
        if done is not None and done.position < horizon:
            self._events.note(time.perf_counter() - began)
        return done

    def fold_retained(self, connection: Connection, unusable: Sequence[RunId] = ()) -> Pass | None:
        """The same for a retained run that is not being served, the newest that lags behind.

        `unusable` runs are left alone, so that they do not keep older ones from their turn.
        """
        horizon = event_horizon(connection)
        run_id = _find_lagging_retained(connection, horizon, unusable)
        if run_id is None:
            return None
        began = time.perf_counter()
        events = min(self._retained_events.size, self._settings.events_per_pass)
        with self._retained_events.halved_by_failures():
            done = self._fold(connection, run_id, horizon, events)
        self._retained_events.note(time.perf_counter() - began)
        return done

    def _fold(
        self,
        connection: Connection,
        run_id: RunId,
        horizon: Position,
        most_events: int,
        *,
        is_served: bool = False,
    ) -> Pass | None:
        claim = self._claim(connection, run_id, horizon)
        if claim is None:
            return None
        until = Position(min(horizon, claim.after + most_events))
        user_nos = find_stale_users(
            connection, run_id, after=claim.after, until=until, shards=claim.shards
        )
        is_amid_load = is_served and until < horizon and _has_loaded(connection, claim, until)
        if is_amid_load:
            first = _users_of_live_events(connection, run_id, claim, until, horizon)
            user_nos = sorted({*user_nos, *first})
        run = self._spaces.of(connection, run_id)
        run_items = self._items_of(run) if is_served else None
        fold_in(connection, run, user_nos, horizon=horizon, run_items=run_items)
        store_progress(connection, run_id, until, claim.shards)
        forgotten = _find_forgotten_users(connection, run_id, claim, until)
        return Pass(run_id, tuple(user_nos), until, tuple(forgotten), is_amid_load)

    def _items_of(self, run: RunSpace) -> RunItems:
        """What is known of the items of the served run; of an earlier one it is let go."""
        if self._run_items is None or self._run_items.run is not run:
            self._run_items = RunItems(run, _MOST_ITEMS)
        return self._run_items

    def _claim(self, connection: Connection, run_id: RunId, horizon: Position) -> _Claim | None:
        parameters: dict[str, int] = {"run_id": run_id, "horizon": horizon}
        # Looking first keeps an idle worker from writing row locks to disk many times a second.
        if connection.execute(_SPEED["find_lagging_shards"], parameters).first() is None:
            return None
        parameters["shards_per_pass"] = self._settings.shards_per_pass
        rows = connection.execute(_SPEED["claim_shards"], parameters).all()
        if not rows:
            return None
        return _Claim(
            shards=tuple(row.shard for row in rows),
            after=min(row.position for row in rows),
            first=min(row.first_position for row in rows),
        )


def _users_of_live_events(
    connection: Connection, run_id: RunId, claim: _Claim, until: Position, horizon: Position
) -> Sequence[UserNo]:
    """Users of live events that lie behind those of a load, each event looked at once."""
    of_run = {"run_id": run_id, "shards": list(claim.shards)}
    asked = {"after": max(until, claim.first), "until": horizon, "most": _MOST_FIRST}
    found = connection.execute(_SPEED["find_users_of_live_events"], of_run | asked).scalars().all()
    connection.execute(_SPEED["store_first_position"], of_run | {"first_position": horizon})
    return found


def _has_loaded(connection: Connection, claim: _Claim, until: Position) -> bool:
    parameters = {"after": claim.after, "until": until}
    return bool(connection.execute(_SPEED["has_loaded_events"], parameters).scalar_one())


def _find_forgotten_users(
    connection: Connection, run_id: RunId, claim: _Claim, until: Position
) -> Sequence[UserNo]:
    parameters = {
        "run_id": run_id,
        "after": claim.after,
        "until": until,
        "shards": list(claim.shards),
    }
    return connection.execute(_SPEED["find_forgotten_users"], parameters).scalars().all()


def _find_lagging_retained(
    connection: Connection, horizon: Position, unusable: Sequence[RunId]
) -> RunId | None:
    asked = {"horizon": horizon, "unusable": list(unusable)}
    found = connection.execute(_SPEED["find_lagging_retained"], asked)
    return found.scalar_one_or_none()


def find_recently_updated_users(connection: Connection, seconds: float) -> list[UserNo]:
    """Users whose live vectors were written, or who were forgotten, in the last `seconds`."""
    run_id = find_live_run(connection)
    if run_id is None:
        return []
    parameters = {"run_id": run_id, "seconds": seconds}
    return list(connection.execute(_SPEED["find_recently_updated_users"], parameters).scalars())
