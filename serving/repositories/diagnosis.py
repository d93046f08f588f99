"""Reading what a diagnosis is made of."""

from sqlalchemy import Connection

from domain.identifiers import RunId
from serving.postgres.store import Store
from serving.repositories.diagnosis_figures import (
    MOST_COUNTED,
    Contents,
    EndedNight,
    OpenNight,
    PopularPart,
    ServedFigures,
    ServedRun,
    StoreFigures,
    UnknownEvents,
    WaitingItems,
)
from serving.runtime.budget import Budget, spending
from sql.live_vectors import find_space_fault
from sql.locks import NIGHT, POPULAR_LISTS
from sql.log import event_horizon
from sql.revisions import find_revisions
from sql.statements import statements

_DIAGNOSIS = statements("diagnosis")
_INDEX = statements("index")

_CONTENTS = {"most": MOST_COUNTED, "most_users": 1_000, "newest": 1_000, "seconds_ahead": 60.0}
_SECONDS = 2.0
"""Whoever asks what is wrong can wait longer than a request for a list."""


class Diagnosis:
    """Asks the database of an API process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def seconds_away(self) -> float | None:
        """For how long the database has been left alone for its failures; None if it is not."""
        return self._store.breaker.seconds_not_closed

    async def load_figures(self) -> StoreFigures:
        """All figures; StoreUnavailableError when the database is away."""
        # So much is looked at that to be late with it says nothing of what others ask.
        with spending(Budget.of("background", _SECONDS, counts_as_failure=False)):
            return await self._store.read(load_figures)


def load_figures(connection: Connection) -> StoreFigures:
    """All figures, for the API and for the command line."""
    revisions = find_revisions(connection)
    read_at = connection.execute(_DIAGNOSIS["load_time"]).scalar_one()
    if not revisions.current:
        return StoreFigures(revisions, read_at)
    served = _find_served_run(connection)
    return StoreFigures(
        revisions=revisions,
        read_at=read_at,
        contents=Contents(*connection.execute(_DIAGNOSIS["load_contents"], _CONTENTS).one()),
        served=served,
        open_night=_find_open_night(connection),
        ended_night=_find_ended_night(connection),
        speed_workers=connection.execute(_DIAGNOSIS["count_speed_workers"]).scalar_one(),
        kept_up=None if served is None else _load_served_figures(connection, served.run_id),
    )


def _find_served_run(connection: Connection) -> ServedRun | None:
    row = connection.execute(_DIAGNOSIS["load_served_run"]).one_or_none()
    return None if row is None else ServedRun(*row)


def _find_open_night(connection: Connection) -> OpenNight | None:
    row = connection.execute(_DIAGNOSIS["find_open_night"], NIGHT.numbers()).one_or_none()
    return None if row is None else OpenNight(*row)


def _find_ended_night(connection: Connection) -> EndedNight | None:
    row = connection.execute(_DIAGNOSIS["find_ended_night"]).one_or_none()
    return None if row is None else EndedNight(*row)


def _load_served_figures(connection: Connection, run_id: RunId) -> ServedFigures:
    asked: dict[str, int] = {"run_id": run_id, "horizon": event_horizon(connection)}
    counted = {**asked, "most": MOST_COUNTED}
    refresh = connection.execute(_DIAGNOSIS["find_refresh"], POPULAR_LISTS.numbers(run_id)).one()
    return ServedFigures(
        UnknownEvents(*connection.execute(_DIAGNOSIS["load_waiting_events"], counted).one()),
        WaitingItems(*connection.execute(_DIAGNOSIS["load_waiting_items"], counted).one()),
        tuple(PopularPart(*row) for row in connection.execute(_DIAGNOSIS["load_parts"], asked)),
        refresh.since,
        refresh.refreshing,
        tuple(connection.execute(_INDEX["find_lacking_indexes"], {"run_id": run_id}).scalars()),
        find_space_fault(connection, run_id),
    )
