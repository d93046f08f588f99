"""The spaces of runs, kept while the runs are."""

from collections.abc import Sequence

from sqlalchemy import Connection

from domain.errors import UnknownRunError
from domain.identifiers import RunId
from sql.live_vectors import RunSpace, load_live_space
from sql.statements import statements

_SPEED = statements("speed")


class Spaces:
    """Reads a run's space when it is first asked for; a space never changes."""

    def __init__(self) -> None:
        self._spaces: dict[RunId, RunSpace] = {}
        self._unusable: set[RunId] = set()

    @property
    def unusable(self) -> Sequence[RunId]:
        """Runs that were found to have no space this version can read."""
        return tuple(self._unusable)

    def of(self, connection: Connection, run_id: RunId) -> RunSpace:
        """A run's space; UnknownRunError if it has none, or one of another version."""
        if run_id not in self._spaces:
            kept = _load_retained_runs(connection)
            self._spaces = {no: space for no, space in self._spaces.items() if no in kept}
            try:
                self._spaces[run_id] = load_live_space(connection, run_id)
            except UnknownRunError:
                self._unusable.add(run_id)
                raise
        return self._spaces[run_id]


def _load_retained_runs(connection: Connection) -> Sequence[RunId]:
    return connection.execute(_SPEED["load_retained_runs"]).scalars().all()
