"""The real PostgreSQL and the real Redis for every test that needs them.

One server of each a session; one migrated template database, cloned for each test.
"""

import gc

# Until all tests are found, what is made is what is imported, and stays.
gc.disable()

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

# Tests run side by side and their matrices are small: threads of one would only wait for others.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Tests start hundreds of programs. What they import is compiled once, whatever the caller asked.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Nobody is to be told that tests run.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")

import hypothesis
import psycopg
import pytest
import redis
from psycopg import sql as identifiers
from sqlalchemy import Engine, event, text
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from sql.engine import make_engine
from sql.listening import listen_blocking
from sql.migrate import migrate
from sql.role_names import APP, OWNER
from stack.local.roles import ensure_embedded_roles
from stack.local.servers.postgres import PostgresServer, running_postgres
from stack.local.servers.redis_server import running_redis
from tests import tables
from tests.browser import SharedBrowser, find_browser
from tests.examples import THOROUGH

TEMPLATE = "template_tandem"
LONGEST_WAIT = "5min"
"""For a lock of PostgreSQL: longer than any test has to."""
TOGETHER = ("tests/end_to_end/", "tests/flows/")
ALONE = {"tests/end_to_end/test_prefect_on_demand.py"}
"""Long files of these folders that use a server of their own."""
LONGEST = (
    *TOGETHER,
    "tests/stack/test_image.py",
    "tests/chaos/test_run.py",
    "tests/contract/",
    "tests/promises/",
)
WHOLE = (
    *TOGETHER,
    "tests/benchmarks/",
    "tests/chaos/",
    "tests/contract/",
    "tests/hosts/",
    "tests/promises/",
    "tests/serving/test_connections.py",
    "tests/stack/",
)
"""Where tests start programs."""
SLOW = (
    "tests/batch/content/test_catalogue_words.py",
    "tests/batch/history/test_blocks.py",
    "tests/batch/lists/test_popular_lists.py",
    "tests/batch/spark/",
    "tests/loading/test_contexts.py",
    "tests/loading/test_detached.py",
    "tests/loading/test_export.py",
    "tests/loading/test_formats.py",
    "tests/loading/test_imports.py",
    "tests/loading/test_load.py",
    "tests/loading/test_round_trip.py",
    "tests/loading/test_understanding.py",
    "tests/serving/kafka/test_topics.py",
    "tests/serving/test_events_under_failure.py",
    "tests/serving/test_fallback_refresh.py",
    "tests/serving/test_index_search.py",
    "tests/serving/test_item_memory.py",
    "tests/serving/test_pulse.py",
    "tests/serving/test_rolling.py",
    "tests/serving/test_slow_clients.py",
    "tests/serving/test_workers.py",
    "tests/speed/test_killed_among_several.py",
    "tests/test_site.py",
    "tests/watching/",
)
"""Files of seven seconds and more: together three quarters of what all such tests take."""
WHOLE_FIXTURES = {"start", "client", "own_redis", "run_api", "serve_api", "speed_worker", "browser"}
"""Fixtures that start an app, or a server or a browser for one test."""
IN_MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 6 * 2**30
"""Bytes. A container's /dev/shm is 64 MB, unless somebody asked for more."""

# How long an example takes tells of the machine's load, not of the code.
hypothesis.settings.register_profile("tandem", deadline=None)
hypothesis.settings.register_profile(THOROUGH, deadline=None)
hypothesis.settings.load_profile("tandem")


def pytest_configure() -> None:
    """Work in memory: a database is 600 small files, and nearly every test has its own."""
    sys.dont_write_bytecode = False
    if "TMPDIR" in os.environ or not os.access(IN_MEMORY, os.W_OK | os.X_OK):
        return
    if shutil.disk_usage(IN_MEMORY).free > MEMORY_NEEDED:
        os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is imported to find the tests out of every collection of garbage: it stays."""
    try:
        return (yield)
    finally:
        gc.freeze()
        # Apps come and go whole: looks at everything that lives cost more than they free.
        gc.set_threshold(2_000, 10, 100)
        gc.enable()


class FoldersTogether(LoadFileScheduling):
    """Hands out files; those of a folder whose tests share a costly server go to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return file if file in ALONE else next(filter(nodeid.startswith, TOGETHER), file)

    def _reschedule(self, node: WorkerController) -> None:
        # One that takes the place of a worker that died gets tests when it has found them.
        if node in self.registered_collections:
            super()._reschedule(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Hand out in the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False
    return FoldersTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the pure tests and those of one store as quick; begin with what takes longest."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if not item.nodeid.startswith((*WHOLE, *SLOW)) and not fixtures & WHOLE_FIXTURES:
            item.add_marker("quick")
    items.sort(key=lambda item: _turn(item.nodeid))


def _turn(nodeid: str) -> tuple[int, bool]:
    """What takes longest goes first: nobody waits for it in the end.

    What a folder's tests share ends before its file that is on its own begins.
    """
    longest = (turn for turn, prefix in enumerate(LONGEST) if nodeid.startswith(prefix))
    return next(longest, len(LONGEST)), nodeid.split("::", maxsplit=1)[0] in ALONE


@pytest.fixture(autouse=True)
def default_umask() -> Iterator[None]:
    """A command run inside a test closes off what it writes; the next test begins as usual."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for Unix sockets, which servers of any user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """Another one, for the sockets of a single test."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-sockets-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(short_folder: Path) -> Iterator[PostgresServer]:
    """One PostgreSQL a session, with its roles and a database that its plain owner migrated."""
    with running_postgres(short_folder / "postgres", durable=False) as server:
        # Who waits for the lock of a test that waits for them would do so for ever.
        _execute(server, f"alter system set lock_timeout = '{LONGEST_WAIT}'")
        _execute(server, "select pg_reload_conf()")
        _execute(server, "create database {}", TEMPLATE)
        ensure_embedded_roles(server, TEMPLATE)
        engine = make_engine(server.url(TEMPLATE, OWNER))
        migrate(engine)
        tables.reflect(engine)
        engine.dispose()
        yield server
        _connected(server.url("postgres")).close()


@pytest.fixture(scope="session")
def films_template(postgres: PostgresServer) -> Iterator[tuple[str, list[int]]]:
    """A template with thirty items, and their numbers: to add them costs as much as a clone."""
    with cloned_database(postgres) as name:
        engine = make_engine(postgres.url(name))
        with engine.begin() as connection:
            rows = connection.execute(
                text(
                    "insert into items (item_id, title) select 'film-' || n, 'Film ' || n"
                    " from generate_series(0, 29) as n order by n returning item_no"
                )
            )
            numbers = sorted(rows.scalars())
        engine.dispose()
        yield name, numbers


@pytest.fixture
def database_name(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[str]:
    """A fresh migrated database, owned as the one of `tandem up` is."""
    template = TEMPLATE
    if "films_template" in request.fixturenames:
        template, _ = request.getfixturevalue("films_template")
    with cloned_database(postgres, template) as name:
        yield name


@contextmanager
def cloned_database(postgres: PostgresServer, template: str = TEMPLATE) -> Iterator[str]:
    """The name of one for the time of the block; nobody may be connected to the template."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(
        postgres,
        "create database {} template {} owner {} strategy file_copy",
        name,
        template,
        OWNER,
    )
    yield name
    _execute(postgres, "drop database {} with (force)", name)


@pytest.fixture
def database_url(postgres: PostgresServer, database_name: str) -> str:
    """The test's database as the role of the processes: what is tested works with this one."""
    return postgres.url(database_name, APP)


@pytest.fixture
def owner_url(postgres: PostgresServer, database_name: str) -> str:
    """The same as the owner of the tables, who migrates."""
    return postgres.url(database_name, OWNER)


@pytest.fixture(scope="session")
def arranging_engine(postgres: PostgresServer) -> Engine:
    """An engine that connects to whatever database its address names just then.

    It stays: each new one asks the server about itself, and compiles every statement again.
    """
    engine = make_engine(postgres.url(TEMPLATE))

    @event.listens_for(engine, "do_connect")
    def _go_to(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters["dbname"] = engine.url.database

    return engine


@pytest.fixture
def engine(arranging_engine: Engine, database_name: str) -> Iterator[Engine]:
    """An engine on the test's database that may do everything: for arranging and looking."""
    arranging_engine.url = arranging_engine.url.set(database=database_name)
    yield arranging_engine
    arranging_engine.dispose()


@pytest.fixture
def app_engine(database_url: str) -> Iterator[Engine]:
    """An engine on the test's database as the role of the processes."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def redis_server_url(short_folder: Path) -> Iterator[str]:
    """One Redis a session."""
    with running_redis(short_folder / "redis") as server:
        yield server.url()


@pytest.fixture(scope="session")
def emptying_client(redis_server_url: str) -> Iterator[redis.Redis]:
    """A client that stays: each new one reads the description of its package for its version."""
    with redis.Redis.from_url(redis_server_url) as client:
        yield client


@pytest.fixture
def redis_url(redis_server_url: str, emptying_client: redis.Redis) -> str:
    """The session's Redis, emptied."""
    emptying_client.flushall()
    return redis_server_url


def _execute(server: PostgresServer, statement: str, *names: str) -> None:
    query = identifiers.SQL(statement).format(*map(identifiers.Identifier, names))
    try:
        _connected(server.url("postgres")).execute(query)
    except psycopg.OperationalError:
        # A test had the server end its connections.
        _connected.cache_clear()
        _connected(server.url("postgres")).execute(query)


@cache
def _connected(url: str) -> psycopg.Connection[Any]:
    """A connection that stays: nearly every test makes a database and drops it."""
    return psycopg.connect(url, autocommit=True)


@pytest.fixture(scope="session")
def shared_browser() -> Iterator[SharedBrowser]:
    """One a session: its start costs more than most tests that use it."""
    browser = SharedBrowser(find_browser())
    yield browser
    browser.stop()


@pytest.fixture
def film_nos(films_template: tuple[str, list[int]]) -> list[int]:
    """Item numbers of thirty items named film-0 to film-29, which the test's database has."""
    return list(films_template[1])


@pytest.fixture
def speed_worker(database_url: str) -> Iterator[None]:
    """A connection such as every speed worker listens on; nothing is folded in."""
    wakes = listen_blocking(database_url)
    next(wakes)
    yield
    del wakes
