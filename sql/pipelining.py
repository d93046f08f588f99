"""Statements that go to the driver itself, past SQLAlchemy, which takes longer than psycopg.

Those that do not need each other's answers go together, in one round trip, of which SQLAlchemy
knows nothing. Errors are those that it raises.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

# Numbered, as PostgreSQL itself has them: psycopg would look for names in a long statement anew
# each time.
_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Question:
    """A statement that answers rows, with its parameters."""

    statement: TextClause
    parameters: Mapping[str, Any] = field(default_factory=dict)


def ask(connection: Connection, question: Question) -> Sequence[Any]:
    """The rows that one statement answers, as named tuples; the rest as `ask_together`."""
    driver = _driver_of(connection)
    if driver is None:
        return connection.execute(question.statement, question.parameters).all()
    with _errors_of_sqlalchemy(connection, driver, question):
        return _sent(driver, question).fetchall()


def ask_together(connection: Connection, *questions: Question) -> list[Sequence[Any]]:
    """The rows that each statement answers, which each sees what is committed when its turn comes.

    DBAPIError as SQLAlchemy raises it. A connection of asyncio asks one after the other.
    """
    driver = _driver_of(connection)
    if driver is None:
        return [ask(connection, question) for question in questions]
    with _errors_of_sqlalchemy(connection, driver, *questions):
        with driver.pipeline():
            cursors = [_sent(driver, question) for question in questions]
        return [cursor.fetchall() for cursor in cursors]


def _driver_of(connection: Connection) -> psycopg.Connection[Any] | None:
    """The connection of the driver, in a transaction that SQLAlchemy knows of; None: of asyncio."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        return None
    if not connection.in_transaction():
        connection.begin()
    return driver


@contextmanager
def _errors_of_sqlalchemy(
    connection: Connection, driver: psycopg.Connection[Any], *questions: Question
) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        cause = _cause_of(error)
        is_dead = driver.closed or driver.broken
        if is_dead:
            connection.invalidate(cause)
        texts = ";\n".join(question.statement.text for question in questions)
        raise wrapped(cause, texts, is_dead=is_dead) from error


def _sent(driver: psycopg.Connection[Any], question: Question) -> psycopg.RawCursor[Any]:
    text, names = numbered(question.statement)
    cursor = psycopg.RawCursor(driver, row_factory=namedtuple_row)
    return cursor.execute(text, [question.parameters[name] for name in names])


def _cause_of(error: psycopg.Error) -> psycopg.Error:
    """What ended a pipeline: those behind the statement at fault only say that it was ended."""
    before = error.__context__
    is_behind = isinstance(error, psycopg.errors.PipelineAborted)
    return before if is_behind and isinstance(before, psycopg.Error) else error


@cache
def numbered(statement: TextClause) -> tuple[str, Sequence[str]]:
    """A statement with its parameters numbered, and their names in this order."""
    compiled = statement.compile(dialect=_DIALECT)
    return str(compiled), tuple(compiled.positiontup or ())


def wrapped(error: psycopg.Error, text: str, *, is_dead: bool) -> BaseException:
    """The error of the driver as SQLAlchemy raises it; `is_dead`: so is the connection."""
    return DBAPIError.instance(
        text, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=is_dead
    )
