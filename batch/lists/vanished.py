"""Items that many lists of the served run have and no list of the new one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from domain.identifiers import ItemNo, RunId
from sql.statements import statements

_BATCH = statements("batch")

MANY_LISTS = 0.05
"""Share of the lists from which on an item stands in many: it does not leave them all by chance."""
_FEWEST_LISTS = 10
_SAMPLED_LISTS = 20_000
MOST_REPORTED = 10
"""How many of the vanished items are reported by their ids."""


@dataclass(frozen=True, slots=True)
class ListedItem:
    """An item that stands in many lists of a run and may still be recommended."""

    item_no: ItemNo
    item_id: str
    share: float
    """Of the lists that have it, in (0, 1]."""


def load_widely_listed_items(connection: Connection, run_id: RunId) -> list[ListedItem]:
    """The items in at least 5 % and ten of a run's lists, by a sample of at most 20,000 users.

    Those in most lists come first.
    """
    rows = connection.execute(
        _BATCH["load_widely_listed_items"],
        {
            "run_id": run_id,
            "lists": _SAMPLED_LISTS,
            "share": MANY_LISTS,
            "fewest": _FEWEST_LISTS,
        },
    )
    return [ListedItem(ItemNo(row.item_no), row.item_id, row.share) for row in rows]


def find_vanished(
    before: Sequence[ListedItem], listed_item_nos: NDArray[np.integer]
) -> list[ListedItem]:
    """Those of `before` that stand in no list any more; `listed_item_nos` (n,) stand in some."""
    listed = set(listed_item_nos.tolist())
    return [item for item in before if item.item_no not in listed]


def described(vanished: Sequence[ListedItem]) -> dict[str, Any]:
    """Metrics of the run: how many, and the first ten by their ids."""
    first = [{"item_id": item.item_id, "share": item.share} for item in vanished[:MOST_REPORTED]]
    return {"vanished_items": len(vanished), "vanished": first}
