"""A system that is read from while something goes on in it, with a catalogue and a history."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from benchmarks.halved_runs import ITEMS, USERS
from benchmarks.loaded_files import new_database
from domain.identifiers import ItemNo, KindNo, UserId
from sql.engine import make_engine
from sql.log import NewEvent, record_parameters
from sql.statements import statements
from stack.api_key import create_key
from stack.local.ports import free_port
from stack.local.servers.child_process import ending_with_parent
from stack.local.servers.postgres import running_postgres
from stack.local.servers.redis_server import running_redis

EVENTS_A_USER = 8
_USERS_A_STATEMENT = 250


Fill = Callable[[str, Path], None]
"""Fills the database of an address, with a folder for its files."""


@contextmanager
def running_system(
    apis: int, fill: Fill | None = None
) -> Iterator[tuple[str, dict[str, int], str]]:
    """PostgreSQL, Redis, a speed worker and API processes; address, ports and a key.

    `fill` None: with a catalogue and a history.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        redis = stack.enter_context(running_redis(folder / "redis"))
        url = new_database(postgres, "tandem")
        engine = make_engine(url)
        with engine.begin() as connection:
            key = create_key(connection, "benchmark", ["read", "write"])
        engine.dispose()
        (fill or _fill)(url, folder)
        stores = {"DATABASE_URL": url, "REDIS_URL": redis.url()}
        ports = {f"api-{n}": free_port() for n in range(1, apis + 1)}
        stack.enter_context(process_of("speed", folder / "speed.log", stores))
        for name, port in ports.items():
            # What an API is here is one process, whatever is usual.
            settings = stores | {"TANDEM_API_PORT": str(port), "TANDEM_API_WORKERS": "1"}
            stack.enter_context(process_of("serving", folder / f"{name}.log", settings))
        yield url, ports, key


@contextmanager
def process_of(module: str, log: Path, settings: dict[str, str]) -> Iterator[None]:
    """One of our own programs, for the time of the block."""
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 -- our own programs
            [sys.executable, "-m", module],
            env=os.environ | settings,
            stdout=file,
            stderr=file,
            # As under `tandem up`: the kernel may share cores out by sessions.
            start_new_session=True,
            **ending_with_parent(signal.SIGTERM),
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _fill(url: str, _: Path) -> None:
    """A catalogue and a history."""
    engine = make_engine(url)
    random = np.random.default_rng(7)
    names = [{"item_id": f"item-{no}", "title": f"Item {no}"} for no in range(1, ITEMS + 1)]
    noon = datetime.now(UTC) - timedelta(days=1)
    with engine.begin() as connection:
        connection.execute(
            text("insert into items (item_id, title) values (:item_id, :title)"), names
        )
        for first in range(0, USERS, _USERS_A_STATEMENT):
            events = [
                _event(f"user-{user}", int(no), noon)
                for user in range(first, min(first + _USERS_A_STATEMENT, USERS))
                for no in random.integers(1, ITEMS + 1, EVENTS_A_USER)
            ]
            connection.execute(statements("log")["record_events"], record_parameters(events))
    engine.dispose()


def _event(user: str, item_no: int, at: datetime) -> NewEvent:
    return NewEvent(uuid.uuid4(), UserId(user), ItemNo(item_no), KindNo(1), None, at)


async def run_in(pool: Executor, work: Callable[..., Any], *arguments: Any) -> Any:
    """What work done elsewhere answers."""
    return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
