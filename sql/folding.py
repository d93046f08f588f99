"""Folding the log into live vectors: one way for publishing, rollback and the speed worker."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.live_vector import live_vector
from sql.live_vectors import RunSpace, UserVector, load_item_vectors, store_user_vectors
from sql.log import count_events_since, load_histories, load_kinds
from sql.statements import statements

_LIVE = statements("live")


def find_stale_users(
    connection: Connection,
    run_id: RunId,
    *,
    after: Position,
    until: Position,
    shards: Sequence[int] | None = None,
) -> list[UserNo]:
    """Users whose live vectors in this run do not yet know what happened in (after, until].

    Only those of some `shards`; None: of all. In rising order.
    """
    parameters = {
        "run_id": run_id,
        "after": after,
        "until": until,
        "shards": None if shards is None else list(shards),
    }
    return list(connection.execute(_LIVE["find_stale_users"], parameters).scalars())


def fold_in(
    connection: Connection, run: RunSpace, user_nos: Sequence[UserNo], *, horizon: Position
) -> None:
    """Write the live vectors of some users from their histories up to the horizon.

    A user who has no history left gets a vector that says nothing. The transaction must be READ
    COMMITTED, and the horizon must have been read before in a statement of its own.
    """
    if not user_nos:
        return
    histories = load_histories(
        connection,
        load_kinds(connection),
        user_nos,
        horizon=horizon,
        events=run.space.parameters.taste_events,
    )
    known = [history.item_nos for history in histories.values()]
    item_nos = [ItemNo(no) for no in np.unique(np.concatenate(known)).tolist()] if known else []
    items = load_item_vectors(connection, run.run_id, item_nos)
    counts = count_events_since(connection, user_nos, cut_off=run.cut_off, horizon=horizon)
    vectors = [
        UserVector(
            user_no,
            live_vector(run.space, items, histories[user_no]) if user_no in histories else None,
            counts.get(user_no, 0),
        )
        # In one order everywhere, so that two who write the same users cannot wait for each other.
        for user_no in sorted(user_nos)
    ]
    store_user_vectors(connection, run.run_id, vectors, horizon)


def store_progress(
    connection: Connection, run_id: RunId, position: Position, shards: Sequence[int] | None = None
) -> None:
    """Note that the live vectors of some shards (None: of all) know the log up to `position`."""
    parameters = {
        "run_id": run_id,
        "position": position,
        "shards": None if shards is None else list(shards),
    }
    connection.execute(_LIVE["store_progress"], parameters)
