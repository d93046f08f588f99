"""Engines: the only place that knows the driver."""

import math
import time
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from pgvector.psycopg.vector import register_vector_info
from psycopg.types import TypeInfo
from sqlalchemy import Connection, Engine, create_engine, event

# Loaded by the first engine otherwise: after the fork, and so once in every process of the API.
from sqlalchemy.dialects.postgresql import psycopg as _dialect  # noqa: F401
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sql.first_connection import ask_once
from sql.statements import statements
from sql.vectors import register_vector_arrays

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_CONNECT_TIMEOUT_SECONDS = 5
_LIVE = statements("live")
_USE_UTC = str(_LIVE["use_utc"])
_FIND_VECTOR = str(_LIVE["find_vector_type"])
_RESTS_SINCE = "rests_since"
_NO_HSTORE: dict[str, Any] = {"use_native_hstore": False}
"""Nothing here is of that type, and every engine would look for it first."""

SPEED_WORKER = "tandem-speed"
"""The name of a speed worker's connections, except the one on which it listens."""
API = "tandem-api"
"""The name of an API process's connections, except the one on which it follows."""
FLOW = "tandem-flow"
"""The name of a flow's connections."""
TOPIC_READER = "tandem-kafka"
"""The name of the connections of a reader of topics."""

_SECONDS_ALIVE, _SECONDS_BETWEEN, _TIMES = 2, 1, 3
"""A quiet connection is tried after so long, so often, so many times: five seconds in all."""
_SECONDS_UNHEARD = {SPEED_WORKER: 3, TOPIC_READER: 3, API: 30}
"""After so long without a word of what was sent the connection is given up, at both ends.

What a process holds locked (users' shards, the place in the log of events on their way) is free
again soon after its machine is lost: PostgreSQL would otherwise wait for a quarter of an hour. It
is for those who read what they ask for at once, as a reader who rests is unheard too; who reads
an export through the API may rest this long. Where it is set, how often a quiet connection is
tried no longer counts.
"""
_SECONDS_IDLE = {SPEED_WORKER: 3, TOPIC_READER: 10}
"""After so long between two statements of a transaction PostgreSQL ends it with its session.

The machine of a process that hangs answers for it, and so does a pooler for one whose machine is
lost. A speed worker computes the vectors of a few users between two statements (`sql.folding`), a
reader of topics checks its next batch meanwhile; what they did not commit others do, or they do
anew.
"""

AWAY_ERRORS: tuple[type[Exception], ...] = (
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
    psycopg.OperationalError,
    InternalError,
    psycopg.InternalError,
    TimeoutError,
    OSError,
)
"""What is raised when PostgreSQL cannot be reached, is late, or cannot read its own files."""

_LATE_ERRORS = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.IdleInTransactionSessionTimeout,
    PoolTimeoutError,
    TimeoutError,
)
_STATEMENT_CLASSES = frozenset({"0A", "21", "22", "23", "25", "42", "54"})
"""First two characters of SQLSTATEs: what was asked is at fault, or too much for any server."""
_DAMAGE_CLASSES = frozenset({"XX", "58"})
"""What PostgreSQL keeps of this is broken, as an index whose pages cannot be read; it is well."""
_CONFLICTS = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.SerializationFailure,
)


def reason_of(
    error: BaseException,
) -> Literal["away", "timeout", "conflict", "statement", "damaged"]:
    """Why PostgreSQL did not answer.

    A conflict is one between transactions; with that, with a statement at fault, and with something
    damaged that others do not need, it is well.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, _LATE_ERRORS):
        return "timeout"
    if isinstance(cause, _CONFLICTS):
        return "conflict"
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    state_class = (state or "")[:2]
    if state_class in _DAMAGE_CLASSES:
        return "damaged"
    return "statement" if state_class in _STATEMENT_CLASSES else "away"


def make_engine(
    database_url: str,
    *,
    application_name: str | None = None,
    pooled: bool = False,
    ping_after_seconds: float | None = None,
    **options: Any,
) -> Engine:
    """A synchronous engine whose connections know pgvector's types once the database has them.

    `application_name`: by this name others see the connections. `pooled`: the address leads to a
    pooler that lends another session for every transaction. `ping_after_seconds`: a connection that
    has rested for so long is tried before it is used, and another one is opened if it is dead; one
    that was used a moment ago would only be held up.
    """
    arguments = _connect_arguments(application_name, pooled=pooled)
    # What users did stands in no log, and errors are logged.
    options = {"hide_parameters": True, **options}
    engine = create_engine(
        driver_url(database_url), connect_args=arguments, **_NO_HSTORE, **options
    )
    ask_once(engine)

    @event.listens_for(engine, "connect")
    def _register(connection: Any, _record: Any) -> None:
        if pooled:
            connection.execute(_USE_UTC)
        _register_vector(connection, connection.execute(_FIND_VECTOR).fetchone())
        connection.commit()

    if pooled:
        _bound_idleness(engine, application_name)
    if ping_after_seconds is not None:
        _ping_rested(engine, ping_after_seconds)
    return engine


def _ping_rested(engine: Engine, seconds: float) -> None:
    @event.listens_for(engine, "checkin")
    def _rests(_connection: Any, record: Any) -> None:
        record.info[_RESTS_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _is_there(connection: Any, record: Any, _proxy: Any) -> None:
        rests_since = record.info.get(_RESTS_SINCE, math.inf)
        if time.monotonic() - rests_since > seconds:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as error:
                # The pool then opens another one.
                raise DisconnectionError from error


def make_async_engine(
    database_url: str,
    *,
    application_name: str | None = None,
    statement_seconds: float | None = None,
    pooled: bool = False,
    **options: Any,
) -> "AsyncEngine":
    """The same for asyncio. `statement_seconds`: the server itself ends what takes longer.

    Not through a pooler, whose sessions are nobody's: what is given up is cancelled there.
    """
    arguments = _connect_arguments(application_name, statement_seconds, pooled=pooled)
    # It brings the whole ORM, 7 MB that workers and commands have no use for.
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    engine = create_async_engine(
        driver_url(database_url), connect_args=arguments, **_NO_HSTORE, **options
    )
    ask_once(engine.sync_engine)

    @event.listens_for(engine.sync_engine, "connect")
    def _register(connection: Any, _record: Any) -> None:
        connection.run_async(_register_pooled if pooled else _register_async)

    if pooled:
        _bound_idleness(engine.sync_engine, application_name)
    return engine


def _bound_idleness(engine: Engine, application_name: str | None) -> None:
    """Bound it in each transaction, as its session belongs to others too."""
    seconds = _SECONDS_IDLE.get(application_name or "")
    if seconds is None:
        return

    @event.listens_for(engine, "begin")
    def _bound(connection: Connection) -> None:
        connection.execute(_LIVE["bound_idleness"], {"milliseconds": 1000 * seconds})


async def _register_pooled(connection: Any) -> None:
    await connection.execute(_USE_UTC)
    await _register_async(connection)


async def _register_async(connection: Any) -> None:
    found = await connection.execute(_FIND_VECTOR)
    _register_vector(connection, await found.fetchone())
    await connection.commit()


def _register_vector(connection: Any, numbers: tuple[int, int] | None) -> None:
    """Teach a connection the one type of pgvector that is used, if the database has it.

    `numbers`: of the type and of its arrays. They took one statement, where the driver's own look
    at a type is a transaction of three.
    """
    if numbers is not None:
        info = TypeInfo("vector", *numbers)
        register_vector_info(connection, info)
        register_vector_arrays(connection, info)


def driver_url(database_url: str) -> URL:
    """The address with the driver named: psycopg 3 whatever the address said."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


def _connect_arguments(
    application_name: str | None, statement_seconds: float | None = None, *, pooled: bool
) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
        "keepalives_idle": _SECONDS_ALIVE,
        "keepalives_interval": _SECONDS_BETWEEN,
        "keepalives_count": _TIMES,
    }
    unheard = _SECONDS_UNHEARD.get(application_name or "")
    if application_name is not None:
        arguments["application_name"] = application_name
    if unheard is not None:
        arguments["tcp_user_timeout"] = 1000 * unheard
    if pooled:
        # A statement is prepared in one session, and the next transaction gets another. Poolers
        # refuse `options`; the time zone they keep for each client, once it is set.
        return arguments | {"prepare_threshold": None}
    settings = {
        "timezone": "UTC",
        "tcp_keepalives_idle": _SECONDS_ALIVE,
        "tcp_keepalives_interval": _SECONDS_BETWEEN,
        "tcp_keepalives_count": _TIMES,
    }
    if unheard is not None:
        settings["tcp_user_timeout"] = 1000 * unheard
    idle = _SECONDS_IDLE.get(application_name or "")
    if idle is not None:
        settings["idle_in_transaction_session_timeout"] = 1000 * idle
    if statement_seconds is not None:
        settings["statement_timeout"] = math.ceil(statement_seconds * 1000)
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return arguments | {"options": options}
