"""Placing items in a run between two nights: one way for publishing, rollback and the speed worker.

Where an item belongs is computed in SQL (`place_items`), from its words, the log and the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from domain.identifiers import ItemNo, Position, RunId, UserNo
from sql.folding import fold_in
from sql.live_vectors import RunSpace
from sql.statements import statements

_PLACING = statements("placing")

_POSITIONS_AT_ONCE = 20_000
"""How far one pass looks ahead in the log at the most."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What one pass did."""

    run_id: RunId
    item_nos: tuple[ItemNo, ...]
    """Items that were looked at, those included that had their place already."""
    user_nos: tuple[UserNo, ...]
    """Users who had used an item before it had a place: their live vectors know it now."""
    position: Position
    """Everything new of items up to here is known."""


def begin_placing(connection: Connection, run_id: RunId) -> bool:
    """Note what the night knew of items; whether that was needed. Harmless twice.

    To be committed before the first items are placed, and after the item vectors were written.
    """
    return connection.execute(_PLACING["begin_placing"], {"run_id": run_id}).first() is not None


def hold_placing(connection: Connection, run_id: RunId) -> None:
    """Be the only one who places items in a run and in the served one, until the commit."""
    connection.execute(_PLACING["hold_placing"], {"run_id": run_id})


def place_next(
    connection: Connection, run: RunSpace, *, horizon: Position, items: int
) -> Placed | None:
    """Place the next `items` items at the most of which there is something new up to the horizon.

    None if there is nothing, if somebody else is at it, or if the run is gone or knows no words.
    The caller commits; the transaction must be READ COMMITTED, and the horizon must have been read
    in a statement of its own.
    """
    if connection.execute(_PLACING["hold_run"], {"run_id": run.run_id}).first() is None:
        return None
    found = connection.execute(_PLACING["claim_placing"], {"run_id": run.run_id}).one_or_none()
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
    item_nos = connection.execute(_PLACING["load_due_items"], asked).scalars().all()
    user_nos = _place(connection, run, item_nos, horizon)
    known = until if len(item_nos) < items else Position(found.position)
    progress = {
        "run_id": run.run_id,
        "position": known,
        "until": until,
        "item_no": 0 if known == until else item_nos[-1],
    }
    connection.execute(_PLACING["store_placing_progress"], progress)
    return Placed(run.run_id, tuple(item_nos), tuple(user_nos), known)


def place_missing(
    connection: Connection, run: RunSpace, *, after: ItemNo, horizon: Position, items: int
) -> ItemNo | None:
    """Place up to `items` items that have no place in the run, from number `after` on.

    The last number looked at; None if there are no more.
    """
    if connection.execute(_PLACING["hold_run"], {"run_id": run.run_id}).first() is None:
        return None
    asked = {"run_id": run.run_id, "item_no": after, "items": items}
    item_nos = connection.execute(_PLACING["load_missing_items"], asked).scalars().all()
    _place(connection, run, item_nos, horizon)
    return ItemNo(item_nos[-1]) if item_nos else None


def remove_known_news(connection: Connection) -> None:
    """Remove the news of items that every run knows."""
    connection.execute(_PLACING["remove_known_news"])


def _until(found: Row[Any], horizon: Position) -> Position:
    """Up to where this pass goes: an earlier one that was not done with its items is continued."""
    if found.until > found.position:
        return Position(found.until)
    return Position(min(horizon, found.position + _POSITIONS_AT_ONCE))


def _place(
    connection: Connection, run: RunSpace, item_nos: Sequence[ItemNo], horizon: Position
) -> Sequence[UserNo]:
    """Place items; fold in again, and answer, who used one before it had a place."""
    if not item_nos:
        return []
    asked: dict[str, object] = {"run_id": run.run_id, "item_nos": list(item_nos)}
    asked["item_nos"] = connection.execute(_PLACING["place_items"], asked).scalars().all()
    if not asked["item_nos"]:
        return []
    user_nos = connection.execute(_PLACING["find_users_of_items"], asked).scalars().all()
    fold_in(connection, run, user_nos, horizon=horizon)
    return user_nos
