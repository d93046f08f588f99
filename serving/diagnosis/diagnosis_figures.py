"""What the database knows of the state of the whole: figures, not judged here."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domain.identifiers import RunId
from serving.postgres.store import Store
from serving.runtime.budget import Budget, spending
from sql.live_vectors import find_space_fault
from sql.locks import NIGHT, POPULAR_LISTS
from sql.log import event_horizon
from sql.revisions import Revisions, find_revisions
from sql.statements import statements

MOST_COUNTED = 100_000
"""Nothing is counted further than this, so that looking costs little."""

_DIAGNOSIS = statements("diagnosis")
_INDEX = statements("index")
_CONTENTS = {"most": MOST_COUNTED, "most_users": 1_000, "newest": 1_000, "seconds_ahead": 60.0}
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
    """Users with an event of positive weight; counted up to a thousand."""
    positive_kinds: int
    """Event kinds with a positive weight."""
    new_items: int
    """The newest items, up to a thousand."""
    mute_items: int
    """Those of them of which nothing is known but an id, or whose text has no words."""
    new_events: int
    """The newest events, up to a thousand."""
    future_events: int
    """Those of them that have not happened yet."""
    upload_waits_since: datetime | None
    """None: no upload waits, or one is being loaded."""
    contexts: int = 0
    """How many different contexts are kept."""
    context_values: int = 0
    """How many different values the name has that has the most."""
    context_name: str | None = None
    """That name; None: no context is kept."""
    buffer_bytes: int = 0
    """What PostgreSQL holds in memory of its files."""
    log_index_bytes: int = 0
    """The indexes that each new event is put into."""


@dataclass(frozen=True, slots=True)
class ServedRun:
    """The run being served."""

    run_id: RunId
    cut_off_at: datetime
    served_since: datetime
    index_recall: float | None
    """None: its items are searched exactly."""
    compared: bool
    """Whether the promotion gate compared it with anything."""
    evaluated_users: int | None
    rolled_back_by: str | None = None
    """Who rolled back to it; None: it is served because it was published."""
    newer_run_id: RunId | None = None
    """The newest retained run that was made after it."""
    vanished_items: int = 0
    """How many items stood in many lists of the run before it and in none of its own."""
    vanished: str | None = None
    """The one of them that stood in most."""


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
class WaitingItems:
    """New items that have no embedding in the served run yet; none if it knows no words."""

    waiting: int
    waiting_since: datetime | None
    last_embedded_at: datetime | None
    """When the last of the same changes got its embedding; None: unknown."""


@dataclass(frozen=True, slots=True)
class PopularPart:
    """How fresh a part of the served run's popular lists is."""

    part: str
    refreshed_at: datetime | None
    """None: only the night has made it."""
    seconds: float
    """What that took; 0 if it is not known."""
    unknown_since: datetime | None
    """When the oldest event or deletion that does not count in it came; None: it knows all."""


@dataclass(frozen=True, slots=True)
class ServedFigures:
    """What the speed worker keeps up to date in the run being served."""

    unknown_events: UnknownEvents
    waiting_items: WaitingItems
    popular_parts: tuple[PopularPart, ...]
    refreshing_since: datetime | None
    """Since when somebody has been making popular lists anew; None: nobody is, or it is unknown."""
    refreshing: bool = False
    """Whether somebody is, which may be known without since when."""
    lacking_indexes: tuple[str, ...] = ()
    """Indexes that the run was published with and that are gone, or that PostgreSQL leaves out."""
    unusable: str | None = None
    """Why live vectors cannot be made in the run's space; None: they can."""


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """Everything looked at; without the newest revision only the revisions and the time."""

    revisions: Revisions
    read_at: datetime
    """The time by the database's clock."""
    contents: Contents | None = None
    served: ServedRun | None = None
    open_night: OpenNight | None = None
    ended_night: EndedNight | None = None
    speed_workers: int = 0
    """Speed workers that are connected."""
    kept_up: ServedFigures | None = None
    """None: no run is served."""


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
    if not revisions.fits:
        return StoreFigures(revisions, read_at)
    served = _find_served_run(connection)
    return StoreFigures(
        revisions=revisions,
        read_at=read_at,
        contents=Contents(
            **connection.execute(_DIAGNOSIS["load_contents"], _CONTENTS).mappings().one()
        ),
        served=served,
        open_night=_find_open_night(connection),
        ended_night=_find_ended_night(connection),
        speed_workers=connection.execute(_DIAGNOSIS["count_speed_workers"]).scalar_one(),
        kept_up=None if served is None else _load_served_figures(connection, served.run_id),
    )


def _find_served_run(connection: Connection) -> ServedRun | None:
    row = connection.execute(_DIAGNOSIS["load_served_run"]).mappings().one_or_none()
    return None if row is None else ServedRun(**row)


def _find_open_night(connection: Connection) -> OpenNight | None:
    row = (
        connection.execute(_DIAGNOSIS["find_open_night"], NIGHT.numbers()).mappings().one_or_none()
    )
    return None if row is None else OpenNight(**row)


def _find_ended_night(connection: Connection) -> EndedNight | None:
    row = connection.execute(_DIAGNOSIS["find_ended_night"]).mappings().one_or_none()
    return None if row is None else EndedNight(**row)


def _load_served_figures(connection: Connection, run_id: RunId) -> ServedFigures:
    asked: dict[str, int] = {"run_id": run_id, "horizon": event_horizon(connection)}
    counted = {**asked, "most": MOST_COUNTED}
    execute = connection.execute
    refresh = execute(_DIAGNOSIS["find_refresh"], POPULAR_LISTS.numbers(run_id)).one()
    return ServedFigures(
        UnknownEvents(**execute(_DIAGNOSIS["load_waiting_events"], counted).mappings().one()),
        WaitingItems(**execute(_DIAGNOSIS["load_waiting_items"], counted).mappings().one()),
        tuple(PopularPart(**row) for row in execute(_DIAGNOSIS["load_parts"], asked).mappings()),
        refresh.since,
        refresh.refreshing,
        tuple(execute(_INDEX["find_lacking_indexes"], {"run_id": run_id}).scalars()),
        find_space_fault(connection, run_id),
    )
