"""The model run being served, as the store has it and as it is kept at hand."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Row

from domain.blend import BlendPolicy
from domain.errors import StoreUnavailableError
from domain.identifiers import RunId
from domain.interactions import EventKind
from serving.postgres.store import ReadStore
from serving.runtime.faults import RunGoneError
from serving.runtime.metrics import ServingMetrics
from sql.log import kind_table
from sql.revisions import is_migrated
from sql.statements import statements

_SERVING = statements("serving")
_LIVE = statements("live")
_LOG = statements("log")

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class ItemIndex:
    """The index over a run's item vectors."""

    recall: float
    """Share of the exact nearest 100 items that it finds, as the run measured it."""
    dimensions: int
    """Length of the vectors in it."""
    number: int | None = field(default=0, compare=False)
    """PostgreSQL's of the index, another one once it is rebuilt; None: there is none that may be
    used, it was dropped or never finished."""


def trusted(index: ItemIndex | None, recall_bound: float) -> ItemIndex | None:
    """The index, if there is one and it finds at least this share of the exact answer."""
    return index if index is not None and index.recall >= recall_bound else None


@dataclass(frozen=True, slots=True)
class LiveRun:
    """The model run being served."""

    run_id: RunId
    cut_off_at: datetime
    index: ItemIndex | None = None
    """None: its items are few, and searched exactly."""
    promotion_no: int = 0
    """Which promotion made it the served one. A run that is served again is another version."""
    similarity_index: ItemIndex | None = None
    """The index over how similar its items are; None: they are few, and compared exactly."""
    parameters_version: str = field(default="", compare=False)
    """A short name of the parameters it was made with."""
    learned: BlendPolicy | None = field(default=None, compare=False)
    """The blend that the night found best; None: it found none."""

    @property
    def version(self) -> str:
        """What tells answers of this run from all others, also from its own before a rollback."""
        return f"{self.run_id}.{self.promotion_no}"


def decoded_run(fields: Mapping[str, Any] | None) -> LiveRun | None:
    """The run of a cached list from its JSON: what an answer shows of it."""
    if fields is None:
        return None
    cut_off_at = datetime.fromisoformat(fields["cut_off_at"])
    return LiveRun(
        fields["run_id"],
        cut_off_at,
        promotion_no=fields.get("promotion_no", 0),
        parameters_version=fields.get("parameters_version", ""),
    )


def same_run(first: LiveRun | None, other: LiveRun | None) -> bool:
    """Whether two answers come from the same run, whatever else is known of it by whom.

    A run of a cached answer or a copy lacks its indexes, whose figures may change as well.
    """
    return (first and first.run_id) == (other and other.run_id)


class Runs:
    """Reads runs and event kinds."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def find_live_run(self) -> LiveRun | None:
        """The run being served; None before the first is published."""
        rows = await self._store.rows(_SERVING["find_live_run"])
        return _live_run(rows[0]) if rows else None

    async def find_coming_run(self, run_id: RunId) -> LiveRun | None:
        """A run that is about to be served, as it will be; None if it is not."""
        rows = await self._store.rows(_SERVING["find_coming_run"], {"run_id": run_id})
        return _live_run(rows[0]) if rows else None

    async def report_warmed(self, run_id: RunId) -> None:
        """Tell the night that this process has made its answers of a run."""
        await self._store.rows(_LIVE["report_warmed_run"], {"run_id": run_id})

    async def load_kinds(self) -> dict[str, EventKind]:
        """All event kinds by their name."""
        table = kind_table(await self._store.rows(_LOG["load_kinds"]))
        return {kind.kind: kind for kind in table.kinds}

    async def is_migrated(self) -> bool:
        """Whether this version works with the database as it is."""
        return await self._store.read(is_migrated)


async def check_run(store: ReadStore, run_id: RunId) -> None:
    """Tell a run that has nothing of what was asked from one that was dropped: RunGoneError."""
    rows = await store.rows(_SERVING["run_has_partitions"], {"run_id": run_id})
    if not rows[0][0]:
        raise RunGoneError


def _live_run(row: Row[Any]) -> LiveRun:
    index = (
        None
        if row.index_recall is None
        else ItemIndex(row.index_recall, row.dimensions, row.index_number)
    )
    # A similarity embedding holds taste, sequence and words as long as both; an item's vector two
    # numbers more.
    similarity = (
        None
        if row.similarity_recall is None
        else ItemIndex(row.similarity_recall, 2 * (row.dimensions - 2), row.similarity_index_number)
    )
    learned = None if row.learned_policy is None else BlendPolicy(**row.learned_policy)
    return LiveRun(
        RunId(row.run_id),
        row.cut_off_at,
        index,
        row.promotion_no,
        similarity,
        row.parameters_version,
        learned,
    )


Answer = TypeVar("Answer")


class LiveRuns:
    """The run being served, as of the last poll."""

    def __init__(self, runs: Runs, metrics: ServingMetrics) -> None:
        self._runs = runs
        self._metrics = metrics
        self._current: LiveRun | None = None
        self._begun = 0
        self._seen = 0

    @property
    def current(self) -> LiveRun | None:
        """The run of the last poll; None before the first is published, or if none was seen yet."""
        return self._current

    @property
    def run_id(self) -> RunId | None:
        """Its number."""
        return self._current.run_id if self._current else None

    async def refresh(self) -> None:
        """Read which run is served; the last known one stays when the store is away."""
        self._begun += 1
        number = self._begun
        found = await self._runs.find_live_run()
        # Of two polls at once the one that began later counts: the other may have seen the run
        # that was served before.
        if number < self._seen:
            return
        self._seen, self._current = number, found
        self._metrics.live_run.set(self._current.run_id if self._current else 0)

    async def reading(self, read: Callable[[LiveRun | None], Awaitable[Answer]]) -> Answer:
        """Read everything from one run: the live one, and its successor if it is dropped meanwhile.

        `read` gets the run, or None before the first is published, and raises RunGoneError when
        it finds the run dropped.
        """
        # Before the first run is published each request looks for it; that costs little then.
        if self._current is None:
            await self.refresh()
        for _ in range(_ATTEMPTS):
            try:
                return await read(self._current)
            except RunGoneError:
                await self.refresh()
        message = "The served run was dropped while it was read, several times. Try again shortly."
        raise StoreUnavailableError(message, reason="run_gone")
