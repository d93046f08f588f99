"""Who has done most of late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from serving.postgres.store import ReadStore
from serving.runtime.tasks import SingleFlight
from sql.statements import statements

_RELATIONS = statements("relations")

EVENTS_COUNTED = 100_000
"""So many of the newest interactions are counted, however many there are."""


@dataclass(frozen=True, slots=True)
class ActiveUser:
    """A user, and how much they did."""

    user_id: str
    events: int
    last_at: datetime
    """When the last of these happened."""


@dataclass(frozen=True, slots=True)
class ActiveUsers:
    """Those who did most since a time, the most active first."""

    since: datetime
    users: Sequence[ActiveUser]
    is_complete: bool
    """False: only the newest interactions since then were counted."""


class ActiveUsersReader:
    """Counts them; once for all who ask the same at the same time."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._flights: SingleFlight[ActiveUsers] = SingleFlight()

    async def load(self, *, days: float, limit: int) -> ActiveUsers:
        """The most active users of the last days."""
        return await self._flights.run((days, limit), lambda: self._load(days, limit))

    async def _load(self, days: float, limit: int) -> ActiveUsers:
        since = datetime.now(UTC) - timedelta(days=days)
        parameters = {"since": since, "events": EVENTS_COUNTED, "most": limit}
        rows = await self._store.rows(_RELATIONS["load_active_users"], parameters)
        users = [
            ActiveUser(row.user_id, row.events, row.last_at)
            for row in rows
            if row.user_id is not None
        ]
        return ActiveUsers(since, users, rows[0].is_complete)
