"""What a new database begins with: the sample."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from sql.statements import statements
from stack.local.starting.welcome import LoadedSample

if TYPE_CHECKING:
    import pyarrow as pa

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


def simulate_ahead() -> None:
    """Do, while there is no database yet, what `load_sample` needs none for."""
    import loading.load  # noqa: F401, PLC0415

    _simulated.append(_simulate())


def load_sample(database_url: str) -> LoadedSample:
    """Load films, and events of simulated viewers that end now."""
    # Only a new home has to wait for Arrow and DuckDB.
    from loading.load import load_tables  # noqa: PLC0415
    from stack.sample.catalogue import items_table  # noqa: PLC0415

    events = _simulated.pop() if _simulated else _simulate()
    report = load_tables(items_table(), events, database_url)
    return LoadedSample(report.items_new, report.events_stored)


def _simulate() -> "pa.Table":
    from stack.sample.catalogue import load_films  # noqa: PLC0415
    from stack.sample.simulator import simulate_events  # noqa: PLC0415

    return simulate_events(load_films(), until=datetime.now(UTC))


_simulated: list["pa.Table"] = []
"""At the most one table, made ahead."""
