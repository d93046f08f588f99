"""How far the primary's log is written, for who compares a replica with it."""

from dataclasses import dataclass

from serving.postgres.store import Store
from serving.runtime.budget import Budget, spending
from sql.statements import statements

_REPLICA = statements("replica")
_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class WrittenPosition:
    """Everything committed on the primary when it was asked is below `position`."""

    cluster: int
    position: int


class Primary:
    """Asks the primary."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load_written_position(self) -> WrittenPosition:
        """How far it is now; StoreUnavailableError when it is away."""
        with spending(Budget.of("background", _SECONDS)):
            (row,) = await self._store.rows(_REPLICA["load_written_position"])
        return WrittenPosition(row.cluster, row.written)
