"""Bulk loads while the API runs: new users with a history, past the API, as the loader does it."""

import asyncio
import random
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from domain.identifiers import UserId
from sql.log import NewEvent, record_parameters
from sql.statements import statements
from stack.local.supervision.background import in_thread
from tests.chaos.dataset import Dataset, taste_of
from tests.chaos.ledger import Sent
from tests.chaos.writing import Writer

_LOG = statements("log")
_USERS_AT_ONCE = 3
EVENTS_OF_ONE = 12
_KIND = "view"
_LATELY = 100
_DAYS = 20.0
_PAUSE_SECONDS = 0.2
_UNKNOWN_SECONDS = 10.0
"""So long a process that is not notified may take a user for unknown of whom it was asked."""


@dataclass(slots=True)
class BulkLoader:
    """Loads users of whom no process is notified; from the commit on, their items count as seen.

    Those of a user who was asked for before count when every process has to have looked again.
    """

    engine: Engine
    dataset: Dataset
    writer: Writer
    groups: int
    """Of items that the same users like."""
    drawn: random.Random
    lately: list[str] = field(default_factory=list)
    """The users loaded last."""
    _busy: bool = False

    def next_users(self) -> list[str]:
        """The users that the next load is about: nobody has done anything for them so far."""
        return [f"loaded-{self.drawn.getrandbits(48):012x}" for _ in range(_USERS_AT_ONCE)]

    async def load(self, users: list[str], *, asked_for: str | None = None) -> bool:
        """Store the users' histories in one transaction, until that is done; whether it was.

        `asked_for`: a list of this one was read before.

        There is one load at a time, as there is one loader.
        """
        if self._busy:
            return False
        self._busy = True
        try:
            return await self._load_until_stored(self._events(users), users, asked_for)
        finally:
            self._busy = False

    async def _load_until_stored(
        self, events: list[Sent], users: list[str], asked_for: str | None
    ) -> bool:
        stored_at = datetime.now(UTC)
        rows = [self._row(event, stored_at) for event in events]
        while not self.writer.stopped.is_set():
            if await self._stored(rows, events, asked_for):
                self.lately = [*self.lately, *users][-_LATELY:]
                self.writer.counters.users_loaded_in_bulk += len(users)
                return True
            await asyncio.sleep(_PAUSE_SECONDS)
        return False

    async def _stored(
        self, rows: list[NewEvent], events: list[Sent], asked_for: str | None
    ) -> bool:
        try:
            await in_thread(partial(self._record, rows))
        except DBAPIError as error:
            # What a commit came to that was cut off nobody knows: the same ids are stored again.
            _note(events, type(error.orig).__name__)
            return False
        _note(events, "committed")
        late, now = [event for event in events if event.user == asked_for], time.monotonic()
        self.writer.ledger.acknowledge(late, now + _UNKNOWN_SECONDS)
        self.writer.ledger.acknowledge(events, now)
        return True

    def _record(self, rows: list[NewEvent]) -> None:
        with self.engine.begin() as connection:
            connection.execute(_LOG["record_events"], record_parameters(rows))

    def _events(self, users: list[str]) -> list[Sent]:
        return [self.writer.event(user, item, _KIND) for user in users for item in self._history()]

    def _history(self) -> list[str]:
        index, items = self.drawn.randrange(len(self.dataset.users)), len(self.dataset.item_nos)
        tastes = (taste_of(index, items, self.groups, self.drawn) for _ in range(EVENTS_OF_ONE))
        return list(dict.fromkeys(tastes))

    def _row(self, event: Sent, stored_at: datetime) -> NewEvent:
        return NewEvent(
            event_id=uuid.UUID(event.event_id),
            user_id=UserId(event.user),
            item_no=self.dataset.item_nos[event.item],
            kind_no=self.dataset.kinds[event.kind],
            value=None,
            occurred_at=stored_at - timedelta(days=_DAYS * self.drawn.random()),
        )


def _note(events: list[Sent], outcome: str) -> None:
    for event in events:
        event.attempts.append(f"bulk load: {outcome}")
