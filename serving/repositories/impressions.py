"""What was shown, written many at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from domain.identifiers import ItemNo, RunId, UserNo
from serving.repositories.store import Store
from sql.statements import statements

_SERVING = statements("serving")


@dataclass(frozen=True, slots=True)
class Impression:
    """One answer, as it was given."""

    recommendation_id: uuid.UUID
    user_no: UserNo | None
    """None: a user the log has never seen."""
    run_id: RunId | None
    source: str
    item_nos: Sequence[ItemNo]
    explored: Sequence[ItemNo]
    """Those that were in the list to become known."""
    shown_at: datetime


class Impressions:
    """Writes impressions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def store_impressions(self, shown: Sequence[Impression]) -> None:
        """Write all but those of users forgotten since; what is there already stays as it is."""
        parameters = {"shown": orjson.dumps(shown).decode()}
        await self._store.rows(_SERVING["store_impressions"], parameters)
