"""One pass over the log: from new interactions to live vectors, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from domain.identifiers import Position, RunId, UserNo
from domain.live_vector import live_vector
from speed.settings import SpeedSettings
from sql.live_vectors import (
    RunSpace,
    UserVector,
    find_live_run,
    load_item_vectors,
    load_live_space,
    store_user_vectors,
)
from sql.log import count_events_since, event_horizon, load_histories, load_kinds
from sql.statements import statements

_SPEED = statements("speed")


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did."""

    run_id: RunId
    user_nos: tuple[UserNo, ...]
    """Users whose live vectors were written."""
    position: Position
    """The log is folded in up to here, for the shards that were claimed."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Shards this transaction holds, and the furthest position all of them have reached."""

    shards: tuple[int, ...]
    after: Position


class Folder:
    """Folds new interactions into live vectors; keeps the space of the run it last saw."""

    def __init__(self, settings: SpeedSettings) -> None:
        self._settings = settings
        self._space: RunSpace | None = None

    def fold_new(self, connection: Connection) -> Pass | None:
        """Fold in what is new for the served run; None if there is nothing to do.

        The caller commits: vectors and progress become visible together or not at all. The
        transaction must be READ COMMITTED, since the log is read after the horizon.
        """
        run_id = find_live_run(connection)
        if run_id is None:
            return None
        horizon = event_horizon(connection)
        claim = self._claim(connection, run_id, horizon)
        if claim is None:
            return None
        until = Position(min(horizon, claim.after + self._settings.events_per_pass))
        user_nos = _find_stale_users(connection, run_id, claim, until)
        self._refresh(connection, self._space_of(connection, run_id), user_nos, horizon)
        connection.execute(
            _SPEED["store_progress"],
            {"run_id": run_id, "shards": list(claim.shards), "position": until},
        )
        return Pass(run_id, tuple(user_nos), until)

    def _claim(self, connection: Connection, run_id: RunId, horizon: Position) -> _Claim | None:
        parameters: dict[str, int] = {"run_id": run_id, "horizon": horizon}
        # Looking first keeps an idle worker from writing row locks to disk many times a second.
        if connection.execute(_SPEED["find_lagging_shards"], parameters).first() is None:
            return None
        parameters["shards_per_pass"] = self._settings.shards_per_pass
        rows = connection.execute(_SPEED["claim_shards"], parameters).all()
        if not rows:
            return None
        return _Claim(tuple(row.shard for row in rows), min(row.position for row in rows))

    def _space_of(self, connection: Connection, run_id: RunId) -> RunSpace:
        if self._space is None or self._space.run_id != run_id:
            self._space = load_live_space(connection, run_id)
        return self._space

    def _refresh(
        self, connection: Connection, run: RunSpace, user_nos: Sequence[UserNo], horizon: Position
    ) -> None:
        """Compute the live vectors of some users from their histories up to the horizon."""
        if not user_nos:
            return
        parameters = run.space.parameters
        histories = load_histories(
            connection,
            load_kinds(connection),
            user_nos,
            horizon=horizon,
            events=parameters.taste_events,
        )
        item_nos = sorted(
            {no for history in histories.values() for no in history.item_nos.tolist()}
        )
        items = load_item_vectors(connection, run.run_id, item_nos)
        counts = count_events_since(connection, user_nos, cut_off=run.cut_off, horizon=horizon)
        vectors = [
            UserVector(no, live_vector(run.space, items, history), counts.get(no, 0))
            for no, history in histories.items()
        ]
        store_user_vectors(connection, run.run_id, vectors, horizon)


def _find_stale_users(
    connection: Connection, run_id: RunId, claim: _Claim, until: Position
) -> list[UserNo]:
    parameters = {
        "run_id": run_id,
        "after": claim.after,
        "until": until,
        "shards": list(claim.shards),
    }
    return list(connection.execute(_SPEED["find_stale_users"], parameters).scalars())


def find_recently_updated_users(connection: Connection, seconds: float) -> list[UserNo]:
    """Users whose live vectors were written in the last `seconds`, in the run being served."""
    run_id = find_live_run(connection)
    if run_id is None:
        return []
    parameters = {"run_id": run_id, "seconds": seconds}
    return list(connection.execute(_SPEED["find_recently_updated_users"], parameters).scalars())
