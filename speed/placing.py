"""Items that came, or came to be used, since the night: they get their places at once."""

from collections.abc import Sequence

from sqlalchemy import Connection

from domain.identifiers import Position, RunId
from speed.settings import SpeedSettings
from speed.spaces import Spaces
from sql.locks import ITEM_EMBEDDINGS, try_lock
from sql.log import event_horizon
from sql.placing import Placed, begin_placing, place_next
from sql.statements import statements

_PLACING = statements("placing")


class Placer:
    """Places items in the served run first, then in retained ones."""

    def __init__(self, settings: SpeedSettings, spaces: Spaces | None = None) -> None:
        self._settings = settings
        self._spaces = spaces or Spaces()

    def place_new(self, connection: Connection) -> Placed | None:
        """One pass for the served run; None if nothing is new of items, or others are at it.

        The caller commits. The transaction must be READ COMMITTED.
        """
        run_id = connection.execute(_PLACING["find_run_to_place_in"]).scalar_one_or_none()
        if run_id is None:
            return None
        return self._place(connection, RunId(run_id), event_horizon(connection))

    def place_retained(
        self, connection: Connection, unusable: Sequence[RunId] = ()
    ) -> Placed | None:
        """The same for a retained run that is not being served, the newest that lags behind.

        `unusable` runs are left alone, so that they do not keep older ones from their turn.
        """
        horizon = event_horizon(connection)
        asked = {"horizon": horizon, "unusable": list(unusable)}
        found = connection.execute(_PLACING["find_retained_to_place_in"], asked)
        run_id = found.scalar_one_or_none()
        return None if run_id is None else self._place(connection, RunId(run_id), horizon)

    def _place(self, connection: Connection, run_id: RunId, horizon: Position) -> Placed | None:
        # Nobody queues: while one places a run's items the others fold between its passes. A
        # promotion does not ask for this lock.
        if not try_lock(connection, ITEM_EMBEDDINGS, run_id):
            return None
        run = self._spaces.of(connection, run_id)
        if begin_placing(connection, run_id):
            # A pass of its own: whoever removes news must see that this run will ask for them.
            return Placed(run_id, (), (), run.cut_off)
        return place_next(connection, run, horizon=horizon, items=self._settings.items_per_pass)
