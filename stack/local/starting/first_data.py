"""What a new database begins with: the sample."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from loading.load import load_tables
from loading.report import LoadReport
from sql.statements import statements
from stack.sample.catalogue import items_table, load_films
from stack.sample.simulator import simulate_events

_LOADING = statements("loading")
_STACK = statements("stack")


def has_items(engine: Engine) -> bool:
    """Whether anything can be recommended."""
    with engine.connect() as connection:
        return bool(connection.execute(_LOADING["has_items"]).scalar_one())


def has_events(engine: Engine) -> bool:
    """Whether there is anything to learn from."""
    with engine.connect() as connection:
        return bool(connection.execute(_STACK["has_events"]).scalar_one())


def load_sample(database_url: str) -> LoadReport:
    """Load films, and events of simulated viewers that end now."""
    events = simulate_events(load_films(), until=datetime.now(UTC))
    return load_tables(items_table(), events, database_url)
