"""What happened to items since a list was made: whether a cached list may still be given.

Each process keeps the newest changes in memory, so a cached list is checked without asking anybody.
It reads them every second, and before it looks into the cache again when it hears of a change: from
PostgreSQL, or by another token in Redis, which whoever withdraws an item over HTTP leaves there.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Row

from domain.identifiers import ItemNo
from serving.postgres.store import ReadStore
from sql.statements import as_array, statements

_SERVING = statements("serving")
_LOG = statements("log")

_MOST = 10_000
"""Changes that are read at once; a list that may have missed others is made anew."""
_ANY = 0
"""The number that stands for any item."""


@dataclass(frozen=True, slots=True)
class CatalogueVersion:
    """What a list knows of the catalogue."""

    position: int
    """All changes up to this position of the log."""
    entered: str
    """Another text: there may be items that no list has yet."""
    touched: str
    """Another text: there may be items that pass filters now."""


UNVERSIONED = CatalogueVersion(-1, "", "")
"""Of a list that is not cached."""


@dataclass(eq=False, slots=True)
class CatalogueChanges:
    """The newest changes of items; nothing is known before the first refresh."""

    store: ReadStore
    on_changes: Callable[[Collection[int], int], object] = lambda _item_nos, _position: None
    """Gets the numbers of items that changed (0: any may have), and up to which position."""
    version: CatalogueVersion = field(default=UNVERSIONED, init=False)
    """What a list knows that is made from now on."""
    expiring: bool = field(default=False, init=False)
    """Whether any item will expire."""
    _token: bytes | None = field(default=None, init=False)
    _changed: dict[int, int] = field(default_factory=dict, init=False)
    _attributes: dict[int, int] = field(default_factory=dict, init=False)
    _newest: int = field(default=-1, init=False)
    _floor: int = field(default=-1, init=False)
    """All later changes are known."""
    _stale: bool = field(default=False, init=False)
    _begun: int = field(default=0, init=False)
    _finished: int = field(default=0, init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def note_stale(self) -> None:
        """Something has changed: it is to be read before the next list is taken from the cache."""
        self._stale = True

    async def refresh(self) -> None:
        """Read what changed, once for all who wait; StoreUnavailableError if the store is away."""
        arrived = self._begun
        async with self._reading:
            # One that had begun before may lack what is asked for.
            if self._finished > arrived:
                return
            self._begun += 1
            was_stale, self._stale = self._stale, False
            try:
                await self._read()
            except BaseException:
                self._stale |= was_stale
                raise
            self._finished = self._begun

    async def current(self, token: bytes) -> CatalogueVersion:
        """What a list knows that is made now; `token`: see `Answers.note_catalogue_change`."""
        if token != self._token:
            await self.refresh()
            self._token = token
        elif self._stale:
            await self.refresh()
        return self.version

    def is_current(self, token: bytes) -> bool:
        """Whether all is known that was left in Redis under this token."""
        return token == self._token

    def is_settled(self, token: bytes) -> bool:
        """Whether `current` would read nothing."""
        return not self._stale and self.is_current(token)

    def outdates(
        self, version: CatalogueVersion, item_nos: Iterable[ItemNo], *, filtered: bool
    ) -> bool:
        """Whether a list shows an item of which it may not know all that it must.

        `filtered`: whether the list depends on attributes.
        """
        if version.position < self._floor:
            return True
        if version.position >= self._newest:
            return False
        known = (self._changed, self._attributes) if filtered else (self._changed,)
        return any(
            changes.get(no, -1) > version.position for changes in known for no in (_ANY, *item_nos)
        )

    def may_lack(self, version: CatalogueVersion, *, filtered: bool) -> bool:
        """Whether there may be items that belong into a list and were not there for it."""
        if filtered and version.touched != self.version.touched:
            return True
        return version.entered != self.version.entered

    async def find_seconds_to_expiry(self, item_nos: Iterable[ItemNo]) -> float | None:
        """After how long the first of these items expires; None: none does."""
        if not self.expiring:
            return None
        parameters = {"item_nos": as_array(list(item_nos))}
        rows = await self.store.rows(_SERVING["load_seconds_to_expiry"], parameters)
        return None if rows[0].seconds is None else float(rows[0].seconds)

    async def _read(self) -> None:
        # Read in a statement of its own and before the changes: none can appear below it any more.
        horizon = int((await self.store.rows(_LOG["event_horizon"]))[0][0])
        parameters = {"position": self.version.position, "most": _MOST}
        (row,) = await self.store.rows(_SERVING["load_catalogue_changes"], parameters)
        changes = orjson.loads(row.changes) if row.changes else []
        self._add(changes)
        changed = {_ANY} if len(changes) == _MOST else {item_no for _, item_no, _ in changes}
        self.on_changes(changed, horizon)
        entered = f"{row.entered}/{row.embedded}/{row.embedded_item_no}/{_epoch(row)}/{row.kinds}"
        self.version = CatalogueVersion(horizon, entered, f"{entered}/{row.touched}")
        self.expiring = row.expiring

    def _add(self, changes: list[tuple[int, int, str]]) -> None:
        """Changes, the newest first, that follow those known."""
        if len(changes) == _MOST:
            self._floor = changes[-1][0]
        for position, item_no, change in reversed(changes):
            if change != "added":
                known = self._attributes if change == "attributes" else self._changed
                known[item_no] = position
            self._newest = max(self._newest, position)
        for known in (self._changed, self._attributes):
            if len(known) > 2 * _MOST:
                self._forget_oldest(known)

    def _forget_oldest(self, known: dict[int, int]) -> None:
        in_order = sorted(known.items(), key=lambda each: each[1])
        forgotten = in_order[:-_MOST]
        self._floor = max(self._floor, forgotten[-1][1])
        for item_no, _ in forgotten:
            del known[item_no]


def _epoch(row: Row[Any]) -> str:
    return "" if row.published_at is None else f"{row.published_at.timestamp():.6f}"
