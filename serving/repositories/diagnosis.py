"""What the database tells of the state of the whole: figures, not judged here."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domain.identifiers import Position, RunId
from serving.budget import Budget, spending
from serving.repositories.store import Store
from sql.log import event_horizon
from sql.revisions import Revisions, find_revisions
from sql.statements import statements

_DIAGNOSIS = statements("diagnosis")

MOST_COUNTED = 100_000
"""Nothing is counted further than this, so that looking costs little."""
_MOST_USERS_COUNTED = 1_000
_SECONDS = 2.0
"""Whoever asks what is wrong can wait longer than a request for a list."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is to recommend and to learn from; a count of `MOST_COUNTED` may mean more."""

    items: int
    available_items: int
    events: int
    newest_event_at: datetime | None
    learnable_users: int
    """Users with an event of a positive kind; counted up to a thousand."""


@dataclass(frozen=True, slots=True)
class ServedRun:
    """The run being served."""

    run_id: RunId
    cut_off_at: datetime
    served_since: datetime
    index_recall: float | None
    """None: its items are searched exactly."""
    compared: bool
    """Whether the gate compared it with anything."""
    evaluated_users: int | None


@dataclass(frozen=True, slots=True)
class OpenNight:
    """A run that has begun and not ended."""

    run_id: RunId
    started_at: datetime
    alive: bool
    """False: its process is dead."""


@dataclass(frozen=True, slots=True)
class EndedNight:
    """The newest run that has ended."""

    run_id: RunId
    state: str
    ended_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class UnknownEvents:
    """Events the live vectors of the served run do not know yet."""

    waiting: int
    """The speed worker may read them."""
    waiting_since: datetime | None
    held: int
    """They stand behind a transaction that is still writing events."""
    held_since: datetime | None


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """Everything looked at; without the newest revision only the revisions."""

    revisions: Revisions
    contents: Contents | None = None
    served: ServedRun | None = None
    open_night: OpenNight | None = None
    ended_night: EndedNight | None = None
    unknown_events: UnknownEvents | None = None


class Diagnosis:
    """Reads what a diagnosis is made of."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def seconds_away(self) -> float | None:
        """For how long the database has been left alone for its failures; None if it is not."""
        return self._store.breaker.seconds_not_closed

    async def load_figures(self) -> StoreFigures:
        """All figures; StoreUnavailableError when the database is away."""
        with spending(Budget.of("background", _SECONDS)):
            return await self._store.read(load_figures)


def load_figures(connection: Connection) -> StoreFigures:
    """All figures, for the API and for the command line."""
    revisions = find_revisions(connection)
    if not revisions.current:
        return StoreFigures(revisions)
    served = _find_served_run(connection)
    return StoreFigures(
        revisions=revisions,
        contents=_load_contents(connection),
        served=served,
        open_night=_find_open_night(connection),
        ended_night=_find_ended_night(connection),
        unknown_events=None if served is None else _load_unknown_events(connection, served.run_id),
    )


def _load_contents(connection: Connection) -> Contents:
    parameters = {"most": MOST_COUNTED, "most_users": _MOST_USERS_COUNTED}
    return Contents(*connection.execute(_DIAGNOSIS["load_contents"], parameters).one())


def _find_served_run(connection: Connection) -> ServedRun | None:
    row = connection.execute(_DIAGNOSIS["load_served_run"]).one_or_none()
    return None if row is None else ServedRun(*row)


def _find_open_night(connection: Connection) -> OpenNight | None:
    row = connection.execute(_DIAGNOSIS["find_open_night"]).one_or_none()
    return None if row is None else OpenNight(*row)


def _find_ended_night(connection: Connection) -> EndedNight | None:
    row = connection.execute(_DIAGNOSIS["find_ended_night"]).one_or_none()
    return None if row is None else EndedNight(*row)


def _load_unknown_events(connection: Connection, run_id: RunId) -> UnknownEvents:
    horizon: Position = event_horizon(connection)
    parameters = {"run_id": run_id, "horizon": horizon, "most": MOST_COUNTED}
    return UnknownEvents(*connection.execute(_DIAGNOSIS["load_waiting_events"], parameters).one())
