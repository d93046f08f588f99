"""A deleted event leaves the live vector, whatever the worker was doing at the time."""

import threading

import numpy as np
import pytest
import redis
from sqlalchemy import Engine

from domain.redis_keys import user_entry
from speed.worker import Worker
from sql.folding import fold_in
from sql.live_vectors import UserVector, load_live_space, store_user_vectors
from sql.log import event_horizon
from tests.events import LIKE, event, record, user_no_of
from tests.passes import SETTINGS, fold_all, stored_vector
from tests.removals import delete, forget
from tests.small_run import publish_small_run


def test_after_a_deletion_the_vector_is_that_of_who_never_did_it(
    engine: Engine, film_nos: list[int]
) -> None:
    both = [event("ann", film_nos[0]), event("bob", film_nos[0])]
    undone = event("ann", film_nos[20], minutes=9, kind_no=LIKE)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [*both, undone])
        ann, bob = user_no_of(connection, "ann"), user_no_of(connection, "bob")
    fold_all(engine)
    with engine.begin() as connection:
        assert stored_vector(connection, ann)[0] != stored_vector(connection, bob)[0]
        delete(connection, undone.event_id)
    fold_all(engine)
    with engine.connect() as connection:
        vector, events, position = stored_vector(connection, ann)
        assert vector == stored_vector(connection, bob)[0]
        assert events == 1
        assert position == event_horizon(connection)


def test_who_has_no_event_left_has_a_vector_that_says_nothing_and_knows_of_the_deletion(
    engine: Engine, film_nos: list[int]
) -> None:
    only = event("ann", film_nos[0])
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [only])
        ann = user_no_of(connection, "ann")
    fold_all(engine)
    with engine.begin() as connection:
        assert stored_vector(connection, ann)[0] is not None
        delete(connection, only.event_id)
    fold_all(engine)
    with engine.connect() as connection:
        assert stored_vector(connection, ann) == (None, 0, event_horizon(connection))


@pytest.mark.parametrize("late_first", [True, False])
def test_a_vector_computed_before_a_deletion_never_stays_when_it_is_written_after_it(
    engine: Engine, film_nos: list[int], *, late_first: bool
) -> None:
    only = event("ann", film_nos[0])
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        record(connection, [only])
        ann = user_no_of(connection, "ann")
    with engine.connect() as late:
        run = load_live_space(late, run_id)
        before = event_horizon(late)
        fold_in(late, run, [ann], horizon=before)
        computed = stored_vector(late, ann)[0]
        late.rollback()
    assert computed is not None

    def write_late() -> None:
        with engine.begin() as connection:
            vector = np.array(computed, dtype=np.float32)
            store_user_vectors(connection, run_id, [UserVector(ann, vector, 1)], before)

    with engine.begin() as connection:
        delete(connection, only.event_id)
    for act in (write_late, lambda: fold_all(engine))[:: 1 if late_first else -1]:
        act()
    fold_all(engine)
    with engine.connect() as connection:
        assert stored_vector(connection, ann)[0] is None


def test_the_cached_answers_of_a_forgotten_user_are_dropped_by_the_worker_too(
    engine: Engine, film_nos: list[int], redis_url: str
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0]), event("bob", film_nos[0])])
        ann, bob = user_no_of(connection, "ann"), user_no_of(connection, "bob")
    client = redis.Redis.from_url(redis_url)
    worker = Worker(engine, client, SETTINGS, threading.Event())
    assert worker.work_once() is not None
    for user_no in (ann, bob):
        client.hset(user_entry(user_no), "any", "answer")
    with engine.begin() as connection:
        forget(connection, "ann")
    assert worker.work_once() is not None
    assert not client.exists(user_entry(ann))
    assert client.exists(user_entry(bob))
    client.hset(user_entry(ann), "any", "answer")
    Worker(engine, client, SETTINGS, threading.Event()).work_once()
    assert not client.exists(user_entry(ann)), "its predecessor may have been killed before"
