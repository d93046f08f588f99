"""What a user wants more or less of: the items that bring it, and the items that it concerns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.identifiers import ItemNo, RunId
from serving.candidates.catalogue_items import NO_COLUMNS, Columns
from serving.candidates.filters import Filters
from serving.postgres.store import ReadStore
from sql.statements import as_array, statements

_PREFERENCES = statements("preferences")

Direction = Literal["more", "less"]

MOST_BRINGING = 10
"""So many of the newest of what a user wants more of bring candidates ..."""
MOST_BRINGING_ITEMS = 3
"""... and no more items than these among them: each is compared with the whole catalogue."""
BROUGHT_EACH = 50
"""So many candidates each of them brings at the most."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One thing that a user wants more or less of: an item, a category or an attribute's value."""

    preference_id: str
    direction: Direction
    item_no: ItemNo | None = None
    item_id: str | None = None
    """None too of an item that is not there any more."""
    category: str | None = None
    attribute: str | None = None
    value: Any = None

    @property
    def is_more(self) -> bool:
        """Whether the user wants more of it."""
        return self.direction == "more"


def decoded_preferences(text: str | None) -> tuple[Preference, ...]:
    """Preferences as `load_user_state` has them, the newest first."""
    return tuple(Preference(**fields) for fields in orjson.loads(text)) if text else ()


async def load_brought(
    store: ReadStore,
    run_id: RunId,
    preferences: Sequence[Preference],
    *,
    embedding: Any,
    excluded: Sequence[ItemNo],
    filters: Filters,
) -> dict[str, Columns]:
    """The eligible items that come nearest to each thing that a user wants more of, best first.

    `embedding`: the live vector; None: a user who has none. Only the newest preferences bring any.
    """
    more = [each for each in preferences if each.is_more]
    items = [each for each in more if each.item_no is not None][:MOST_BRINGING_ITEMS]
    bringing = [each for each in more if each.item_no is None or each in items][:MOST_BRINGING]
    if not bringing:
        return {}
    asked = _asked(run_id, bringing, embedding, excluded, filters)
    rows = await store.rows(_PREFERENCES["load_preferred"], asked)
    return {bringing[row.place].preference_id: Columns.of(row, row.item_nos) for row in rows}


async def load_others(
    store: ReadStore,
    run_id: RunId,
    preferences: Sequence[Preference],
    *,
    embedding: Any,
    excluded: Sequence[ItemNo],
    filters: Filters,
) -> Columns:
    """The eligible items nearest to a live vector of which none of the preferences is."""
    asked = _asked(run_id, preferences, embedding, excluded, filters)
    rows = await store.rows(_PREFERENCES["load_others"], asked)
    return Columns.of(rows[0], rows[0].item_nos) if rows else NO_COLUMNS


def _asked(
    run_id: RunId,
    preferences: Sequence[Preference],
    embedding: Any,
    excluded: Sequence[ItemNo],
    filters: Filters,
) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "preferences": _encoded(preferences),
        "embedding": embedding,
        "excluded": as_array(excluded),
        "each": BROUGHT_EACH,
        **filters.parameters(),
    }


async def load_matches(
    store: ReadStore,
    run_id: RunId | None,
    preferences: Sequence[Preference],
    item_nos: NDArray[np.int32],
) -> NDArray[np.float64]:
    """How much each preference concerns each item, (preferences, items) in [0, 1].

    An item may stand there twice, as a new one that is a candidate too.
    """
    distinct, columns = np.unique(item_nos, return_inverse=True)
    parameters = {
        "run_id": run_id,
        "preferences": _encoded(preferences),
        "item_nos": as_array(distinct.tolist()),
    }
    (row,) = await store.rows(_PREFERENCES["load_matches"], parameters)
    matches = np.zeros((len(preferences), len(distinct)))
    if row.places is not None:
        found = np.searchsorted(distinct, orjson.loads(row.item_nos))
        matches[orjson.loads(row.places), found] = orjson.loads(row.matches)
    return np.asarray(matches[:, columns])


def _encoded(preferences: Sequence[Preference]) -> str:
    names = ("item_no", "category", "attribute", "value")
    return orjson.dumps(
        [
            {"place": place, **{name: getattr(each, name) for name in names}}
            for place, each in enumerate(preferences)
        ]
    ).decode()
