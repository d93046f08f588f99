"""What a process keeps of the served run's items, so that lists need not read all of them.

Kept is what cannot change, and what cannot have changed unnoticed: the vectors that the night made,
which no embedding between nights touches (`store_cold_items`), and the catalogue as it was at a
position of the log. The statement that reads a user anyway says what changed after that, and which
items got another vector. So a list is what PostgreSQL would have found at that moment, and nobody
has to notify anybody.
"""

import asyncio
import math
import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Row

from domain.errors import StoreUnavailableError
from domain.identifiers import Position, RunId
from serving.candidates.kept_items import BesideMemory, KeptCatalogue, KeptItems
from serving.postgres.store import ReadStore
from serving.runtime.budget import Budget, spending
from serving.runtime.tasks import end
from sql.driver_rows import IN_BINARY
from sql.statements import statements
from sql.vectors import rows_sent

log = structlog.get_logger()

_CANDIDATES = statements("candidates")
_HORIZON = statements("log")["event_horizon"]
_VECTORS = _CANDIDATES["load_kept_vectors"].execution_options(**{IN_BINARY: True})

MOST_ITEMS = 20_000
"""About 40 MiB a process, and .8 ms of its time for each list; a catalogue of more is searched by
PostgreSQL."""
_LONGEST_SECONDS = 10.0
"""So long a statement may take that reads all; lists are made without meanwhile."""


@dataclass(eq=False, slots=True)
class ItemMemory:
    """Reads the items of the served run when the first list is made of it."""

    store: ReadStore
    served: Callable[[], RunId | None]
    """The run being served; no other is kept."""
    most: int = MOST_ITEMS
    again_seconds: float = 5.0
    """So long what little has changed is read with each list, before all is read again."""
    again_soon_seconds: float = 1.0
    """The same if nothing of what is kept can be used, or it could not be read."""
    _kept: KeptItems | None = field(default=None, init=False)
    _reading: asyncio.Task[None] | None = field(default=None, init=False)
    _begun_at: float = field(default=-math.inf, init=False)
    _unkept: RunId | None = field(default=None, init=False)
    """The run of which nothing is kept: there were too many items, or none."""

    def of(self, run_id: RunId) -> KeptItems | None:
        """The items of a run; None: they are not there, or not yet."""
        if self._kept is not None and self._kept.run_id == run_id:
            return self._kept
        if run_id == self.served() and run_id != self._unkept:
            self._kept = None
            self._read_after(self.again_soon_seconds, run_id)
        return None

    def note(self, kept: KeptItems, beside: BesideMemory) -> None:
        """Read anew what has changed since it was read, if anything has."""
        if kept is not self._kept:
            return
        if not kept.covers(beside):
            self._read_after(self.again_soon_seconds, kept.run_id)
        elif beside.touched:
            self._read_after(self.again_seconds, kept.run_id)

    async def settle(self) -> None:
        """Wait for what is being read."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def close(self) -> None:
        """Give up what is being read."""
        if self._reading is not None:
            await end(self._reading)

    def _read_after(self, seconds: float, run_id: RunId) -> None:
        """Read beside the requests, once at a time and not again within these seconds."""
        now = time.monotonic()
        if self._reading is not None or now < self._begun_at + seconds:
            return
        self._begun_at = now
        # Of whoever asks, neither the budget nor the grant to read a replica.
        self._reading = asyncio.create_task(self._read(run_id), context=Context())
        self._reading.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, StoreUnavailableError):
            log.error("items_not_kept", exc_info=error)

    async def _read(self, run_id: RunId) -> None:
        # To be late with so much says nothing of PostgreSQL.
        late = Budget.of("background", _LONGEST_SECONDS, counts_as_failure=False)
        with spending(late):
            catalogue = await self._catalogue()
            if catalogue is None:
                self._kept, self._unkept = None, run_id
                return
            kept = self._kept
            if kept is not None and kept.run_id == run_id:
                made = KeptItems.of(run_id, catalogue, kept.item_nos, kept.vectors)
            else:
                (row,) = await self.store.rows(_VECTORS, {"run_id": run_id})
                if row.item_nos is None:
                    self._unkept = run_id
                    return
                made = await asyncio.to_thread(_kept_items, run_id, catalogue, row)
        if run_id == self.served():
            self._kept = made

    async def _catalogue(self) -> KeptCatalogue | None:
        """The catalogue; None: it is too large, or there is none."""
        # Read in a statement of its own and before the items: no change can appear below it.
        horizon = Position((await self.store.rows(_HORIZON))[0][0])
        statement = _CANDIDATES["load_kept_catalogue"]
        (row,) = await self.store.rows(statement, {"most": self.most})
        if row.item_nos is None:
            return None
        return await asyncio.to_thread(KeptCatalogue.of, row, horizon)


def _kept_items(run_id: RunId, catalogue: KeptCatalogue, row: Row[Any]) -> KeptItems:
    item_nos = np.frombuffer(row.item_nos, dtype=">i4").astype(np.int32)
    return KeptItems.of(run_id, catalogue, item_nos, rows_sent(row.vectors, len(item_nos)))
