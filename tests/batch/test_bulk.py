"""Bulk moves between PostgreSQL and Arrow."""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, text

from batch.bulk import BulkConnections, bulk_connection, fetch
from stack.local.servers.postgres import PostgresServer
from tests.waiting import wait_until


def test_a_socket_in_a_folder_with_a_space_is_reached(
    postgres: PostgresServer, short_folder: Path
) -> None:
    folder = short_folder / "my home ü+1"
    folder.symlink_to(postgres.socket_directory)
    url = f"postgresql+psycopg://postgres@/postgres?host={quote(str(folder), safe='')}"
    with bulk_connection(url) as connection:
        assert fetch(connection, text("select 1 as one"))["one"].to_pylist() == [1]


def test_others_are_opened_where_the_first_one_was_lost(database_url: str, engine: Engine) -> None:
    connections = BulkConnections(database_url)
    sessions = text(
        "select pid, state from pg_stat_activity"
        " where datname = current_database() and application_name = 'tandem-flow'"
    )
    with connections.opened() as connection:
        assert fetch(connection, text("select 1 as one"))["one"].to_pylist() == [1]
        with engine.connect() as looking:
            assert len(looking.execute(sessions).all()) == 2

    def only_the_first() -> bool:
        with engine.connect() as looking:
            return [row.state for row in looking.execute(sessions)] == ["idle"]

    wait_until(only_the_first)
    with engine.connect() as looking:
        for row in looking.execute(sessions).all():
            looking.execute(text("select pg_terminate_backend(:pid)"), {"pid": row.pid})
    with connections.opened() as connection:
        assert fetch(connection, text("select 2 as two"))["two"].to_pylist() == [2]
    connections.close()
