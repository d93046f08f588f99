"""The way of events into the log."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.identifiers import ItemNo, UserNo
from serving.repositories.store import Store
from sql.log import NewEvent, record_parameters
from sql.statements import statements

_SERVING = statements("serving")
_LOG = statements("log")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch of events."""

    accepted: int
    duplicates: int
    touched: tuple[UserNo, ...]
    """The users of the batch whose events are in the log now."""
    gone: frozenset[uuid.UUID] = frozenset()
    """Events of the batch that were recorded before and are not in the log any more."""


class Events:
    """Writes events, all of a batch or none."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find_item_nos(self, item_ids: Iterable[str]) -> dict[str, ItemNo]:
        """The numbers of those items that exist."""
        parameters = {"item_ids": sorted(item_ids)}
        rows = await self._store.rows(_SERVING["find_item_nos"], parameters)
        return {row.item_id: ItemNo(row.item_no) for row in rows}

    async def record_events(self, events: Sequence[NewEvent]) -> Recorded:
        """Store events once each; they are committed when this returns."""
        rows = await self._store.rows(_LOG["record_events"], record_parameters(events))
        (row,) = rows
        if not row.duplicates:
            return Recorded(row.accepted, row.duplicates, tuple(row.touched_user_nos))
        # They may be of a first try whose answer was lost, and nothing else was done for it; or of
        # one that was taken back since, and nothing must be done for it.
        event_ids = [event.event_id for event in events]
        logged = await self._store.rows(_SERVING["find_logged_events"], {"event_ids": event_ids})
        touched = tuple({UserNo(found.user_no) for found in logged})
        gone = frozenset(event_ids) - {found.event_id for found in logged}
        return Recorded(row.accepted, row.duplicates, touched, gone)
