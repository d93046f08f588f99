"""What is taken back while a run is made is gone when the run is served."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from flows.nightly import run_now
from tests.removals import delete, forget, rows_of_user

pytestmark = pytest.mark.usefixtures("prefect_server")

Record = Callable[[Connection, Sequence[tuple[str, int, float]]], None]


def value(engine: Engine, query: str, **parameters: Any) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query), parameters).scalar_one()


def number_of(engine: Engine, user_id: str) -> int:
    return int(value(engine, "select user_no from users where user_id = :id", id=user_id))


def test_users_forgotten_and_events_deleted_while_a_run_is_made_are_in_nothing_it_serves(
    shop: Engine, record: Record
) -> None:
    forgotten_at = {
        "Build the matrix": "user-1",
        "Write the lists": "user-2",
        "Write the item vectors": "user-3",
        "Write the live vectors": "user-4",
        "Promote": "user-5",
    }
    numbers = {user: number_of(shop, user) for user in forgotten_at.values()}
    with shop.begin() as connection:
        record(connection, [("ann", 1, 50)])
    ann = number_of(shop, "ann")
    steps: set[str] = set()

    def watch(step: str, seconds: float | None) -> None:
        steps.add(step)
        if seconds is None and step in forgotten_at:
            with shop.begin() as connection:
                assert forget(connection, forgotten_at[step]).user_no is not None
        if seconds is None and step == "Build the index":
            query = "select event_id from interactions where user_no = :no"
            with shop.begin() as connection:
                assert delete(connection, value(shop, query, no=ann)).is_new

    run_id = run_now(watch)

    assert set(forgotten_at) < steps
    assert value(shop, "select run_id from live_run") == run_id
    with shop.connect() as connection:
        for user_no in numbers.values():
            assert rows_of_user(connection, user_no) == {"forgotten_users": 1}
        others = value(
            shop, "select count(*) from batch_recommendations where user_no <> :no", no=ann
        )
        assert others == 60 - len(numbers)
    query = "select embedding is null from user_embeddings where user_no = :no"
    assert value(shop, query, no=ann), "the only event was deleted"
    query = "select position from user_embeddings where user_no = :no"
    assert value(shop, query, no=ann) >= value(shop, "select position from event_deletions")


def test_the_next_run_does_not_know_what_was_deleted(shop: Engine, first_run: int) -> None:
    user_no = number_of(shop, "user-7")
    before = value(shop, "select (metrics ->> 'interactions')::integer from model_runs")
    query = "select event_id from interactions where user_no = :no"
    with shop.begin() as connection:
        for event_id in connection.execute(text(query), {"no": user_no}).scalars().all():
            delete(connection, event_id)
    run_id = run_now(lambda _step, _seconds: None)
    query = "select (metrics ->> 'interactions')::integer from model_runs where run_id = :run_id"
    assert value(shop, query, run_id=run_id) == before - 15
    query = "select count(*) from batch_recommendations where run_id = :run_id and user_no = :no"
    assert value(shop, query, run_id=run_id, no=user_no) == 0
