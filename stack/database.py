"""Engines and transactions for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from sql.engine import make_engine

_COMMAND = "tandem-command"
"""The name of a command's connections."""


@contextmanager
def using_engine(database_url: str) -> Iterator[Engine]:
    """An engine whose connections are closed after the block."""
    engine = make_engine(database_url, application_name=_COMMAND)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    """One transaction, committed after the block."""
    with using_engine(database_url) as engine, engine.begin() as connection:
        yield connection
