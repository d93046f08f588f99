"""The databases of the embedded PostgreSQL."""

import psycopg

from stack.local.servers.binaries import postgres_program
from stack.local.servers.child_process import run_program
from stack.local.servers.postgres import PostgresServer


def ensure_database(server: PostgresServer, name: str) -> bool:
    """Create the database if it is missing; True if it was. The server must be ready."""
    if _exists(server, name):
        return False
    maintenance = f"--maintenance-db={server.url('postgres')}"
    run_program([str(postgres_program("createdb")), maintenance, "--", name])
    return True


def _exists(server: PostgresServer, name: str) -> bool:
    try:
        psycopg.connect(server.url(name), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
