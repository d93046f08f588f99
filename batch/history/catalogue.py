"""The catalogue, as far as lists depend on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from batch.bulk import fetch
from sql.statements import statements

_BATCH = statements("batch")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Items, their availability and their categories."""

    item_nos: NDArray[np.int32]
    """(n,)"""
    unavailable: NDArray[np.int32]
    """Item numbers that must not be listed."""
    categories: dict[str, NDArray[np.int32]]
    """Item numbers by category."""


def has_more_items(connection: Connection, items: int) -> bool:
    """Whether the catalogue has more than so many."""
    return bool(connection.execute(_BATCH["count_items"], {"most": items + 1}).scalar_one() > items)


def load_catalogue(connection: Any) -> Catalogue:
    """The catalogue as it is now, over an ADBC connection."""
    items = fetch(connection, _BATCH["load_items"])
    item_nos = items["item_no"].to_numpy()
    available = items["available"].to_numpy(zero_copy_only=False)
    members = fetch(connection, _BATCH["load_categories"])
    names, firsts = np.unique(np.asarray(members["category"].to_pylist(), str), return_index=True)
    parts = np.split(members["item_no"].to_numpy(), firsts[1:])
    categories = dict(zip(names.tolist(), parts, strict=False))
    return Catalogue(item_nos, item_nos[~available], categories)
