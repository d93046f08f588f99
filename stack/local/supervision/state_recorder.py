"""Keeps the state file true while the stack runs."""

from dataclasses import replace
from pathlib import Path

from stack.database_addresses import DatabaseAddresses
from stack.local.supervision.state import ProcessEntry, StackState, store_state


class StateRecorder:
    """Writes the file whenever something changes."""

    def __init__(self, path: Path, state: StackState) -> None:
        self._path = path
        self.state = state
        store_state(path, state)

    def processes(self, entries: dict[str, ProcessEntry]) -> None:
        """The processes have changed."""
        self._store(replace(self.state, processes=dict(entries)))

    def stores(self, database: DatabaseAddresses, redis_url: str) -> None:
        """The addresses of the stores are known."""
        self._store(
            replace(
                self.state,
                database_url=database.app,
                owner_url=database.owner,
                analyst_url=database.analyst,
                redis_url=redis_url,
            )
        )

    def migrated(self) -> None:
        """The database is ready for use."""
        self._store(replace(self.state, migrated=True))

    def first_recommendation(self, seconds: float | None) -> None:
        """Everything runs; somebody got a personal recommendation this long after the start."""
        self._store(replace(self.state, first_recommendation_seconds=seconds))

    def _store(self, state: StackState) -> None:
        self.state = state
        store_state(self._path, state)
