"""The embedded PostgreSQL 18 with pgvector, as a foreground process that a supervisor owns.

`prepare_postgres` before every start, `Popen(server.command(), **server.popen_options())` to start,
`wait_until_ready` after it. Whoever calls `prepare_postgres` must be the only living owner of the
data directory: it stops any server that still runs there.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from stack.local.servers.binaries import postgres_program
from stack.local.servers.child_process import (
    Escalation,
    ending_with_parent,
    running_child,
    stop_strays,
    wait_for_answer,
)
from stack.local.servers.libpq_environment import forget_libpq_variables
from stack.local.servers.memory_settings import (
    memory_settings,
    size_of,
    usable_memory_bytes,
)
from stack.local.servers.postgres_cluster import (
    SUPERUSER,
    ensure_cluster,
    password_file,
)
from stack.local.servers.service_account import (
    ServiceAccount,
    let_in,
    make_reachable,
    service_account,
)
from stack.local.servers.unix_socket import socket_directory

DEFAULT_PORT = 5432
_STATUS_LINE = 7
"""Of postmaster.pid, counted from 0."""
DEFAULT_CONNECTIONS = 100

# A fast shutdown; then an immediate one, which the next start repairs from the write-ahead log.
SHUTDOWN: Escalation = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))
# Backends whose server is dead have nothing left to save.
ORPHANS: Escalation = ((signal.SIGQUIT, 1.0),)

SETTINGS = {
    "checkpoint_timeout": "15min",
    "jit": "off",
    # Which process a line is of: the API, the speed worker and the flows have names of their own.
    "log_line_prefix": "%m [%p] %q%a %u@%d ",
    # Slow statements by their text, which holds no values; what users did is in no log.
    # An error without its details, which quote values of a row: the name that there is already.
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "100ms",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_timezone": "UTC",
    "logging_collector": "off",
    # Without subscriptions their launcher is a process that waits for ever.
    "max_logical_replication_workers": "0",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "wal_level": "replica",
}
# After a crash every file is flushed before anything else; all of them by one call takes a tenth of
# the time. Only Linux has that call.
if sys.platform == "linux":
    SETTINGS["recovery_init_sync_method"] = "syncfs"
# What is not durable may lie in memory, where the log should not take gigabytes.
NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "256MB",
    # Whoever makes or drops a database looks at every buffer; here they come and go.
    "shared_buffers": "32MB",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A data directory that is ready to be served, and how to serve it."""

    data_directory: Path
    socket_directory: Path
    port: int | None = None
    """TCP port on 127.0.0.1; None: the Unix socket only."""
    durable: bool = True
    account: ServiceAccount | None = None
    """The account to run as; None: the current user."""
    connections: int = DEFAULT_CONNECTIONS
    """How many clients there may be at once."""

    def url(self, database: str = "tandem", role: str = SUPERUSER) -> str:
        """Return a role's address through the Unix socket, in libpq's form: the superuser's."""
        socket = quote(str(self.socket_directory), safe="")
        # The port is part of the socket's name; without it, PGPORT in the environment would decide.
        port = self.port or DEFAULT_PORT
        return f"postgresql://{role}@/{quote(database, safe='')}?host={socket}&port={port}"

    @property
    def password_file(self) -> Path:
        """Where the superuser's generated password lies, beside the data directory, mode 0600."""
        return password_file(self.data_directory)

    def command(self) -> list[str]:
        """Return the foreground command; it logs to standard error."""
        socket = str(self.socket_directory).replace('"', '""')
        settings = {
            **SETTINGS,
            **memory_settings(usable_memory_bytes(), size_of(self.data_directory)),
            **({} if self.durable else NOT_DURABLE),
            "listen_addresses": "" if self.port is None else "127.0.0.1",
            "max_connections": str(self.connections),
            "port": str(self.port or DEFAULT_PORT),
            "unix_socket_directories": f'"{socket}"',
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(postgres_program("postgres")), "-D", str(self.data_directory), *flags]

    def popen_options(self) -> dict[str, Any]:
        """Return options of `subprocess.Popen` for `command()`.

        The folder, the account, a session of its own, and fast shutdown if the parent dies.
        """
        return {
            "cwd": self.data_directory,
            "start_new_session": True,
            **(self.account.popen_options() if self.account else {}),
            **ending_with_parent(signal.SIGINT),
        }


def prepare_postgres(
    data_directory: Path,
    *,
    port: int | None = None,
    durable: bool = True,
    connections: int = DEFAULT_CONNECTIONS,
) -> PostgresServer:
    """Make the data directory ready to be served, creating it if it is new.

    To be called before every start: it stops what a killed predecessor has left running there.
    What the caller's environment tells libpq is forgotten in this process: it means other servers.
    `port` adds TCP on 127.0.0.1 with a generated password. `durable=False` may lose data when the
    machine dies. Raises RuntimeError if the folder holds something else or another version, or the
    cluster cannot be made.
    """
    forget_libpq_variables()
    data_directory = data_directory.resolve()
    data_directory.parent.mkdir(parents=True, exist_ok=True)
    account = service_account(data_directory)
    if account is not None:
        make_reachable(postgres_program("postgres"))
        let_in(account, data_directory.parent)
        make_reachable(data_directory.parent)
    ensure_cluster(data_directory, account, durable=durable)
    owner = account.user if account else os.geteuid()
    sockets = socket_directory(data_directory, f".s.PGSQL.{port or DEFAULT_PORT}", owner)
    _clear_leftovers(data_directory)
    _remove_reused_locks(data_directory, sockets)
    return PostgresServer(data_directory, sockets, port, durable, account, connections)


def wait_until_ready(
    server: PostgresServer,
    process: subprocess.Popen[Any],
    timeout_seconds: float = 30,
    *,
    log: Path | None = None,
) -> None:
    """Return as soon as the server takes connections.

    Raises ServerNotReadyError, with the end of `log`, where the process writes its standard error.
    """
    wait_for_answer(
        "PostgreSQL",
        lambda: _not_ready(server, process),
        process,
        timeout_seconds=timeout_seconds,
        log=log,
    )


@contextmanager
def running_postgres(
    data_directory: Path,
    *,
    log: Path | None = None,
    durable: bool = True,
    port: int | None = None,
) -> Iterator[PostgresServer]:
    """Run a server for the time of the block. Its log is `log`, or lies beside the data."""
    server = prepare_postgres(data_directory, port=port, durable=durable)
    log = log or server.data_directory.with_name(f"{server.data_directory.name}.log")
    with running_child(server, log, SHUTDOWN) as process:
        wait_until_ready(server, process, log=log)
        yield server


def _not_ready(server: PostgresServer, process: subprocess.Popen[Any]) -> str | None:
    """Why the server takes no connections yet, by its own word; None: it does.

    It is what `pg_ctl` looks at. A driver would stay in the memory of who supervises the server.
    """
    try:
        lines = (server.data_directory / "postmaster.pid").read_text().splitlines()
    except OSError as error:
        return str(error)
    if lines[:1] != [str(process.pid)]:
        return "another server has been here"
    status = lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else "starting"
    return None if status == "ready" else f"it is {status}"


def _clear_leftovers(data_directory: Path) -> None:
    """Stop a killed predecessor down to its last backend: one would keep the shared memory."""
    server_lives = _folder_of_holder(data_directory / "postmaster.pid") == str(data_directory)
    stop_strays(data_directory, "postgres", SHUTDOWN if server_lives else ORPHANS)


def _remove_reused_locks(*directories: Path) -> None:
    """Remove locks of dead servers whose process number now belongs to another program.

    PostgreSQL itself removes a lock only if no process has its number, else it refuses to start.
    """
    for directory in directories:
        for lock in (*directory.glob("postmaster.pid"), *directory.glob(".s.PGSQL.*.lock")):
            if _folder_of_holder(lock) is not None:
                lock.unlink()


def _folder_of_holder(lock: Path) -> str | None:
    """Tell where the process works whose number stands in a lock file.

    Empty for a zombie, and if there is no number. None: there is no lock, no such process, or it is
    another user's, which does not hinder PostgreSQL.
    """
    try:
        first_line = lock.read_text().partition("\n")[0]
        if not first_line:
            return ""
        process = psutil.Process(abs(int(first_line)))
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.cwd()
    except (FileNotFoundError, psutil.Error):
        return None
