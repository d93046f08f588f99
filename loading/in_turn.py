"""Batches of events over two connections: one is resolved while the one before it is written.

Both are done in the order of the file, and a batch is committed after the one before it. So of two
events with one id the first counts, positions follow the file, and what a load that is killed
leaves behind are its first batches.

A batch that was resolved holds users and items, and waits for the one before it. PostgreSQL does
not see that wait. Where somebody is in the way of the batch before and waits for what this one
holds, it would last for ever: so this one lets go after a while, and is resolved again later.
"""

from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event

from adbc_driver_postgresql import dbapi

from loading.staging import StagedEvents
from loading.store import Store, StoredEvents, connected

_LONGEST_WAIT_SECONDS = 10.0


@dataclass(slots=True)
class Turn:
    """That of one batch."""

    number: int
    is_resolved: Event = field(default_factory=Event)
    """Or was stored, or failed."""
    stored: "Future[StoredEvents]" = field(default_factory=Future)


class TwoConnections:
    """The store's own, and another that is opened when there is a second batch."""

    def __init__(self, store: Store) -> None:
        self._first = store
        self._second: Store | None = None
        self._open = ExitStack()

    def store_events(
        self, staged: StagedEvents, turn: Turn, before: Turn | None, *, create_items: bool
    ) -> StoredEvents:
        """Store a batch after the one before it; of three, the first has been stored by then."""
        store = self._connection(turn)
        if before is not None:
            before.is_resolved.wait()
        try:
            resolved = store.resolve_events(staged, create_items=create_items)
            turn.is_resolved.set()
            if before is not None:
                before.stored.result(_LONGEST_WAIT_SECONDS)
            return store.write_resolved_events(resolved)
        except (dbapi.Error, TimeoutError):
            store.roll_back()
        # Alone: as when two waited for each other, or the error comes again.
        if before is not None:
            before.stored.result()
        return store.store_events(staged, create_items=create_items)

    def close(self) -> None:
        """Close the second connection."""
        self._open.close()
        self._second = None

    def _connection(self, turn: Turn) -> Store:
        if turn.number % 2 == 0:
            return self._first
        if self._second is None:
            self._second = self._open.enter_context(connected(self._first.database_url))
            self._second.load_no = self._first.load_no
        return self._second
