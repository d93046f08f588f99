"""Embedding items in a run between two nights: one way for publishing, rollback and the worker.

Where an item belongs is a pure function (`sql.cold_items`) of its words, the log and the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from domain.identifiers import ItemNo, Position, RunId, UserNo
from sql.cold_items import embed_items
from sql.folding import fold_in
from sql.live_vectors import RunSpace
from sql.log import event_horizon
from sql.statements import statements

_COLD_ITEMS = statements("cold_items")

_POSITIONS_AT_ONCE = 20_000
"""How far one pass looks ahead in the log at the most."""

_USERS_PER_PASS = 1_000
"""A pass that folds in more users again embeds one item only."""


@dataclass(frozen=True, slots=True)
class EmbeddedItems:
    """What one pass did."""

    run_id: RunId
    item_nos: tuple[ItemNo, ...]
    """Items that were looked at, those included that had their embedding already."""
    user_nos: tuple[UserNo, ...]
    """Users who had used an item before it had an embedding: their live vectors know it now."""
    position: Position
    """All changes of items up to here are known."""
    lags: bool
    """Whether the log goes on behind that."""


def begin_item_embedding(connection: Connection, run_id: RunId) -> bool:
    """Note what the night knew of items; whether that was needed. Harmless twice.

    To be committed before the first items are embedded, and after the item vectors were written.
    """
    return (
        connection.execute(_COLD_ITEMS["begin_item_embedding"], {"run_id": run_id}).first()
        is not None
    )


def hold_folding(connection: Connection, run_id: RunId) -> None:
    """Be the only one who folds users of a run, or embeds items in it, until the commit."""
    connection.execute(_COLD_ITEMS["hold_folding"], {"run_id": run_id})


def hold_item_embedding(connection: Connection, run_id: RunId) -> None:
    """Be the only one who embeds items in a run and in the served one, until the commit."""
    connection.execute(_COLD_ITEMS["hold_item_embedding"], {"run_id": run_id})


def embed_next(
    connection: Connection, run: RunSpace, *, horizon: Position, items: int
) -> EmbeddedItems | None:
    """Embed the next `items` items at the most that have changes up to the horizon.

    None if there is none, or if the run is gone or knows no words. Waits for whoever folds users
    of the run or embeds items in it. The caller commits; the transaction must be READ COMMITTED,
    and the horizon must have been read in a statement of its own.
    """
    if connection.execute(_COLD_ITEMS["hold_run"], {"run_id": run.run_id}).first() is None:
        return None
    hold_folding(connection, run.run_id)
    found = connection.execute(
        _COLD_ITEMS["claim_item_embedding"], {"run_id": run.run_id}
    ).one_or_none()
    if found is None or found.position >= horizon:
        return None
    until = _until(found, horizon)
    asked = {
        "run_id": run.run_id,
        "after": found.position,
        "until": until,
        "item_no": found.item_no,
        "items": items,
    }
    due = connection.execute(_COLD_ITEMS["load_due_items"], asked).scalars().all()
    item_nos = _bounded(connection, run, due)
    user_nos = _embed(connection, run, item_nos)
    is_done = len(due) < items and len(item_nos) == len(due)
    known = until if is_done else Position(found.position)
    progress = {
        "run_id": run.run_id,
        "position": known,
        "until": until,
        "item_no": 0 if known == until else item_nos[-1],
    }
    connection.execute(_COLD_ITEMS["store_item_embedding_progress"], progress)
    return EmbeddedItems(run.run_id, tuple(item_nos), tuple(user_nos), known, known < horizon)


def skip_unchanged(
    connection: Connection, run_id: RunId, *, known: Position, horizon: Position
) -> Position | None:
    """Note that what comes next after `known` leaves no item to be embedded; None: some may.

    Answers up to where none is. As nothing is embedded, whoever folds users of the run is neither
    waited for nor kept waiting. All changes up to `known` must be known, by committed progress.
    The rest as `embed_next`.
    """
    until = min(horizon, Position(known + _POSITIONS_AT_ONCE))
    looked_at = {"run_id": run_id, "after": known, "until": until, "item_no": 0, "items": 1}
    if connection.execute(_COLD_ITEMS["load_due_items"], looked_at).first() is not None:
        return None
    skipped = {"run_id": run_id, "position": known, "until": until}
    stored = connection.execute(_COLD_ITEMS["skip_unchanged_items"], skipped).first()
    return None if stored is None else until


def embed_missing(
    connection: Connection, run: RunSpace, *, after: ItemNo, items: int
) -> ItemNo | None:
    """Embed up to `items` items that have no embedding in the run, from number `after` on.

    The last number looked at; None if there are no more. Waits as `embed_next` does.
    """
    if connection.execute(_COLD_ITEMS["hold_run"], {"run_id": run.run_id}).first() is None:
        return None
    hold_folding(connection, run.run_id)
    asked = {"run_id": run.run_id, "item_no": after, "items": items}
    found = connection.execute(_COLD_ITEMS["load_missing_items"], asked).scalars().all()
    item_nos = _bounded(connection, run, found)
    _embed(connection, run, item_nos)
    return ItemNo(item_nos[-1]) if item_nos else None


def remove_known_changes(connection: Connection) -> None:
    """Remove the changes of items that every run knows."""
    horizon = event_horizon(connection)
    connection.execute(_COLD_ITEMS["remove_known_changes"], {"horizon": horizon})


def _until(found: Row[Any], horizon: Position) -> Position:
    """Up to where this pass goes: an earlier one that was not done with its items is continued."""
    if found.until > found.position:
        return Position(found.until)
    return Position(min(horizon, found.position + _POSITIONS_AT_ONCE))


def _bounded(connection: Connection, run: RunSpace, item_nos: Sequence[ItemNo]) -> Sequence[ItemNo]:
    """The first of these items, at least one: not more than make many users be folded in again."""
    asked = {"run_id": run.run_id, "item_nos": list(item_nos)}
    counted = connection.execute(_COLD_ITEMS["count_users_of_items"], asked)
    users_of = {row.item_no: row.users for row in counted}
    users = 0
    for index, item_no in enumerate(item_nos):
        users += users_of.get(item_no, 0)
        if users > _USERS_PER_PASS and index > 0:
            return item_nos[:index]
    return item_nos


def _embed(connection: Connection, run: RunSpace, item_nos: Sequence[ItemNo]) -> Sequence[UserNo]:
    """Embed items; fold in again, and answer, who used one before it had an embedding.

    With folding held, so that all who did are found.
    """
    if not item_nos:
        return []
    new = embed_items(connection, run.run_id, item_nos)
    if not new:
        return []
    asked = {"run_id": run.run_id, "item_nos": new}
    user_nos = connection.execute(_COLD_ITEMS["find_users_of_items"], asked).scalars().all()
    # Read now: whoever was waited for may have written vectors that know more than the caller's
    # horizon, and a vector is not overwritten by one that knows less.
    horizon = event_horizon(connection)
    fold_in(connection, run, user_nos, horizon=horizon)
    return user_nos
