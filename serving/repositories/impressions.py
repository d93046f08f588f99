"""What was shown, written many at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert

from domain.identifiers import ItemNo, RunId, UserNo
from serving.repositories.store import Store
from sql import tables


@dataclass(frozen=True, slots=True)
class Impression:
    """One answer, as it was given."""

    recommendation_id: uuid.UUID
    user_no: UserNo | None
    """None: a user the log has never seen."""
    run_id: RunId | None
    source: str
    item_nos: Sequence[ItemNo]
    shown_at: datetime


class Impressions:
    """Writes impressions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def store_impressions(self, shown: Sequence[Impression]) -> None:
        """Write all of them; one that is there already stays as it is."""
        statement = insert(tables.impressions).on_conflict_do_nothing()
        async with self._store.connection() as connection:
            await connection.execute(statement, [asdict(impression) for impression in shown])
