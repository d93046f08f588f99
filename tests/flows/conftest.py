"""A real Prefect server, and a small shop whose users have clear tastes."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from domain.identifiers import ItemNo, KindNo, UserId
from flows.nightly import run_now
from sql.engine import make_engine
from sql.log import NewEvent, record_parameters
from sql.role_names import APP
from sql.statements import statements
from stack.local.servers.postgres import PostgresServer
from tests.conftest import TEMPLATE, cloned_database

GROUPS, ITEMS_A_GROUP, USERS, EVENTS_A_USER = 3, 20, 60, 15
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)

Visit = tuple[str, int, float]
"""User id, item number, day."""

Record = Callable[[Connection, Sequence[Visit]], None]


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server a session, with a database of its own."""
    # It brings the whole server, which every process that finds tests would load.
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

    with prefect_test_harness(server_startup_timeout=300):
        yield


@pytest.fixture(scope="session")
def record() -> Record:
    """Stores views: (user id, item number, day)."""

    def store(connection: Connection, visits: Sequence[Visit]) -> None:
        events = [
            NewEvent(
                uuid.uuid4(),
                UserId(user),
                ItemNo(item_no),
                KindNo(1),
                None,
                FIRST_DAY + timedelta(days=day),
            )
            for user, item_no, day in visits
        ]
        connection.execute(statements("log")["record_events"], record_parameters(events))

    return store


@pytest.fixture(scope="session")
def shop_template(postgres: PostgresServer, record: Record) -> Iterator[str]:
    """A database with the shop before its first night, to be cloned."""
    with cloned_database(postgres) as name:
        engine = make_engine(postgres.url(name))
        open_shop(engine, record)
        engine.dispose()
        yield name


@pytest.fixture(scope="session")
def night_template(
    postgres: PostgresServer, prefect_server: None, shop_template: str
) -> Iterator[tuple[str, int]]:
    """A database in which the shop's first night is over, to be cloned; and the run's number."""
    with (
        cloned_database(postgres, shop_template) as name,
        pytest.MonkeyPatch.context() as environment,
    ):
        set_small_fits(environment, postgres.url(name, APP))
        yield name, int(run_now(lambda _step, _seconds: None))


@pytest.fixture(scope="session")
def two_nights_template(
    postgres: PostgresServer, night_template: tuple[str, int]
) -> Iterator[tuple[str, int]]:
    """The same after another night, which has published a run too."""
    with (
        cloned_database(postgres, night_template[0]) as name,
        pytest.MonkeyPatch.context() as environment,
    ):
        set_small_fits(environment, postgres.url(name, APP))
        yield name, int(run_now(lambda _step, _seconds: None))


@pytest.fixture
def database_name(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[str]:
    """A fresh migrated database; one with the shop, or its runs, for a test that asks for them."""
    template = TEMPLATE
    if "shop_template" in request.fixturenames:
        template = request.getfixturevalue("shop_template")
    for run, made in (("second_run", "two_nights_template"), ("first_run", "night_template")):
        if run in request.fixturenames:
            template, _ = request.getfixturevalue(made)
            break
    with cloned_database(postgres, template) as name:
        yield name


@pytest.fixture
def first_run(night_template: tuple[str, int]) -> int:
    """The number of the run that the shop serves: its first night was run once for all tests."""
    return night_template[1]


@pytest.fixture
def second_run(two_nights_template: tuple[str, int], first_run: int) -> int:
    """The number of the run that the shop serves after a second night; the first is retained."""
    return two_nights_template[1]


@pytest.fixture
def shop(
    shop_template: str, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Engine:
    """Items in three groups, each user at home in one of them; small fits by the environment."""
    set_small_fits(monkeypatch, database_url)
    return engine


def set_small_fits(environment: pytest.MonkeyPatch, database_url: str) -> None:
    """Let flows work on this database, with fits that are done at once."""
    environment.setenv("DATABASE_URL", database_url)
    for name, value in {"FACTORS": 8, "ITERATIONS": 5, "CHUNK_USERS": 25}.items():
        environment.setenv(f"TANDEM_BATCH_{name}", str(value))


def open_shop(engine: Engine, record: Record) -> None:
    """Write the shop's items and what its users have viewed."""
    random = np.random.default_rng(5)
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title, categories)"
                " select 'item-' || n, 'Item ' || n, array['group ' || n % :groups]"
                " from generate_series(1, :items) as n order by n"
            ),
            {"groups": GROUPS, "items": GROUPS * ITEMS_A_GROUP},
        )
        for user in range(USERS):
            chosen = random.choice(ITEMS_A_GROUP, EVENTS_A_USER, replace=False)
            days = random.uniform(0, 100, EVENTS_A_USER)
            items = (chosen + 1) * GROUPS - user % GROUPS
            record(
                connection,
                [(f"user-{user}", int(i), float(d)) for i, d in zip(items, days, strict=True)],
            )
