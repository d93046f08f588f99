"""Redis knows what users have seen, whichever way it came into the log."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from prometheus_client import REGISTRY
from sqlalchemy import Engine, text
from sqlalchemy.event import listen, remove
from structlog.testing import capture_logs

from domain.identifiers import UserId
from domain.redis_keys import (
    DROP_ANSWERS,
    EXCLUSIONS_FILLED,
    VERSION_SECONDS,
    exclusions_key,
    keys_to_drop,
    packed_numbers,
    unpacked_numbers,
)
from speed.exclusions import KeptExclusions
from sql.log import event_horizon
from tests.events import DISLIKE, event, record, user_no_of
from tests.passes import SETTINGS
from tests.speed.running import running, start_process
from tests.waiting import wait_until

SECONDS = 604_800


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


def known(client: redis.Redis, user: str) -> tuple[int, ...] | None:
    """The number and items that Redis holds of a user."""
    packed = client.get(exclusions_key(UserId(user)))
    return None if packed is None else unpacked_numbers(packed)


def work(kept: KeptExclusions) -> None:
    while kept.work_once() is not None:
        pass


def filled_up_to(client: redis.Redis) -> int | None:
    """The position that Redis says exclusions are stored up to; None: somebody stores them."""
    position, _, recovery = (client.get(EXCLUSIONS_FILLED) or b"").partition(b":")
    return int(position) if position.isdigit() and recovery.isdigit() else None


def horizon_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return event_horizon(connection)


def stored_users() -> float:
    return REGISTRY.get_sample_value("speed_exclusion_users_total") or 0.0


def test_after_a_bulk_load_redis_holds_all_that_its_users_have_seen_though_there_is_no_run(
    engine: Engine, client: redis.Redis, film_nos: list[int]
) -> None:
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    work(kept)
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[1]), event("ann", film_nos[0])])
        record(connection, [event("ann", film_nos[2], kind_no=DISLIKE)])
        ann = user_no_of(connection, "ann")
    work(kept)
    assert known(client, "ann") == (ann, film_nos[0], film_nos[1], -film_nos[2])
    assert 0 < client.ttl(exclusions_key(UserId("ann"))) <= SECONDS


def test_users_are_read_once_however_many_pieces_of_the_log_they_are_in(
    engine: Engine, client: redis.Redis, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speed.exclusions._ROWS_AT_ONCE", 2)
    users = ["ann", "ben", "cleo"]
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    work(kept)
    before = stored_users()
    with engine.begin() as connection:
        for film_no in film_nos[:4]:
            record(connection, [event(user, film_no) for user in users])
    work(kept)
    assert stored_users() - before == len(users)
    client.flushall()
    work(KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0))
    assert stored_users() - before == 2 * len(users)


def test_redis_counts_as_filled_only_once_all_users_are_stored(
    engine: Engine, client: redis.Redis, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speed.exclusions._FEWEST_USERS", 1)
    with engine.begin() as connection:
        record(connection, [event(user, film_nos[0]) for user in ("ann", "ben", "cleo")])
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    while known(client, "ann") is None and known(client, "ben") is None:
        kept.work_once()
    assert client.exists(EXCLUSIONS_FILLED)
    assert filled_up_to(client) is None
    work(kept)
    assert filled_up_to(client) == horizon_of(engine)


def test_a_marker_is_renewed_while_users_are_stored_if_it_is_still_of_this_worker(
    engine: Engine, client: redis.Redis, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speed.exclusions._FEWEST_USERS", 1)
    monkeypatch.setattr("speed.exclusions._MOST_USERS", 1)
    with engine.begin() as connection:
        record(connection, [event(user, film_nos[0]) for user in ("ann", "ben", "cleo")])
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    while kept.work_once() == 0:
        pass
    client.expire(EXCLUSIONS_FILLED, 30)
    assert kept.work_once() == 1
    assert client.ttl(EXCLUSIONS_FILLED) > 30
    client.set(EXCLUSIONS_FILLED, b"filled by another", ex=30)
    assert kept.work_once() == 1
    assert client.ttl(EXCLUSIONS_FILLED) <= 30


@pytest.mark.parametrize("is_lost", [False, True])
def test_users_are_stored_before_all_of_a_long_log_was_read_though_they_are_few(
    engine: Engine,
    client: redis.Redis,
    film_nos: list[int],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_lost: bool,
) -> None:
    monkeypatch.setattr("speed.exclusions._ROWS_AT_ONCE", 1)
    monkeypatch.setattr("speed.exclusions._MOST_PIECES", 2)
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    work(kept)
    if is_lost:
        client.flushall()
    with engine.begin() as connection:
        for film_no in film_nos[:6]:
            record(connection, [event("ann", film_no)])
        ann = user_no_of(connection, "ann")
    before = stored_users()
    work(kept)
    assert stored_users() - before == 3
    assert known(client, "ann") == (ann, *film_nos[:6])


def test_a_worker_that_could_not_read_what_is_new_rests_while_another_fills_redis(
    engine: Engine, client: redis.Redis, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speed.exclusions._ROWS_AT_ONCE", 1)
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    work(kept)
    with engine.begin() as connection:
        record(connection, [event("ann", film_no) for film_no in film_nos[:3]])
        connection.execute(text("alter view user_changes rename to changes_away"))
    try:
        assert kept.work_once() is None
    finally:
        with engine.begin() as connection:
            connection.execute(text("alter view changes_away rename to user_changes"))
    client.set(EXCLUSIONS_FILLED, b"filled by another")
    assert kept.work_once() is None


def test_a_worker_that_runs_tells_redis_of_a_bulk_load(
    engine: Engine, redis_url: str, client: redis.Redis, film_nos: list[int]
) -> None:
    with running(engine, redis_url, SETTINGS, threading.Event()):
        with engine.begin() as connection:
            record(connection, [event("ann", film_nos[0])])
            ann = user_no_of(connection, "ann")
        wait_until(lambda: known(client, "ann") == (ann, film_nos[0]))


def test_the_process_of_a_worker_stores_exclusions_and_follows_the_log(
    engine: Engine,
    database_url: str,
    redis_url: str,
    client: redis.Redis,
    film_nos: list[int],
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
        ann = user_no_of(connection, "ann")
    worker = start_process(database_url, redis_url)
    try:
        wait_until(lambda: known(client, "ann") == (ann, film_nos[0]))
        with engine.begin() as connection:
            record(connection, [event("ann", film_nos[1])])
        wait_until(lambda: known(client, "ann") == (ann, film_nos[0], film_nos[1]))
        wait_until(lambda: filled_up_to(client) == horizon_of(engine))
    finally:
        worker.terminate()
        assert worker.wait(timeout=10) == 0


def test_what_is_recorded_while_the_log_is_read_is_not_taken_back(
    engine: Engine, client: redis.Redis, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
        ann = user_no_of(connection, "ann")
    kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
    work(kept)
    added = packed_numbers([0, film_nos[5]])

    def drop_and_add(*_: object) -> None:
        """As the API does after a commit."""
        keys = keys_to_drop([ann])
        client.eval(DROP_ANSWERS, len(keys), *keys, VERSION_SECONDS)
        client.set(exclusions_key(UserId("ann")), added)

    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[1])])
    with listening(engine, "after_cursor_execute", drop_and_add):
        kept.work_once()
    assert known(client, "ann") == (0, film_nos[5])


@contextmanager
def listening(engine: Engine, name: str, call: Callable[..., None]) -> Iterator[None]:
    listen(engine, name, call)
    try:
        yield
    finally:
        remove(engine, name, call)


def test_a_redis_that_lost_everything_is_notified_of_who_came_lately_and_of_nobody_else(
    engine: Engine, client: redis.Redis, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event(user, film_nos[n]) for n, user in enumerate(["ann", "old"])])
        connection.execute(
            text(
                "update interactions set received_at = now() - interval '8 days'"
                " where user_no = (select user_no from users where user_id = 'old')"
            )
        )
        ann = user_no_of(connection, "ann")
    for _ in range(2):
        kept = KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0)
        work(kept)
        assert known(client, "ann") == (ann, film_nos[0])
        assert known(client, "old") is None
        assert filled_up_to(client) == horizon_of(engine)
        client.flushall()


def test_while_redis_is_away_users_wait_until_it_is_back(
    engine: Engine,
    client: redis.Redis,
    film_nos: list[int],
    redis_url: str,
    socket_folder: Path,
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
        ann = user_no_of(connection, "ann")
    socket = socket_folder / "redis.sock"
    with redis.Redis(unix_socket_path=str(socket)) as away:
        kept = KeptExclusions(engine, away, seconds=SECONDS, poll_seconds=0.0)
        assert kept.work_once() is None
        socket.symlink_to(redis_url.removeprefix("unix://"))
        work(kept)
    assert known(client, "ann") == (ann, film_nos[0])


def test_a_worker_does_not_end_what_another_began_when_redis_lost_everything(
    engine: Engine,
    client: redis.Redis,
    film_nos: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("speed.exclusions._ROWS_AT_ONCE", 1)
    first, other = (
        KeptExclusions(engine, client, seconds=SECONDS, poll_seconds=0.0) for _ in range(2)
    )
    work(first)
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
        record(connection, [event("ben", film_nos[1])])
        ann = user_no_of(connection, "ann")
    while known(client, "ann") is None:
        first.work_once()
    client.flushall()
    other.work_once()
    work(first)
    work(other)
    assert known(client, "ann") == (ann, film_nos[0])


def test_each_outage_is_reported_once_though_nobody_was_to_be_stored_between_two(
    engine: Engine, client: redis.Redis, redis_url: str, socket_folder: Path
) -> None:
    socket = socket_folder / "redis.sock"
    with redis.Redis(unix_socket_path=str(socket)) as away, capture_logs() as logs:
        kept = KeptExclusions(engine, away, seconds=SECONDS, poll_seconds=0.0)
        for _ in range(2):
            work(kept)
            work(kept)
            socket.symlink_to(redis_url.removeprefix("unix://"))
            work(kept)
            socket.unlink()
            away.connection_pool.disconnect()
    assert [line["event"] for line in logs].count("exclusions_not_stored") == 2
