"""A machine whose packets to the store are lost: no connection ends, and nobody says a word."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql.engine import SPEED_WORKER, make_engine
from sql.statements import statements
from tests.events import event, record
from tests.hosts.conftest import Machine, Store, machine
from tests.hosts.network import Host, partition
from tests.serving.conftest import Seeds
from tests.small_run import publish_small_run
from tests.waiting import wait_until

FILMS = 30


@pytest.fixture(scope="module")
def film_nos(store: Store) -> list[int]:
    """Films that a run lists for everybody."""
    with store.engine.begin() as connection:
        rows = connection.execute(
            text(
                "insert into items (item_id, title) select 'film-' || n, 'Film ' || n"
                " from generate_series(0, :films - 1) as n order by n returning item_no"
            ),
            {"films": FILMS},
        )
        film_nos = sorted(rows.scalars())
        publish_small_run(connection, film_nos, popular=film_nos)
    return film_nos


@pytest.fixture(scope="module")
def key(store: Store) -> str:
    return Seeds(store.engine, []).key("read", "write")


@pytest.fixture(scope="module")
def machines(
    store: Store,
    hosts: list[Host],
    film_nos: list[int],
    key: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Machine, Machine]]:
    folder = tmp_path_factory.mktemp("machines")
    with (
        machine(store, hosts[1], folder, pooled=True) as a,
        machine(store, hosts[2], folder, pooled=False) as b,
    ):
        yield a, b


def folded_in(store: Store) -> bool:
    """Whether all events are in live vectors."""
    query = "select min(position) = (select max(position) from interactions) from speed_progress"
    with store.engine.connect() as connection:
        return bool(connection.execute(text(query)).scalar_one())


def sent(machine: Machine, key: str, *events: dict[str, Any]) -> dict[str, int]:
    """The answer to events that are sent until they are taken, as an app does."""
    answers: list[httpx.Response] = []

    def taken() -> bool:
        answers.append(machine.send(key, *events))
        return answers[-1].status_code == 202

    wait_until(taken)
    return dict(answers[-1].json())


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
def test_shards_that_a_lost_machine_was_folding_are_taken_over(
    store: Store,
    film_nos: list[int],
    machines: tuple[Machine, Machine],
    hosts: list[Host],
    *,
    pooled: bool,
) -> None:
    with store.engine.begin() as connection:
        record(connection, [event(f"user-{n}", film_nos[0]) for n in range(20)])
    wait_until(lambda: folded_in(store))
    other = hosts[1]
    url = store.pooled_url if pooled else store.database_url
    engine = make_engine(url, application_name=SPEED_WORKER, pooled=pooled)
    lost = other.do(engine.connect)
    hold = statements("cold_items")["hold_folding"]
    assert len(other.do(lambda: lost.execute(hold, {"run_id": 1}).all())) == 8
    with partition(hosts[0], other):
        with store.engine.begin() as connection:
            record(connection, [event(f"user-{n}", film_nos[1]) for n in range(20)])
        wait_until(lambda: folded_in(store))
    with pytest.raises(DBAPIError):
        other.do(lost.execute, text("select 1"))
    other.do(engine.dispose)


def test_a_machine_that_is_cut_off_answers_and_refuses_and_the_other_goes_on(
    store: Store, machines: tuple[Machine, Machine], hosts: list[Host], key: str
) -> None:
    a, b = machines
    path = "/v1/users/ann/recommendations?limit=5"

    def seen(film: int) -> dict[str, Any]:
        names = {"user_id": "ann", "item_id": f"film-{film}", "event_id": str(uuid.uuid4())}
        return {**names, "kind": "view"}

    def listed(machine: Machine) -> set[str]:
        answer = machine.get(path, key)
        return {item["item_id"] for item in answer.json()["items"]} if answer.is_success else set()

    # Another test may have cut the way a moment ago.
    sent(a, key, seen(0))
    assert "film-0" not in listed(a) | listed(b)
    with partition(hosts[0], hosts[1]):
        lost, taken = seen(1), seen(2)
        assert a.send(key, lost).status_code == 503
        alone = a.get(path, key)
        assert alone.status_code in (200, 503), alone.text
        assert b.send(key, taken).json()["accepted"] == 1
        assert b.send(key, lost).status_code == 202
        wait_until(lambda: folded_in(store))
        assert listed(b)
        assert not listed(b) & {"film-0", "film-1", "film-2"}
    assert sent(a, key, lost, taken)["duplicates"] == 2
    assert listed(a) == listed(b)
    assert sent(a, key, seen(3))["accepted"] == 1
    assert "film-3" not in listed(a) | listed(b)
    wait_until(lambda: folded_in(store))
    with store.engine.connect() as connection:
        query = "select count(*) from interactions join users using (user_no) where user_id = 'ann'"
        assert connection.execute(text(query)).scalar_one() == 4
