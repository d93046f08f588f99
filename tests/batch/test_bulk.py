"""Bulk moves between PostgreSQL and Arrow."""

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text

from batch.bulk import bulk_connection, fetch
from stack.local.servers.postgres import PostgresServer


def test_a_socket_in_a_folder_with_a_space_is_reached(
    postgres: PostgresServer, short_folder: Path
) -> None:
    folder = short_folder / "my home ü+1"
    folder.symlink_to(postgres.socket_directory)
    url = f"postgresql+psycopg://postgres@/postgres?host={quote(str(folder), safe='')}"
    with bulk_connection(url) as connection:
        assert fetch(connection, text("select 1 as one"))["one"].to_pylist() == [1]
