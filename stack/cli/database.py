"""The database for a command that needs nothing else of the stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from stack.database import connected
from stack.local.home import Home
from stack.local.stores import opened_stores
from stack.settings import StackSettings


@contextmanager
def opened_database(settings: StackSettings, home: Home, command: str) -> Iterator[Connection]:
    """One transaction, committed after the block; see `opened_stores`."""
    with (
        opened_stores(settings, home, command) as stores,
        connected(stores.database_url) as connection,
    ):
        yield connection
