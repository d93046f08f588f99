"""PgBouncer in transaction mode before the session's PostgreSQL: the real one, of the machine."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from sql.role_names import APP
from stack.local.ports import free_port
from stack.local.servers.postgres import DEFAULT_PORT, PostgresServer
from tests.missing import skip_without
from tests.waiting import wait_until

SESSIONS = 2
"""The pooler has so few sessions that consecutive transactions of a client get different ones."""

CONFIGURATION = """\
[databases]
* = host={socket} port={postgres_port}

[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {sessions}
server_round_robin = 1
server_login_retry = 1
tcp_keepidle = 2
tcp_keepintvl = 1
tcp_keepcnt = 3
tcp_user_timeout = 10000
"""


def pooler_program() -> str:
    """Where it is. Without it the test is skipped; with PGBOUNCER_NEEDED set it fails."""
    program = shutil.which("pgbouncer", path=os.pathsep.join([os.defpath, "/usr/sbin"]))
    if program is None:
        missing = "pgbouncer is not installed: apt-get install pgbouncer"
        skip_without(missing, "PGBOUNCER_NEEDED")
    return program


@dataclass
class Pooler:
    """A pooler that a test may kill and start again at the same address."""

    program: str
    folder: Path
    server: PostgresServer
    sessions: int = SESSIONS
    address: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[Any] | None" = field(default=None)

    def url(self, database_url: str) -> str:
        """The address of the same database through the pooler."""
        through = make_url(database_url).set(host=self.address, port=self.port, query={})
        return through.render_as_string(hide_password=False)

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "pgbouncer.log"

    def prepare(self) -> list[str]:
        """Write its configuration; the command that starts it."""
        users, configuration = self.folder / "users.txt", self.folder / "pgbouncer.ini"
        users.write_text(f'"{APP}" ""\n')
        configuration.write_text(
            CONFIGURATION.format(
                socket=self.server.socket_directory,
                postgres_port=self.server.port or DEFAULT_PORT,
                address=self.address,
                port=self.port,
                users=users,
                sessions=self.sessions,
            )
        )
        for path in (self.folder, users, configuration):
            # Whoever runs the server reads them, whatever the caller's umask.
            path.chmod(0o755)
        return [self.program, str(configuration)]

    def popen_options(self) -> dict[str, Any]:
        """It refuses to run as root."""
        account = self.server.account
        return account.popen_options() if account else {}

    def start(self) -> None:
        command = self.prepare()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, **self.popen_options()
            )
        self.wait_until_ready(self.process)

    def wait_until_ready(self, process: "subprocess.Popen[Any]") -> None:
        """Return when it answers."""
        wait_until(lambda: self._answers(process))

    def kill(self) -> None:
        """End at once, as a machine that loses power does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _answers(self, process: "subprocess.Popen[Any]") -> bool:
        assert process.poll() is None, self.log.read_text()
        with socket.socket() as asking:
            return not asking.connect_ex((self.address, self.port))


@contextmanager
def running_pooler(
    server: PostgresServer, folder: Path, *, sessions: int = SESSIONS, address: str = "127.0.0.1"
) -> Iterator[Pooler]:
    """A pooler for the time of the block."""
    pooler = Pooler(pooler_program(), folder, server, sessions, address)
    folder.mkdir()
    pooler.start()
    try:
        yield pooler
    finally:
        pooler.kill()
