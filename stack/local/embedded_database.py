"""The database of the embedded PostgreSQL by its addresses."""

from sql.role_names import ANALYST, APP, OWNER
from stack.database_addresses import DatabaseAddresses
from stack.local.servers.postgres import PostgresServer

DATABASE = "tandem"


def embedded_addresses(server: PostgresServer, database: str) -> DatabaseAddresses:
    """The addresses of the embedded server: through its socket, whose folder is private."""
    return DatabaseAddresses(
        server.url(database, APP), server.url(database, OWNER), server.url(database, ANALYST)
    )
