"""A real streaming replica of the session's PostgreSQL."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from stack.local.servers import postgres
from stack.local.servers.binaries import postgres_program
from stack.local.servers.child_process import run_program, stop_child
from stack.local.servers.postgres import (
    PostgresServer,
    prepare_postgres,
    wait_until_ready,
)
from tests.waiting import wait_until


@dataclass
class StreamingReplica:
    """A replica that a test may stop, start, and hold back."""

    folder: Path
    server: PostgresServer
    process: "subprocess.Popen[Any] | None" = field(default=None)

    def url(self, database_url: str) -> str:
        """The address of the same database here."""
        return self.server.url(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"])

    def start(self) -> None:
        log = self.folder.with_name(f"{self.folder.name}.log")
        self.server = prepare_postgres(self.folder, durable=False)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.server.command(), stdout=output, stderr=output, **self.server.popen_options()
            )
        wait_until_ready(self.server, self.process, log=log)

    def stop(self) -> None:
        if self.process is not None:
            stop_child(self.process, postgres.SHUTDOWN)
        self.process = None

    def hold(self) -> None:
        """Learn nothing new from the primary."""
        self._execute("select pg_wal_replay_pause()")
        wait_until(lambda: self._execute("select pg_get_wal_replay_pause_state()") == "paused")

    def go_on(self) -> None:
        self._execute("select pg_wal_replay_resume()")

    def _execute(self, statement: str) -> Any:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            (answer,) = connection.execute(statement).fetchone() or (None,)
            return answer


@contextmanager
def streaming_replica(primary: PostgresServer, folder: Path) -> Iterator[StreamingReplica]:
    """A replica of a running server, for the time of the block."""
    options: dict[str, Any] = primary.account.popen_options() if primary.account else {}
    nest = folder.with_name(f"{folder.name}.nest")
    nest.mkdir(mode=0o755)
    if primary.account is not None:
        os.chown(nest, primary.account.user, primary.account.group)
    run_program(
        [
            str(postgres_program("pg_basebackup")),
            f"--pgdata={nest / 'data'}",
            f"--dbname={primary.url('postgres')}",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        ],
        cwd=nest,
        **options,
    )
    replica = StreamingReplica(nest / "data", primary)
    replica.start()
    try:
        yield replica
    finally:
        replica.stop()
