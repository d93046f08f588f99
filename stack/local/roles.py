"""The embedded database and its roles, made where they are missing."""

from pathlib import Path

from sql.role_names import ANALYST
from sql.roles import let_log_in, make_embedded_roles
from stack.database import connected
from stack.local.embedded_database import DATABASE
from stack.local.password_file import ensure_password
from stack.local.servers.databases import ensure_database
from stack.local.servers.postgres import PostgresServer


def analyst_password_file(server: PostgresServer) -> Path:
    """Where the analyst's generated password lies, beside the data directory, mode 0600."""
    return server.data_directory.with_name("analyst.password")


def ensure_embedded_roles(server: PostgresServer, database: str) -> None:
    """Make the roles, the analyst's password too; before every start, as homes grow older.

    The password is for programs that come through a TCP port (`TANDEM_POSTGRES_PORT`). Whoever
    removes its file gets another one.
    """
    with connected(server.url(database)) as connection:
        make_embedded_roles(connection)
        let_log_in(connection, ANALYST, ensure_password(analyst_password_file(server)))


def ensure_embedded_database(server: PostgresServer) -> None:
    """Make the database and its roles; the server must be ready."""
    ensure_database(server, DATABASE)
    ensure_embedded_roles(server, DATABASE)
