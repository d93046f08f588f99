"""What a start does in the database; each step is done in the helper process.

`stack.local.starting.helper_process` says why. Addresses are in libpq's form.
"""

from sqlalchemy import Engine

import sql.migrate  # noqa: F401 -- imported while the servers start, and not when it is needed
from stack.api_key import diagnose_key, first_key
from stack.database import using_engine
from stack.database_addresses import DatabaseAddresses
from stack.local.flow_runs import newest_run as nightly_runs
from stack.local.home import Home
from stack.local.roles import ensure_embedded_database
from stack.local.servers.postgres import PostgresServer
from stack.local.starting.first_data import has_events, has_items, load_sample, simulate_ahead
from stack.local.starting.first_recommendation import first_recommendation
from stack.local.starting.welcome import LoadedSample, Welcome
from stack.local.stores import prepare_database
from stack.runs import accuracy, find_live_run


def prepare(embedded: PostgresServer | None, database: DatabaseAddresses) -> None:
    """Make the database, if it is that of an embedded server, and migrate it."""
    if embedded is not None:
        ensure_embedded_database(embedded)
    prepare_database(database)


def simulate_sample_ahead() -> None:
    """While PostgreSQL is made: what the sample needs no database for."""
    simulate_ahead()


def load_sample_if_empty(database_url: str) -> LoadedSample | None:
    """Load the sample unless there are items; None: there are."""
    with using_engine(database_url) as engine:
        if has_items(engine):
            return None
    return load_sample(database_url)


def night_is_missing(database_url: str) -> bool | None:
    """Whether nothing is served yet; None: and there is nothing to learn from either."""
    with using_engine(database_url) as engine:
        if _is_served(engine):
            return False
        return True if has_events(engine) else None


def newest_run(database_url: str) -> int:
    """The number of the newest run; 0 if there is none."""
    return nightly_runs.newest_run(database_url)


def find_run_after(database_url: str, before: int) -> dict[str, object] | None:
    """The newest run if it is newer than this one, with its `accuracy` in words."""
    record = nightly_runs.find_run_after(database_url, before)
    return None if record is None else {**record, "accuracy": accuracy(record)}


def welcome(database_url: str, home: Home, api_url: str) -> Welcome:
    """Keys, and the first recommendation."""
    with using_engine(database_url) as engine:
        key, is_new = first_key(engine, home.first_key_file)
        diagnose_key(engine, home.diagnose_key_file)
        return Welcome(key, is_new, first_recommendation(engine, api_url, key))


def admin_path(database_url: str) -> str | None:
    """Where the first admin registers; None: there is one."""
    # Only where somebody looks on it is worth the wait for what the API knows of accounts.
    from stack.accounts import first_admin_link  # noqa: PLC0415

    with using_engine(database_url) as engine, engine.begin() as connection:
        link = first_admin_link(connection)
    return None if link is None else link.path


def _is_served(engine: Engine) -> bool:
    with engine.connect() as connection:
        return find_live_run(connection) is not None
