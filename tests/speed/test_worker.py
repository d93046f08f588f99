"""The worker's loop: woken, without Redis, killed, and what it does besides."""

import signal
import threading
from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import Engine, text

from domain.redis_keys import WAKE_CHANNEL, user_entry, user_version
from speed.settings import SpeedSettings
from speed.worker import Worker
from tests.events import event, record, user_no_of
from tests.passes import SETTINGS, stored_vector
from tests.small_run import publish_small_run
from tests.speed.expected_vectors import expected_vector
from tests.speed.running import running, start_process
from tests.waiting import statements_waiting, wait_until


@pytest.fixture
def running_worker(engine: Engine, redis_url: str) -> Iterator[redis.Redis]:
    """A worker in a thread; gives a Redis client."""
    with running(engine, redis_url, SpeedSettings(poll_seconds=5), threading.Event()) as client:
        yield client


def test_a_woken_worker_drops_the_cached_answers_of_whom_it_touched(
    engine: Engine, film_nos: list[int], running_worker: redis.Redis
) -> None:
    client = running_worker
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0]), event("bob", film_nos[0])])
        ann, bob = (user_no_of(connection, user) for user in ("ann", "bob"))
    wait_until(lambda: client.publish(WAKE_CHANNEL, "events") == 1)
    wait_until(lambda: client.get(user_version(bob)) is not None)
    for user_no in (ann, bob):
        client.hset(user_entry(user_no), "any", "answer")
    first = int(client.get(user_version(ann)) or 0)
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[1])])
    client.publish(WAKE_CHANNEL, "events")
    wait_until(lambda: not client.exists(user_entry(ann)))
    assert client.exists(user_entry(bob))
    assert int(client.get(user_version(ann)) or 0) > first > 0


def test_answers_that_could_not_be_dropped_are_dropped_when_redis_is_back(
    engine: Engine, film_nos: list[int], redis_url: str
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
        ann = user_no_of(connection, "ann")
    client = redis.Redis.from_url(redis_url)
    client.hset(user_entry(ann), "any", "answer")
    moody = redis.Redis.from_url("unix:///nowhere/redis.sock")
    worker = Worker(engine, moody, SETTINGS, threading.Event())
    assert worker.work_once() is not None
    assert client.exists(user_entry(ann))
    moody.connection_pool = client.connection_pool
    assert worker.work_once() is None
    worker._answers.drop(())
    assert not client.exists(user_entry(ann))


def test_killed_between_reading_and_writing_the_worker_loses_nothing_and_counts_nothing_twice(
    engine: Engine, film_nos: list[int], database_url: str, redis_url: str
) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[n], minutes=n) for n in range(5)])
        ann = user_no_of(connection, "ann")
    with engine.connect() as blocker:
        # The worker reads, computes, and then waits here: it cannot write.
        blocker.execute(text(f"lock table user_embeddings_{run_id} in exclusive mode"))
        worker = start_process(database_url, redis_url)
        wait_until(lambda: statements_waiting(engine, "insert into user_embeddings"))
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=30)
        blocker.rollback()
    client = redis.Redis.from_url(redis_url)
    client.hset(user_entry(ann), "any", "answer")
    successor = start_process(database_url, redis_url)
    try:
        wait_until(lambda: not client.exists(user_entry(ann)))
    finally:
        successor.terminate()
        assert successor.wait(timeout=10) == 0
    with engine.connect() as connection:
        vector, events, _ = stored_vector(connection, ann)
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        assert events == 5


def test_a_worker_with_nothing_else_to_do_keeps_retained_runs_ready(
    engine: Engine, film_nos: list[int], redis_url: str
) -> None:
    with engine.begin() as connection:
        older = publish_small_run(connection, film_nos)
        retired = publish_small_run(connection, film_nos)
        newer = publish_small_run(connection, film_nos)
        connection.execute(
            text("update model_runs set state = 'retired' where run_id = :r"), {"r": retired}
        )
        record(connection, [event("ann", film_nos[n], minutes=n) for n in range(3)])
        ann = user_no_of(connection, "ann")
    client = redis.Redis.from_url(redis_url)
    worker = Worker(engine, client, SpeedSettings(retained_seconds=3600), threading.Event())
    served = worker.work_once()
    assert served is not None
    assert served.run_id == newer
    client.hset(user_entry(ann), "any", "answer")
    retained = worker.keep_retained_ready()
    assert retained is not None
    assert (retained.run_id, retained.user_nos) == (older, (ann,))
    # Nobody is shown what a retained run says, so no answer is dropped.
    assert client.exists(user_entry(ann))
    assert worker.keep_retained_ready() is None
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[9], minutes=9)])
    assert worker.keep_retained_ready() is None, "not before it is time again"
    with engine.connect() as connection:
        known = text("select run_id, events_since_cut_off from user_embeddings order by run_id")
        assert connection.execute(known).all() == [(older, 3), (newer, 3)]


def test_a_retained_run_of_another_version_does_not_stop_the_worker(
    engine: Engine, film_nos: list[int], redis_url: str
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        connection.execute(
            text(
                "update model_runs set parameters ="
                " jsonb_set(parameters, '{live_vector,of_another_version}', '1')"
            )
        )
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    worker = Worker(engine, redis.Redis.from_url(redis_url), SETTINGS, threading.Event())
    assert worker.work_once() is not None
    assert worker.keep_retained_ready() is None
