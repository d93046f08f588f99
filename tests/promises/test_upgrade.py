"""A running installation goes to the next schema and back; both versions serve, nothing is lost."""

import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from serving.access.keys import generate_key
from sql.revisions import find_revisions, newest_revision
from tests.serving.process import RunningApi, running_api
from tests.waiting import statements_waiting, wait_until

ROOT = Path(__file__).parents[2]
NEXT = f"{int(newest_revision()) + 1:04}"

REVISION = f'''"""Made up: columns on the tables that are used most, and a table."""

from alembic import op

revision = "{NEXT}"
down_revision = "{newest_revision()}"


def upgrade() -> None:
    op.execute("alter table users add column locale text")
    op.execute("alter table items add column brand text not null default 'none'")
    op.execute("alter table interactions add column device text")
    op.execute("create table devices (device text primary key)")
    {{after}}


def downgrade() -> None:
    op.execute("drop table devices")
    op.execute("alter table interactions drop column device")
    op.execute("alter table items drop column brand")
    op.execute("alter table users drop column locale")
'''


@dataclass(frozen=True)
class Stores:
    """Where an installation keeps what it knows."""

    engine: Engine
    database_url: str
    owner_url: str
    redis_url: str

    def run(self, log: Path, code: Path) -> AbstractContextManager[RunningApi]:
        """A server of a version."""
        return running_api(
            self.database_url, self.redis_url, log, code=code, write_budget_seconds=20
        )

    def stands_at(self) -> str | None:
        with self.engine.connect() as connection:
            return find_revisions(connection).stands_at


@pytest.fixture
def stores(engine: Engine, database_url: str, owner_url: str, redis_url: str) -> Stores:
    return Stores(engine, database_url, owner_url, redis_url)


def version_with(folder: Path, revision: str) -> Path:
    folder.mkdir()
    for package in ("domain", "serving", "speed"):
        (folder / package).symlink_to(ROOT / package)
    shutil.copytree(ROOT / "sql", folder / "sql", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "sql" / "migrations" / "versions" / f"{NEXT}_made_up.py").write_text(revision)
    return folder


def migration(code: Path, owner_url: str, *arguments: str) -> "subprocess.Popen[str]":
    """`python -m sql` of a version."""
    return subprocess.Popen(
        [sys.executable, "-m", "sql", *arguments],
        cwd=code,
        env={**os.environ, "DATABASE_URL": owner_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def done(process: "subprocess.Popen[str]") -> None:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output


class Sending:
    """Sends events and asks for lists, at one server after the other, until it is told to stop."""

    def __init__(self, key: str) -> None:
        self.servers: list[RunningApi] = []
        self.sent: list[uuid.UUID] = []
        """Events that were answered with a 202."""
        self.faults: list[str] = []
        self._key = key
        self._stopping = threading.Event()

    def more(self, events: int = 20) -> None:
        """Until so many more were recorded."""
        wanted = len(self.sent) + events
        wait_until(lambda: self.faults or len(self.sent) >= wanted, seconds=120)
        assert self.faults == []

    @contextmanager
    def under_way(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(timeout=180)
        assert not any(thread.is_alive() for thread in threads)

    def _send(self, number: int) -> None:
        turn = number
        with httpx.Client(headers={"X-API-Key": self._key}, timeout=60) as client:
            while not self._stopping.is_set():
                turn += 1
                server = self.servers[turn % len(self.servers)]
                event_id = uuid.uuid4()
                user = f"user-{turn % 7}"
                sent = {
                    "event_id": str(event_id),
                    "user_id": user,
                    "item_id": f"film-{turn % 30}",
                    "kind": "view",
                }
                url = f"http://127.0.0.1:{server.port}/v1"
                try:
                    recorded = client.post(f"{url}/events", json={"events": [sent]})
                    if recorded.status_code == httpx.codes.ACCEPTED:
                        self.sent.append(event_id)
                    elif recorded.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                        # While a table is being changed an event may have to be sent again.
                        self.faults.append(recorded.text)
                    found = client.get(f"{url}/users/{user}/recommendations")
                    if found.status_code != httpx.codes.OK:
                        self.faults.append(found.text)
                except httpx.TransportError as error:
                    # What was sent to one that is stopped meanwhile is not acknowledged.
                    if server in self.servers:
                        self.faults.append(repr(error))


@pytest.fixture
def key(engine: Engine, film_nos: list[int]) -> str:
    made = generate_key()
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into api_keys (name, prefix, key_hash, scopes)"
                " values ('app', :prefix, :key_hash, '{read,write}')"
            ),
            {"prefix": made.prefix, "key_hash": made.key_hash},
        )
    return made.key


def test_a_schema_is_changed_under_two_versions_and_back_and_no_event_is_lost(
    stores: Stores, key: str, tmp_path: Path
) -> None:
    engine = stores.engine
    next_version = version_with(tmp_path / "next", REVISION.format(after=""))
    sending = Sending(key)
    with ExitStack() as stack, ExitStack() as of_next:
        older = stack.enter_context(stores.run(tmp_path / "older.log", ROOT))
        sending.servers = [older]
        with sending.under_way():
            sending.more()
            # Somebody reads for long what is to be changed: the migration waits, others do not.
            with engine.connect() as reader:
                reader.execute(text("select count(*) from interactions"))
                migrating = migration(next_version, stores.owner_url)
                wait_until(lambda: statements_waiting(engine) >= 1, seconds=120)
                sending.more(100)
                assert migrating.poll() is None
                assert stores.stands_at() == newest_revision()
                reader.rollback()
            done(migrating)
            assert stores.stands_at() == NEXT
            sending.more()
            assert older.get("/readyz").status_code == 200
            newer = of_next.enter_context(stores.run(tmp_path / "newer.log", next_version))
            sending.servers = [older, newer]
            sending.more(40)
            # An older one that starts now finds a database that it works with, and leaves it.
            done(migration(ROOT, stores.owner_url))
            assert stores.stands_at() == NEXT
            # The way back: the newer version's processes first, then what it added.
            sending.servers = [older]
            of_next.close()
            done(migration(next_version, stores.owner_url, "--back-to", newest_revision()))
            assert stores.stands_at() == newest_revision()
            sending.more()
            assert older.get("/readyz").status_code == 200
    with engine.connect() as connection:
        columns = "select count(*) from pg_attribute where attname in ('locale', 'brand', 'device')"
        assert connection.execute(text(f"{columns} and not attisdropped")).scalar_one() == 0
        stored = connection.execute(text("select event_id from interactions")).scalars().all()
    assert len(stored) == len(set(stored))
    assert set(sending.sent) <= set(stored)


def test_a_revision_that_takes_away_tells_older_processes_that_they_are_too_old(
    stores: Stores, tmp_path: Path
) -> None:
    moved = f"op.execute(\"update schema_support set oldest_revision = '{NEXT}'\")"
    code = version_with(tmp_path / "next", REVISION.format(after=moved))
    with stores.run(tmp_path / "older.log", ROOT) as older:
        done(migration(code, stores.owner_url))
        wait_until(lambda: older.get("/readyz").status_code == 503, seconds=60)
        assert "revision that this version works with" in older.get("/readyz").text
    refused = migration(ROOT, stores.owner_url)
    output, _ = refused.communicate(timeout=120)
    assert (refused.returncode, f"revision {NEXT}" in output) == (1, True), output
