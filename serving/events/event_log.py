"""The way of events into the log, and out of it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from domain.errors import StoreUnavailableError, TandemError
from domain.identifiers import ScaleNo, UserId, UserNo
from domain.interactions import Scale
from serving.postgres.sql_errors import detail_of, sqlstate_of
from serving.postgres.store import WriteStore
from serving.users.history import Cursor, HistoryPage
from sql.log import (
    CONFLICTING_EVENTS,
    NewEvent,
    record_parameters,
    scale_numbers,
    scale_parameters,
)
from sql.statements import statements

_SERVING = statements("serving")
_LOG = statements("log")
_GONE = "23503"
"""SQLSTATE of a batch with an item or a kind that is not there any more."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch of events."""

    accepted: int
    duplicates: int
    touched: tuple[UserNo, ...]
    """The users of the batch whose events are in the log now."""
    gone: frozenset[uuid.UUID] = frozenset()
    """Events of the batch that were recorded before and are not in the log any more."""
    conflicts: tuple[int, ...] = ()
    """The indexes of events that were left out, as their ids came with another content."""
    stored: frozenset[uuid.UUID] = frozenset()
    """Events that are new."""


@dataclass(frozen=True, slots=True)
class EventContent:
    """What an event says: another event of its id must say the same."""

    user_id: str
    item_id: str
    kind: str
    value: float | None
    occurred_at: datetime | None
    """None: it was not given."""
    scale: Scale | None = None
    """What a rating lies on; None: it is no rating."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose event it was."""

    user_no: UserNo
    user_id: UserId


@dataclass(frozen=True, slots=True)
class DeletedEvent:
    """An event that is out of the log."""

    is_new: bool
    """False: it was before."""
    deleted_at: datetime | None
    """None: it went with its user, of whom nothing is known."""
    owner: Owner | None
    """None: the user was forgotten."""


class ConflictError(TandemError):
    """An event id comes with another content than before."""

    def __init__(self, indexes: Sequence[int]) -> None:
        super().__init__()
        self.indexes = tuple(indexes)
        """The indexes of such events in the batch, counted from 0."""


class Events:
    """Writes events, all of a batch or none, and deletes them."""

    def __init__(self, store: WriteStore) -> None:
        self._store = store

    async def record_events(self, events: Sequence[NewEvent]) -> Recorded:
        """Store events once each; they are committed when this returns.

        ConflictError, and nothing is stored, if an event id comes with another content.
        """
        return await self._recorded("record_events", events)

    async def record_events_in_part(self, events: Sequence[NewEvent]) -> Recorded:
        """The same, but events whose ids come with another content are left out."""
        return await self._recorded("record_events_in_part", events)

    async def _recorded(self, statement: str, events: Sequence[NewEvent]) -> Recorded:
        # One statement for all of it: what would be asked after the commit could fail after it.
        try:
            (row,) = await self._store.write(_LOG[statement], record_parameters(events))
        except DBAPIError as error:
            if sqlstate_of(error) == _GONE:
                detail = "An item or a kind of the events was removed just now. Send them again."
                raise StoreUnavailableError(detail, reason="conflict") from error
            conflict = _conflict_of(error)
            if conflict is None:
                raise
            raise conflict from error
        stored = row.stored_event_ids if row.duplicates else [event.event_id for event in events]
        return Recorded(
            row.accepted,
            row.duplicates - len(row.conflict_indexes),
            tuple(row.touched_user_nos),
            frozenset(row.gone_event_ids),
            tuple(row.conflict_indexes),
            frozenset(stored),
        )

    async def find_contents(
        self, event_ids: Iterable[uuid.UUID]
    ) -> Mapping[uuid.UUID, EventContent]:
        """What the log has under these ids."""
        parameters = {"event_ids": list(event_ids)}
        rows = await self._store.rows(_SERVING["find_logged_events"], parameters)
        return {
            row.event_id: EventContent(
                row.user_id,
                row.item_id,
                row.kind,
                row.value,
                row.occurred_at,
                None if row.scale_no is None else Scale(row.least, row.greatest),
            )
            for row in rows
        }

    async def add_scales(self, scales: Iterable[Scale]) -> Mapping[Scale, ScaleNo]:
        """The numbers of scales, new ones added; absent: there are as many as there may be."""
        rows = await self._store.write(_LOG["add_rating_scales"], scale_parameters(scales))
        return scale_numbers(rows)

    async def delete_event(self, event_id: uuid.UUID) -> DeletedEvent | None:
        """Take an event out of the log; None if it was never received."""
        rows = await self._store.write(_SERVING["delete_event"], {"event_id": event_id})
        if not rows:
            return None
        (row,) = rows
        owner = None if row.user_id is None else Owner(UserNo(row.user_no), UserId(row.user_id))
        return DeletedEvent(row.is_new, row.deleted_at, owner)

    async def find_events(
        self, bounds: Mapping[str, Any], cursor: Cursor | None, *, events: int
    ) -> HistoryPage:
        """Events of a user or with an item, newest first."""
        parameters = {
            **bounds,
            "before": cursor.occurred_at if cursor else None,
            "before_position": cursor.position if cursor else None,
            "events": events + 1,
        }
        by_item = bounds["user_id"] is None
        name = "list_events_of_item" if by_item else "list_events_of_user"
        return HistoryPage.of(await self._store.rows(_SERVING[name], parameters), events)

    async def delete_events(
        self, bounds: Mapping[str, Any], *, most: int
    ) -> tuple[int, dict[UserNo, UserId]]:
        """Take up to `most` events out of the log; how many it were, and whose."""
        rows = await self._store.write(_SERVING["delete_events"], {**bounds, "most": most})
        owners = {UserNo(row.user_no): UserId(row.user_id) for row in rows}
        return sum(row.events for row in rows), owners


def _conflict_of(error: DBAPIError) -> ConflictError | None:
    """The conflict an error tells of; None if it tells of something else."""
    return ConflictError(detail_of(error)) if sqlstate_of(error) == CONFLICTING_EVENTS else None
