"""Stores of one's own with loaded files, a published night, and the API beside them."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
from sqlalchemy import Engine, text

from benchmarks.loaded_files import served_folder
from domain.errors import StackError
from loading.load import load
from loading.options import LoadOptions
from stack.api_key import create_key
from stack.database import using_engine
from stack.local.embedded_database import DATABASE, embedded_addresses
from stack.local.flow_runs.flow_environment import flow_environment
from stack.local.flow_runs.nightly_flow import PUBLISHED, StepListener
from stack.local.flow_runs.nightly_run import run_nightly
from stack.local.home import Home
from stack.local.ports import free_port
from stack.local.processes import api_service
from stack.local.roles import ensure_embedded_database
from stack.local.servers.child_process import stop_child
from stack.local.servers.postgres import running_postgres
from stack.local.servers.redis_server import running_redis
from stack.local.stores import Stores, prepare_database
from stack.local.supervision.log_file import open_log
from stack.local.supervision.service import POLITE
from stack.settings import StackSettings

_TIMEOUT_SECONDS = 30.0
_NOT_OURS = ("READ_DATABASE_URL", "TANDEM_STARTED_AT")

OnStep = Callable[[str], None]

_NIGHTLY_LISTS = text(
    "select user_id, item_id from analytics.current_recommendations"
    " where rank <= :length order by user_id, rank"
)
_POPULAR = text(
    "select items.item_id from live_run join popular_items using (run_id)"
    " cross join lateral unnest(popular_items.item_nos) with ordinality as listed (item_no, rank)"
    " join items on items.item_no = listed.item_no"
    " where list = 'popular' and category = '' order by rank"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered for a user."""

    item_ids: list[str]
    strategy: str
    exclusions: str
    """Whether all that the user must not get was known."""


@dataclass(frozen=True, slots=True)
class OwnNight:
    """A served run: its store, and the API."""

    engine: Engine
    api: httpx.Client

    def nightly_lists(self, length: int) -> dict[str, list[str]]:
        """The first items of every user's nightly list, by user id."""
        lists: dict[str, list[str]] = {}
        with self.engine.connect() as connection:
            for user_id, item_id in connection.execute(_NIGHTLY_LISTS, {"length": length}):
                lists.setdefault(user_id, []).append(item_id)
        return lists

    def popular(self) -> list[str]:
        """The popular list as it is served."""
        with self.engine.connect() as connection:
            return list(connection.execute(_POPULAR).scalars())

    def answer(self, user_id: str, length: int) -> Answer:
        """What a user is recommended by default; httpx.HTTPError if that is no list."""
        path = f"/v1/users/{quote(user_id, safe='')}/recommendations"
        reply = self.api.get(path, params={"limit": length}).raise_for_status().json()
        return Answer(
            [item["item_id"] for item in reply["items"]], reply["strategy"], reply["exclusions"]
        )


@contextmanager
def own_night(data: Path, on_step: OnStep) -> Iterator[OwnNight]:
    """Load the files, run a night as `tandem nightly` does, and serve; nothing is left afterwards.

    StackError if the night is not published.
    """
    with own_run(data, on_step) as run:
        with run.engine.begin() as connection:
            key = create_key(connection, "benchmark", ["read"])
        with (
            _api(run.environment, run.settings.api_url, run.home.log("api")),
            httpx.Client(
                base_url=run.settings.api_url,
                headers={"X-API-Key": key},
                timeout=_TIMEOUT_SECONDS,
                trust_env=False,
            ) as api,
        ):
            yield OwnNight(run.engine, api)


@dataclass(frozen=True, slots=True)
class OwnRun:
    """A published run in a store of its own, which nobody serves."""

    engine: Engine
    database_url: str
    home: Home
    settings: StackSettings
    environment: Mapping[str, str]
    """That of the processes of this system."""


@contextmanager
def own_run(
    data: Path,
    on_step: OnStep,
    variables: Mapping[str, str] | None = None,
    listen: StepListener = lambda _step, _seconds: None,
) -> Iterator[OwnRun]:
    """Load the files and run a night, with these settings besides the usual ones.

    `listen` is told each step of the night as it begins and ends. StackError if the night is not
    published.
    """
    with own_stores() as (home, stores):
        on_step("loading the files into a PostgreSQL of our own")
        rejects = home.directory / "rejects.jsonl"
        load([str(data)], stores.database_url, LoadOptions(), rejects_path=rejects)
        with night_in(home, stores, on_step, variables, listen) as run:
            yield run


@contextmanager
def night_in(
    home: Home,
    stores: Stores,
    on_step: OnStep,
    variables: Mapping[str, str] | None = None,
    listen: StepListener = lambda _step, _seconds: None,
) -> Iterator[OwnRun]:
    """Run a night on what these stores hold, as `own_run`."""
    settings = StackSettings(api_host="127.0.0.1", api_port=free_port())
    with using_engine(stores.database.owner) as engine:
        with flow_environment(settings, home, stores, print) as whole:
            environment = {name: whole[name] for name in whole if name not in _NOT_OURS}
            environment |= variables or {}
            _run_night(stores.database_url, environment, home, on_step, listen)
        yield OwnRun(engine, stores.database_url, home, settings, environment)


@contextmanager
def own_stores(*, durable: bool = False) -> Iterator[tuple[Home, Stores]]:
    """An empty database and a Redis in a home folder that is removed afterwards."""
    with served_folder() as folder:
        home = Home(folder)
        home.make()
        with (
            running_postgres(home.postgres, durable=durable) as server,
            running_redis(home.redis) as redis,
        ):
            ensure_embedded_database(server)
            addresses = embedded_addresses(server, DATABASE)
            prepare_database(addresses)
            yield home, Stores(addresses, redis.url(), None)


def _run_night(
    database_url: str,
    environment: Mapping[str, str],
    home: Home,
    on_step: OnStep,
    listen: StepListener,
) -> None:
    def show(step: str, seconds: float | None) -> None:
        listen(step, seconds)
        if seconds is not None:
            on_step(f"{step}, {seconds:.1f} s")

    record = asyncio.run(run_nightly(database_url, environment, home.log("nightly"), show))
    if record["state"] != PUBLISHED:
        raise StackError(f"The night was not published: {record['reason']}")


@contextmanager
def _api(environment: Mapping[str, str], url: str, log: Path) -> Iterator[None]:
    """The API's processes, from when they answer until the end of the block."""
    launch = api_service(environment, url).prepare()
    with open_log(log) as output:
        process = subprocess.Popen(  # noqa: S603 -- our own command
            launch.command, stdout=output, stderr=output, **launch.options()
        )
    try:
        launch.wait_until_ready(process)
        yield
    finally:
        stop_child(process, POLITE)
