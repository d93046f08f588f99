"""The API, the speed worker and a night with PgBouncer in transaction mode between them."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from flows.nightly import run_now
from stack.local.servers.postgres import PostgresServer
from tests.flows.test_nightly import at, value
from tests.flows.test_nothing_is_lost import knows_everything
from tests.pooler import SESSIONS, Pooler, running_pooler
from tests.serving.conftest import Seeds
from tests.serving.process import RunningApi, running_api
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("prefect_server")

USER = "user-1"
POOLED = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and application_name in ('tandem-api', 'tandem-speed')"
)


@pytest.fixture
def pooler(
    postgres: PostgresServer,
    short_folder: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pooler]:
    with running_pooler(postgres, short_folder / "pooler-of-nights") as pooler:
        monkeypatch.setenv("POOLED_DATABASE_URL", pooler.url(database_url))
        yield pooler


@contextmanager
def speed_worker(redis_url: str) -> Iterator[None]:
    """A worker with the environment of the test, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "speed"], env={**os.environ, "REDIS_URL": redis_url}
    )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


@dataclass
class App:
    """Sends an event again until it is taken, and asks for a list after each attempt."""

    api: RunningApi
    key: str
    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    lists: list[httpx.Response] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def using(self) -> Iterator[None]:
        """It goes on in a thread until the end of the block."""
        thread = threading.Thread(target=self._go_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(timeout=180)
        assert not thread.is_alive()

    def until_more(self) -> None:
        """Wait until further events were taken."""
        before = len(self.accepted)
        wait_until(lambda: len(self.accepted) > before + 3, seconds=120)

    def _go_on(self) -> None:
        headers = {"x-api-key": self.key}
        address = f"http://127.0.0.1:{self.api.port}"
        with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
            event_id = str(uuid.uuid4())
            while not self._stopping.is_set():
                event = {
                    "event_id": event_id,
                    "user_id": USER,
                    "item_id": f"item-{1 + len(self.accepted) % 60}",
                    "kind": "click",
                }
                if client.post("/v1/events", json={"events": [event]}).status_code == 202:
                    self.accepted.append(event_id)
                    event_id = str(uuid.uuid4())
                else:
                    self.refused += 1
                self.lists.append(client.get(f"/v1/users/{USER}/recommendations?limit=5"))


@pytest.fixture
def app(
    shop: Engine, pooler: Pooler, database_url: str, redis_url: str, tmp_path: Path
) -> Iterator[App]:
    """An app beside a speed worker, both behind the pooler."""
    key = Seeds(shop, []).key("read", "write")
    with (
        running_api(database_url, redis_url, tmp_path / "api.log") as api,
        speed_worker(redis_url),
    ):
        yield App(api, key)


def test_nothing_is_lost_while_a_pooler_is_killed_and_a_night_goes_on(
    shop: Engine,
    first_run: int,
    pooler: Pooler,
    app: App,
) -> None:
    with app.using():
        app.until_more()
        assert value(shop, POOLED) <= SESSIONS, "something goes past the pooler"
        pooler.kill()
        refused = app.refused
        wait_until(lambda: app.refused > refused, seconds=120)
        pooler.start()
        app.until_more()

        def fail() -> None:
            pooler.kill()
            pooler.start()

        second = int(run_now(at("Write the lists", fail)))
        app.until_more()
    assert second != first_run
    stored = "select count(*) from interactions where event_id = any(cast(:ids as uuid[]))"
    assert value(shop, stored, ids=app.accepted) == len(app.accepted)
    users = "select user_no from users where user_id = :user"
    taken = "select count(*) from interactions where user_no = :no and kind_no = 2"
    user_no = value(shop, users, user=USER)
    assert value(shop, taken, no=user_no) == len(app.accepted), "one counted twice"
    wait_until(lambda: knows_everything(shop, USER), seconds=60)
    assert {answer.status_code for answer in app.lists} == {200}
    assert all(answer.json()["items"] for answer in app.lists)
    assert app.lists[-1].json()["run"]["id"] == second
