"""What was shown, written many at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
import structlog
from sqlalchemy.exc import DataError, IntegrityError

from domain.identifiers import ItemNo, RunId, UserNo
from serving.postgres.store import Store
from sql.statements import statements

log = structlog.get_logger()

_REFUSALS = (DataError, IntegrityError, orjson.JSONEncodeError)
"""Errors of what is written, not of the statement: that would refuse every row."""

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

    async def store_impressions(self, shown: Sequence[Impression]) -> list[Impression]:
        """Write all but those of users forgotten since; what is there already stays as it is.

        Answers those that the database refuses for what is in them, found by halving.
        StoreUnavailableError when it is away: then all may be written again.
        """
        try:
            await self._write(shown)
        except _REFUSALS as error:
            if len(shown) == 1:
                log.warning(
                    "impression_refused",
                    recommendation_id=str(shown[0].recommendation_id),
                    error=str(error).partition("\n")[0],
                )
                return [*shown]
        else:
            return []
        half = len(shown) // 2
        refused = await self.store_impressions(shown[:half])
        return [*refused, *await self.store_impressions(shown[half:])]

    async def _write(self, shown: Sequence[Impression]) -> None:
        parameters = {"shown": orjson.dumps(shown).decode()}
        await self._store.rows(_SERVING["store_impressions"], parameters)
