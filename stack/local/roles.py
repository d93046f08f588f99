"""The roles of the database on one machine: their addresses, and the passwords there are."""

from pathlib import Path

from sql.roles import ANALYST, APP, OWNER, let_log_in, make_embedded_roles
from stack.database import connected
from stack.database_addresses import DatabaseAddresses
from stack.local.password_file import ensure_password
from stack.local.servers.postgres import PostgresServer


def embedded_addresses(server: PostgresServer, database: str) -> DatabaseAddresses:
    """The addresses of the embedded server: through its socket, whose folder is private."""
    return DatabaseAddresses(
        server.url(database, APP), server.url(database, OWNER), server.url(database, ANALYST)
    )


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
