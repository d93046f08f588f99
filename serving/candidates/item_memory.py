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
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Row, TextClause

from domain.errors import StoreUnavailableError
from domain.identifiers import Position, RunId
from serving.candidates.kept_items import BesideMemory, KeptCatalogue, KeptItems
from serving.postgres.limits import StoreLimits
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
_MOST_SECONDS_IN_VAIN = 30.0
"""No longer is waited to read again what could not be used as soon as it was there."""
_MOST_SECONDS_FAILING = 60.0
"""No longer is waited to read again what could not be read."""


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
    """The same if nothing of what is kept can be used, or it could not be read; twice as long each
    time that this happens again."""
    longest_seconds: float = StoreLimits().wait_seconds
    """So long each statement may take that reads it, which is as long as PostgreSQL lets it; lists
    are made without meanwhile."""
    _kept: KeptItems | None = field(default=None, init=False)
    _reading: asyncio.Task[None] | None = field(default=None, init=False)
    _begun_at: float = field(default=-math.inf, init=False)
    _is_stale: bool = field(default=False, init=False)
    """Whether too much has changed since: nothing is answered until it is read again."""
    _in_vain: int = field(default=0, init=False)
    """How often in a row what was read could not be used."""
    _failures: int = field(default=0, init=False)
    """How often in a row it could not be read."""
    _unkept: RunId | None = field(default=None, init=False)
    """The run of which nothing is kept: there were too many items, or none."""

    def of(self, run_id: RunId) -> KeptItems | None:
        """The items of a run; None: they are not there, or not yet, or too much has changed."""
        found = self.at_hand(run_id)
        if found is None and run_id == self.served() and run_id != self._unkept:
            if self._kept is None or self._kept.run_id != run_id:
                self._kept, self._in_vain = None, 0
            self._read_soon(run_id)
        return found

    def at_hand(self, run_id: RunId) -> KeptItems | None:
        """The same, and nothing is read if they are not there."""
        kept = self._kept
        return kept if kept is not None and kept.run_id == run_id and not self._is_stale else None

    def note(self, kept: KeptItems, beside: BesideMemory) -> None:
        """Read anew what has changed since it was read, if anything has."""
        kept.note_embedded(beside.embedded.item_nos)
        if kept is not self._kept or self._is_stale:
            return
        if not kept.covers(beside):
            self._is_stale = True
            self._in_vain += 1
            self._read_soon(kept.run_id)
            return
        self._in_vain = 0
        if beside.touched or beside.came:
            self._read_after(self.again_seconds, kept.run_id)

    async def settle(self) -> None:
        """Wait for what is being read."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def close(self) -> None:
        """Give up what is being read."""
        if self._reading is not None:
            await end(self._reading)

    def _read_soon(self, run_id: RunId) -> None:
        seconds = _doubled(self.again_soon_seconds, self._in_vain, _MOST_SECONDS_IN_VAIN)
        self._read_after(seconds, run_id)

    def _read_after(self, seconds: float, run_id: RunId) -> None:
        """Read beside the requests, once at a time and not again within these seconds."""
        now = time.monotonic()
        if self._failures:
            failing = _doubled(self.again_soon_seconds, self._failures, _MOST_SECONDS_FAILING)
            seconds = max(seconds, failing)
        if self._reading is not None or now < self._begun_at + seconds:
            return
        self._begun_at = now
        # Of whoever asks, neither the budget nor the grant to read a replica.
        self._reading = asyncio.create_task(self._read(run_id), context=Context())
        self._reading.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._failures = 0
            return
        self._failures += 1
        if self._failures > 1:
            return
        if isinstance(error, StoreUnavailableError):
            log.warning("items_not_kept", reason=error.reason)
        else:
            log.error("items_not_kept", exc_info=error)

    async def _read(self, run_id: RunId) -> None:
        catalogue = await self._catalogue()
        if catalogue is None:
            self._kept, self._unkept = None, run_id
            return
        kept = self._kept
        if kept is not None and kept.run_id == run_id:
            made = kept.with_catalogue(catalogue)
        else:
            rows = await self._rows(_VECTORS, {"run_id": run_id, "most": self.most})
            if not rows or rows[0].item_nos is None:
                self._unkept = run_id
                return
            made = await asyncio.to_thread(_kept_items, run_id, catalogue, rows[0])
        if run_id == self.served():
            self._kept, self._is_stale = made, False

    async def _catalogue(self) -> KeptCatalogue | None:
        """The catalogue; None: it is too large, or there is none."""
        # Read in a statement of its own and before the items: no change can appear below it.
        horizon = Position((await self._rows(_HORIZON, {}))[0][0])
        statement = _CANDIDATES["load_kept_catalogue"]
        (row,) = await self._rows(statement, {"most": self.most})
        if row.item_nos is None:
            return None
        return await asyncio.to_thread(KeptCatalogue.of, row, horizon)

    async def _rows(
        self, statement: TextClause, parameters: Mapping[str, Any]
    ) -> Sequence[Row[Any]]:
        # To be late with so much says nothing of PostgreSQL.
        late = Budget.of("background", self.longest_seconds, counts_as_failure=False)
        with spending(late):
            return await self.store.rows(statement, parameters)


def _doubled(seconds: float, times: int, most: float) -> float:
    """These seconds the first time, and twice as many each time after it, up to the most."""
    return min(seconds * 2.0 ** min(max(times - 1, 0), 10), most)


def _kept_items(run_id: RunId, catalogue: KeptCatalogue, row: Row[Any]) -> KeptItems:
    item_nos = np.frombuffer(row.item_nos, dtype=">i4").astype(np.int32)
    return KeptItems.of(run_id, catalogue, item_nos, rows_sent(row.vectors, len(item_nos)))
