"""Bringing a run up to date and serving it: the same for a new run and for one rolled back to.

What the run served before knows of a user, the run served after knows too, from the moment of the
promotion on: docs/decisions/0011-promotion.md says how.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

from sqlalchemy import Connection

from domain.identifiers import ItemNo, Position, RunId
from sql.audit import add_audit_entry
from sql.folding import find_stale_users, fold_in, store_progress
from sql.item_embedding import (
    begin_item_embedding,
    embed_missing,
    embed_next,
    hold_folding,
    hold_item_embedding,
)
from sql.live_vectors import RunSpace
from sql.log import event_horizon
from sql.statements import statements

_BATCH = statements("batch")

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction that is committed after the block."""

How = Literal["published", "rolled back"]

_FEW_USERS = 100
"""So few users are folded in within the promotion; more are folded in before it."""
_FEW_ITEMS = 100
"""And so few items are embedded within it."""
_MOST_ROUNDS = 10
_USERS_AT_ONCE = 1_000
_ITEMS_AT_ONCE = 500


def lock_promotion(connection: Connection) -> None:
    """Be the only one to change which run is served or kept, until the transaction ends."""
    connection.execute(_BATCH["lock_promotion"])


def catch_up(
    begin: Begin, run: RunSpace, on_users: Callable[[int, int], object] = lambda _done, _all: None
) -> None:
    """Fold in, in transactions of their own, what the run's vectors do not know of the log.

    In each round items that came, or came to be used, are embedded first. Again and again, until
    both the items and the users of a round were few, ten times at the most. `on_users` is told how
    many users of how many are done in this round.
    """
    _embed_missing(begin, run)
    for _ in range(_MOST_ROUNDS):
        items = _embed_backlog(begin, run)
        users = _fold_in_backlog(begin, run, on_users)
        if items <= _FEW_ITEMS and users <= _FEW_USERS:
            return


def announce(connection: Connection, run_id: RunId) -> int:
    """Notify the API processes which run is about to be served; how many make answers for it.

    What they make is right only if the run's vectors are as good as up to date.
    """
    return int(connection.execute(_BATCH["announce_run"], {"run_id": run_id}).scalar_one())


def serve(
    connection: Connection, run: RunSpace, *, how: How, by: str, request_id: str | None = None
) -> None:
    """Embed the last items, fold in the last of the log and serve the run from the commit on.

    The caller holds the lock of promotions, in a transaction that is READ COMMITTED. `by`, and the
    request if it came by one, are for the audit log.
    """
    # With the shards of both runs held no worker can teach the served run anything more, so that
    # whatever it knows lies below the horizon that is read next. Events are not held up: those
    # above it are folded in by the worker, which goes on from the progress stored here.
    connection.execute(_BATCH["hold_shards"], {"run_id": run.run_id})
    hold_item_embedding(connection, run.run_id)
    horizon = event_horizon(connection)
    while embed_next(connection, run, horizon=horizon, items=_ITEMS_AT_ONCE) is not None:
        pass
    after = _progress(connection, run.run_id)
    stale = find_stale_users(connection, run.run_id, after=after, until=horizon)
    fold_in(connection, run, stale, horizon=horizon)
    store_progress(connection, run.run_id, horizon)
    parameters = {"run_id": run.run_id, "how": how, "promoted_by": by}
    connection.execute(_BATCH["promote_run"], parameters)
    subject = f"run {run.run_id}"
    add_audit_entry(connection, "serve run", subject, actor=by, request_id=request_id, how=how)


def _embed_missing(begin: Begin, run: RunSpace) -> None:
    """Give embeddings to items that have none."""
    with begin() as connection:
        begin_item_embedding(connection, run.run_id)
    last: ItemNo | None = ItemNo(0)
    while last is not None:
        with begin() as connection:
            last = embed_missing(connection, run, after=last, items=_ITEMS_AT_ONCE)


def _embed_backlog(begin: Begin, run: RunSpace) -> int:
    """One round: embeds items with changes up to the horizon of now; answers how many it was."""
    items = 0
    with begin() as connection:
        horizon = event_horizon(connection)
    while True:
        with begin() as connection:
            embedded = embed_next(connection, run, horizon=horizon, items=_ITEMS_AT_ONCE)
        if embedded is None:
            return items
        items += len(embedded.item_nos)


def _fold_in_backlog(begin: Begin, run: RunSpace, on_users: Callable[[int, int], object]) -> int:
    """One round; answers how many users it was."""
    with begin() as connection:
        after = _progress(connection, run.run_id)
        horizon = event_horizon(connection)
        stale = find_stale_users(connection, run.run_id, after=after, until=horizon)
    for first in range(0, len(stale), _USERS_AT_ONCE):
        chunk = stale[first : first + _USERS_AT_ONCE]
        with begin() as connection:
            # Not while a worker embeds items in the run, if it is a retained one.
            hold_folding(connection, run.run_id)
            fold_in(connection, run, chunk, horizon=horizon)
        on_users(first + len(chunk), len(stale))
    with begin() as connection:
        # In one order, as all of them are held.
        hold_folding(connection, run.run_id)
        store_progress(connection, run.run_id, horizon)
    return len(stale)


def _progress(connection: Connection, run_id: RunId) -> Position:
    """The position up to which the vectors of all users of the run know the log."""
    return Position(connection.execute(_BATCH["find_progress"], {"run_id": run_id}).scalar_one())
