"""The speed layer folds every event in, once, whatever happens around it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import redis
from sqlalchemy import Connection, Engine, text

from domain.identifiers import UserNo
from domain.live_vector import History, live_vector, sequence_weights
from domain.redis_keys import WAKE_CHANNEL, user_entry, user_version
from speed.folding import (
    FIRST_EVENTS,
    MOST_RETAINED_EVENTS,
    Folder,
    events_of_next_pass,
)
from speed.settings import SpeedSettings
from speed.worker import Worker
from sql.event_kinds import KindChange, set_kind
from sql.live_vectors import load_item_vectors, load_live_space
from sql.log import load_histories, load_kinds
from tests.events import CLICK, DISLIKE, LIKE, event, record, user_no_of
from tests.passes import SETTINGS, fold_all, stored_vector
from tests.removals import delete
from tests.small_run import PARAMETERS, publish_small_run
from tests.small_transitions import transitions_of
from tests.speed.running import running
from tests.waiting import statements_waiting, wait_until


def expected_vector(connection: Connection, user_no: UserNo) -> np.ndarray:
    """The live vector computed from the whole log as it stands."""
    run_id = connection.execute(text("select run_id from live_run")).scalar_one()
    run = load_live_space(connection, run_id)
    histories = load_histories(
        connection, load_kinds(connection), [user_no], horizon=2**40, events=100
    )
    history = histories[user_no]
    items = load_item_vectors(connection, run_id, history.item_nos.tolist())
    vector = live_vector(run.space, items, history)
    assert vector is not None
    return vector


def test_events_become_the_vector_of_the_whole_history(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[n], minutes=n) for n in range(3)])
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[20], minutes=9, kind_no=LIKE)])
        ann = user_no_of(connection, "ann")
    assert fold_all(engine) == [ann]
    with engine.connect() as connection:
        vector, events, position = stored_vector(connection, ann)
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        assert (events, position) == (1, 6)


def test_what_comes_next_is_computed_anew_with_every_event(
    engine: Engine, film_nos: list[int]
) -> None:
    def following(connection: Connection) -> tuple[list[int] | None, list[float] | None]:
        query = text("select next_item_nos, next_scores from user_embeddings")
        return tuple(connection.execute(query).one())  # type: ignore[return-value]

    f = film_nos
    with engine.begin() as connection:
        rows = {f[0]: [(f[7], 1.0), (f[8], 0.5)], f[1]: [(f[8], 2.0)]}
        publish_small_run(connection, f, transitions=transitions_of(rows))
        first, second = event("ann", f[0], minutes=1), event("ann", f[1], minutes=2)
        record(connection, [first])
    fold_all(engine)
    with engine.begin() as connection:
        assert following(connection) == ([f[7], f[8]], [1.0, 0.5])
        record(connection, [second])
    fold_all(engine)
    with engine.begin() as connection:
        _, weights = sequence_weights(PARAMETERS, History(np.array(f[:2]), np.ones(2)))
        next_item_nos, scores = following(connection)
        assert next_item_nos == [f[8], f[7]]
        assert scores == pytest.approx([2.0 * weights[0] + 0.5 * weights[1], weights[1]])
        delete(connection, first.event_id)
    fold_all(engine)
    with engine.begin() as connection:
        assert following(connection) == ([f[8]], [2.0])
        delete(connection, second.event_id)
    fold_all(engine)
    with engine.connect() as connection:
        assert following(connection) == (None, None)


def test_a_kind_created_since_counts_and_a_new_weight_from_the_next_event_on(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        share, _ = set_kind(connection, "share", KindChange(weight=3), actor="a test")
        likes = [event("ann", film_nos[n], minutes=n) for n in range(3)]
        record(connection, [*likes, event("ann", film_nos[20], kind_no=share.kind_no)])
        ann = user_no_of(connection, "ann")
    fold_all(engine)
    with engine.begin() as connection:
        before, _, _ = stored_vector(connection, ann)
        assert before == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        set_kind(connection, "share", KindChange(weight=0.5), actor="a test")
        expected = expected_vector(connection, ann)
    fold_all(engine)
    with engine.begin() as connection:
        vector, _, _ = stored_vector(connection, ann)
        assert vector == pytest.approx(before), "nothing happened to ann"
        assert vector != pytest.approx(expected, abs=1e-3)
        record(connection, [event("ann", film_nos[9], minutes=9)])
    fold_all(engine)
    with engine.connect() as connection:
        vector, _, _ = stored_vector(connection, ann)
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)


def test_five_events_sent_together_all_count(engine: Engine, film_nos: list[int]) -> None:
    kinds = (LIKE, CLICK, DISLIKE, LIKE, LIKE)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        sent = [event("ann", film_nos[5 * n], minutes=n, kind_no=k) for n, k in enumerate(kinds)]
        record(connection, sent)
        ann = user_no_of(connection, "ann")
    fold_all(engine)
    with engine.connect() as connection:
        vector, events, _ = stored_vector(connection, ann)
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        assert events == 5


def test_a_user_of_items_the_run_does_not_know_has_no_vector_and_stops_nobody(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos[:10])
        record(connection, [event("ann", film_nos[20])])
        ann = user_no_of(connection, "ann")
    assert fold_all(engine) == [ann]
    with engine.connect() as connection:
        query = text("select embedding, events_since_cut_off from user_embeddings")
        assert connection.execute(query).one() == (None, 1)


def test_before_the_first_run_there_is_nothing_to_do(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
    assert fold_all(engine) == []


def test_the_worker_misses_neither_of_two_interleaved_transactions(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
    with engine.connect() as early, engine.connect() as late:
        record(early, [event("ann", film_nos[0])])
        record(late, [event("bob", film_nos[1])])
        late.commit()
        fold_all(engine)
        early.commit()
    fold_all(engine)
    with engine.connect() as connection:
        for user in ("ann", "bob"):
            user_no = user_no_of(connection, user)
            vector, events, _ = stored_vector(connection, user_no)
            assert vector == pytest.approx(expected_vector(connection, user_no), abs=1e-6)
            assert events == 1


def test_a_pass_that_is_rolled_back_is_done_again(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
        ann = user_no_of(connection, "ann")
    with engine.connect() as connection:
        Folder(SETTINGS).fold_new(connection)
        connection.rollback()
    assert fold_all(engine) == [ann]


def test_a_long_backlog_is_worked_off_in_passes(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        for n in range(30):
            record(connection, [event(f"user-{n % 7}", film_nos[n], minutes=n)])
    users = fold_all(engine, SpeedSettings(events_per_pass=4))
    assert len(users) == len(set(users)) == 7
    with engine.connect() as connection:
        for user_no in users:
            vector, _, _ = stored_vector(connection, user_no)
            assert vector == pytest.approx(expected_vector(connection, user_no), abs=1e-6)


def test_two_workers_share_the_users(engine: Engine, film_nos: list[int]) -> None:
    half = SpeedSettings(shards_per_pass=4)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event(f"user-{n}", film_nos[n]) for n in range(16)])
    with engine.connect() as left, engine.connect() as other, engine.connect() as third:
        first = Folder(half).fold_new(left)
        second = Folder(half).fold_new(other)
        assert Folder(half).fold_new(third) is None
        left.commit()
        other.commit()
    assert first is not None
    assert second is not None
    assert len(first.user_nos) == len(second.user_nos) == 8
    assert not set(first.user_nos) & set(second.user_nos)


def test_after_a_promotion_the_worker_folds_onto_the_new_run(
    engine: Engine, film_nos: list[int]
) -> None:
    folder = Folder(SETTINGS)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    with engine.begin() as connection:
        folder.fold_new(connection)
        publish_small_run(connection, film_nos[:10])
        record(connection, [event("ann", film_nos[3], minutes=5)])
    with engine.begin() as connection:
        done = folder.fold_new(connection)
        ann = user_no_of(connection, "ann")
        vector, events, _ = stored_vector(connection, ann)
        assert done is not None
        assert vector == pytest.approx(expected_vector(connection, ann), abs=1e-6)
        assert events == 1


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


def start_process(database_url: str, redis_url: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    return subprocess.Popen([sys.executable, "-m", "speed"], env=environment)


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
        worker.wait()
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


def test_a_pass_for_a_retained_run_is_short_so_that_no_event_waits_long_for_it(
    engine: Engine, film_nos: list[int]
) -> None:
    users = [f"user-{n}" for n in range(2 * FIRST_EVENTS)]
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        publish_small_run(connection, film_nos)
        record(connection, [event(user, film_nos[0]) for user in users])
    with engine.begin() as connection:
        done = Folder(SETTINGS).fold_retained(connection)
    assert done is not None
    assert 0 < len(done.user_nos) <= FIRST_EVENTS


def test_passes_grow_while_they_are_quick_and_shrink_when_they_are_not() -> None:
    most = MOST_RETAINED_EVENTS
    assert events_of_next_pass(100, 0.01, most) == 200
    assert events_of_next_pass(most, 0.01, most) == most
    assert events_of_next_pass(800, 4.5, most) == 400
    assert events_of_next_pass(FIRST_EVENTS, 4.5, most) == FIRST_EVENTS
    assert events_of_next_pass(300, 0.15, most) == 300


def test_a_live_event_does_not_wait_for_the_events_of_a_load_before_it(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        loaded = [f"loaded-{n}" for n in range(3 * FIRST_EVENTS)]
        record(connection, [event(user, film_nos[0]) for user in loaded])
        connection.execute(text("update interactions set load_no = 1"))
        record(connection, [event("ann", film_nos[1])])
        ann = user_no_of(connection, "ann")
    folder = Folder(SETTINGS)
    passes = []
    for _ in range(5):
        with engine.begin() as connection:
            passes.append(folder.fold_new(connection))
    first = passes[0]
    assert first is not None
    assert ann in first.user_nos
    assert len(first.user_nos) == FIRST_EVENTS + 1
    assert first.is_amid_load
    done = [each for each in passes if each is not None]
    assert not done[-1].is_amid_load
    folded = [no for each in done for no in each.user_nos]
    assert len(folded) == len(set(folded)) == len(loaded) + 1


def test_without_a_load_events_are_folded_in_in_their_order(
    engine: Engine, film_nos: list[int]
) -> None:
    users = [f"user-{n}" for n in range(2 * FIRST_EVENTS)]
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event(user, film_nos[0]) for user in users])
        last = text("select user_no from interactions order by position desc limit 1")
        newest = connection.execute(last).scalar_one()
    with engine.begin() as connection:
        done = Folder(SETTINGS).fold_new(connection)
    assert done is not None
    assert newest not in done.user_nos
    assert not done.is_amid_load


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
