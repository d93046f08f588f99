"""What a user's live vector was made of, to say why an item was recommended."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sqlalchemy import Connection

from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.live_vector import History, ItemVectors, LiveSpace
from serving.faults import RunGoneError
from serving.repositories.store import Store
from sql.live_vectors import load_item_vectors, load_live_space
from sql.log import load_histories, load_kinds
from sql.statements import statements

_SERVING = statements("serving")
_NO_HISTORY = History(np.empty(0, dtype=np.int32), np.empty(0))


@dataclass(frozen=True, slots=True)
class Grounds:
    """A history, and the vectors of its items and of those to be explained."""

    space: LiveSpace
    items: ItemVectors
    history: History


@dataclass(frozen=True, slots=True)
class ItemName:
    """How apps and people call an item."""

    item_id: str
    title: str


class GroundsOfLists:
    """Reads what explanations are made of."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load_grounds(
        self, run_id: RunId, user_no: UserNo, known: Position, item_nos: Sequence[ItemNo]
    ) -> Grounds:
        """The history behind the live vector that knows the log up to `known`.

        RunGoneError if the run was dropped.
        """
        return await self._store.read(
            partial(_load, run_id=run_id, user_no=user_no, known=known, item_nos=item_nos)
        )

    async def load_names(self, item_nos: Sequence[ItemNo]) -> dict[ItemNo, ItemName]:
        """The names of items by number."""
        rows = await self._store.rows(_SERVING["load_names"], {"item_nos": list(item_nos)})
        return {ItemNo(row.item_no): ItemName(row.item_id, row.title) for row in rows}


def _load(
    connection: Connection,
    *,
    run_id: RunId,
    user_no: UserNo,
    known: Position,
    item_nos: Sequence[ItemNo],
) -> Grounds:
    space = load_live_space(connection, run_id).space
    events = space.parameters.taste_events
    kinds = load_kinds(connection)
    histories = load_histories(connection, kinds, [user_no], horizon=known, events=events)
    history = histories.get(user_no, _NO_HISTORY)
    wanted = [ItemNo(no) for no in history.item_nos.tolist()]
    items = load_item_vectors(connection, run_id, [*wanted, *item_nos])
    # Whoever has a live vector has used an item that the run knows.
    if not len(items.item_nos):
        raise RunGoneError
    return Grounds(space, items, history)
