"""The vector indexes of runs: asked where they are well, and done without where they are not."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Row, TextClause

from domain.errors import StoreUnavailableError
from serving.postgres.store import ReadStore
from serving.runs.live_runs import ItemIndex, LiveRun
from serving.runtime.budget import current, spending
from sql.statements import statements

log = structlog.get_logger()

VECTOR_INDEX = "vector_index"
"""Why an answer was made without an index that should be there."""

_PREPARE = statements("index")["prepare_index_search"]
_AGAIN_SECONDS = 30.0
"""So long a damaged index is left alone; somebody may have rebuilt it in place meanwhile."""


@dataclass(frozen=True, slots=True)
class Damage:
    """An index that PostgreSQL could not read."""

    since: datetime
    error: str
    again_at: float
    """When it is tried again, on the monotonic clock."""


class VectorIndexes:
    """Searches by index; notes those that turned out to be damaged."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._damages: dict[int | None, Damage] = {}

    def damages(self, run: LiveRun | None) -> tuple[Damage, ...]:
        """Which of a run's indexes could not be read when they were last tried."""
        indexes = (run.index, run.similarity_index) if run is not None else ()
        numbers = [index.number for index in indexes if index is not None]
        self._damages = {no: known for no, known in self._damages.items() if no in numbers}
        return tuple(self._damages.values())

    def unusable(self, index: ItemIndex | None) -> bool:
        """Whether an index that should be there is missing, unfinished or damaged."""
        return index is not None and (index.number is None or index.number in self._damages)

    async def rows(
        self, index: ItemIndex, statement: TextClause, parameters: Mapping[str, Any]
    ) -> Sequence[Row[Any]] | None:
        """What is found with the index; None if it cannot be used: then compare every item."""
        damage = self._damages.get(index.number)
        if index.number is None or (damage and time.monotonic() < damage.again_at):
            return None
        parameters = {**parameters, "dimensions": index.dimensions}
        try:
            rows = await self._store.prepared_rows(_PREPARE, statement, parameters)
        except StoreUnavailableError as error:
            if error.reason != "damaged":
                raise
            self._note(index.number, error)
            return None
        self._damages.pop(index.number, None)
        return rows

    def _note(self, number: int | None, error: StoreUnavailableError) -> None:
        cause = getattr(error.__cause__, "orig", None) or error
        reason = str(cause).partition("\n")[0]
        known = self._damages.get(number)
        if known is None:
            log.error("vector_index_damaged", error=reason)
        since = known.since if known else datetime.now(UTC)
        self._damages[number] = Damage(since, reason, time.monotonic() + _AGAIN_SECONDS)


@contextmanager
def without_index() -> Iterator[None]:
    """Compare every item: to be late with that says nothing of PostgreSQL."""
    budget = current()
    with spending(None if budget is None else replace(budget, counts_as_failure=False)):
        yield
