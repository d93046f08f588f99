"""What a user has done, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row

from domain.identifiers import UserId
from serving.http.cursors import decoded_cursor, encoded_cursor
from serving.postgres.store import ReadStore
from serving.runtime.faults import Fault, invalid_request
from sql.statements import statements

_SERVING = statements("serving")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_POSITIONS = 2**63


@dataclass(frozen=True, slots=True)
class Cursor:
    """The event after which a history goes on."""

    occurred_at: datetime
    position: int

    def encode(self) -> str:
        """As a text that says nothing to a client."""
        return encoded_cursor(f"{(self.occurred_at - _EPOCH) // _MICROSECOND}:{self.position}")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """FaultyInputError if it is none of ours."""
        cursor = cls._read(text)
        if cursor is None or not 0 <= cursor.position < _POSITIONS:
            detail = "This is no `next` of an answer; leave it out to begin with the newest."
            raise invalid_request([Fault("query:cursor", detail)])
        return cursor

    @classmethod
    def _read(cls, text: str) -> "Cursor | None":
        content = decoded_cursor(text) or ""
        try:
            microseconds, position = map(int, content.split(":"))
            return cls(_EPOCH + microseconds * _MICROSECOND, position)
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some of a user's events."""

    events: Sequence[Row[Any]]
    next: Cursor | None
    """None: these were the last."""

    @classmethod
    def of(cls, rows: Sequence[Row[Any]], most: int) -> "HistoryPage":
        """The page of rows of which one more was asked for than it may have."""
        page = rows[:most]
        more = len(rows) > most
        return cls(page, Cursor(page[-1].occurred_at, page[-1].position) if more else None)


class Histories:
    """Reads them."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def load(self, user_id: UserId, cursor: Cursor | None, *, events: int) -> HistoryPage:
        """Events of a user from the cursor on, or the newest; of somebody unknown there are none.

        An event that comes in meanwhile with an earlier time may be on no page.
        """
        parameters = {
            "user_id": user_id,
            "before": cursor.occurred_at if cursor else None,
            "before_position": cursor.position if cursor else None,
            "events": events + 1,
        }
        rows = await self._store.rows(_SERVING["load_history"], parameters)
        return HistoryPage.of(rows, events)
