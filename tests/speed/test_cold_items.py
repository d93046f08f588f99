"""New items get their embeddings at once, and others when there is something new of them."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from domain.identifiers import ItemNo, RunId
from domain.redis_keys import user_entry
from speed.cold_items import ColdItemEmbedder
from speed.settings import SpeedSettings
from speed.worker import Worker
from sql.cold_items import embed_items, make_cold_items
from tests.events import LIKE, event, record, user_no_of
from tests.passes import FEW, embed_all, embeddings, fold_all, until_idle
from tests.removals import delete
from tests.speed.running import running
from tests.waiting import wait_until
from tests.words_run import ROBOTS, WESTERN, add_items, live_score


@pytest.fixture
def running_worker(engine: Engine, database_url: str, redis_url: str) -> Iterator[redis.Redis]:
    """A worker that hardly looks by itself, but is woken; gives a Redis client."""
    settings = SpeedSettings(poll_seconds=30)
    with running(engine, redis_url, settings, threading.Event(), database_url) as client:
        yield client


def test_a_new_item_wakes_the_worker_and_has_an_embedding(
    engine: Engine, run_id: RunId, running_worker: redis.Redis
) -> None:
    for embed in range(5):
        with engine.begin() as connection:
            (new,) = add_items(connection, [f"{ROBOTS}, the {embed}th"], f"one-{embed}")

        def is_embedded(item_no: int = new) -> bool:
            with engine.connect() as connection:
                return item_no in embeddings(connection, run_id)

        wait_until(is_embedded)


def test_an_embedding_drops_nobodys_cached_answers_but_of_those_who_had_used_the_item(
    engine: Engine, run_id: RunId, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
        record(connection, [event("cowboy-0", new, minutes=90, kind_no=LIKE)])
        users = [user_no_of(connection, user) for user in ("cowboy-0", "cowboy-1")]
    fold_all(engine)
    for user_no in users:
        client.hset(user_entry(user_no), "list", "an answer")
    worker = Worker(engine, client, SpeedSettings(), threading.Event())
    while worker.embed_once() is not None:
        pass
    assert [client.exists(user_entry(user_no)) for user_no in users] == [0, 1]


def test_words_that_change_embed_the_item_again(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
    assert embed_all(engine) == [new]
    with engine.begin() as connection:
        assert live_score(connection, run_id, "cowboy-0", new) > live_score(
            connection, run_id, "robot-0", new
        )
        change = text("update items set title = :title where item_no = :no")
        connection.execute(change, {"title": ROBOTS, "no": new})
    assert embed_all(engine) == [new]
    with engine.connect() as connection:
        assert live_score(connection, run_id, "cowboy-0", new) < live_score(
            connection, run_id, "robot-0", new
        )


def test_events_and_their_deletion_embed_the_item_again(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
    embed_all(engine)
    with engine.begin() as connection:
        before = embeddings(connection, run_id)
        likes = [event(f"robot-{fan}", new, minutes=60, kind_no=LIKE) for fan in range(5)]
        record(connection, likes)
    assert embed_all(engine) == [new]
    with engine.begin() as connection:
        assert embeddings(connection, run_id) != before
        for like in likes:
            delete(connection, like.event_id)
    assert embed_all(engine) == [new]
    with engine.connect() as connection:
        assert embeddings(connection, run_id) == before


def test_events_of_known_items_embed_nothing(
    engine: Engine, run_id: RunId, item_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("cowboy-0", no, minutes=99) for no in item_nos])
    assert embed_all(engine) == []
    assert embed_all(engine) == []


def test_a_worker_looks_at_all_of_a_long_log_before_it_rests(
    engine: Engine,
    run_id: RunId,
    item_nos: list[int],
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sql.item_embedding._POSITIONS_AT_ONCE", 2)
    monkeypatch.setattr("speed.worker._EMBEDDING_REST_SECONDS", 3_600.0)
    with engine.begin() as connection:
        record(connection, [event("cowboy-0", no, minutes=99) for no in item_nos])

    def is_known() -> bool:
        query = "select position = event_horizon() from item_embedding_progress"
        with engine.connect() as connection:
            return connection.execute(text(query)).scalar() is True

    with running(engine, redis_url, SpeedSettings(), threading.Event()):
        wait_until(is_known)


def test_a_user_of_an_item_that_had_no_embedding_yet_is_folded_in_again(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
        record(connection, [event("newcomer", new, kind_no=LIKE)])
    fold_all(engine)
    query = text("select embedding from user_embeddings where user_no = :no")
    with engine.connect() as connection:
        newcomer = user_no_of(connection, "newcomer")
        assert connection.execute(query, {"no": newcomer}).scalar_one() is None
    embed_all(engine)
    with engine.connect() as connection:
        assert connection.execute(query, {"no": newcomer}).scalar_one() is not None


def test_a_bulk_load_is_embedded_in_bounded_passes_each_item_once(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [f"{WESTERN}, part {n}" for n in range(10)])
    with engine.begin() as connection:
        later = add_items(connection, [ROBOTS], "later")
    passes = [done.item_nos for done in until_idle(engine, ColdItemEmbedder(FEW).embed_new)]
    assert max(map(len, passes)) == 3
    assert sorted(no for placed in passes for no in placed) == [*new, *later]


def test_an_item_is_embedded_to_the_last_bit_as_it_is_among_others(
    engine: Engine, run_id: RunId
) -> None:
    titles = [f"{WESTERN} and {ROBOTS}, {n} more horses {'stars ' * n}" for n in range(9)]
    with engine.begin() as connection:
        new = [ItemNo(no) for no in add_items(connection, [*titles, "Zyzzyva"])]
        record(connection, [event("robot-0", new[3], minutes=90, kind_no=LIKE)])
        together = make_cold_items(connection, run_id, new)
        assert together is not None
        for index, item_no in enumerate(new):
            alone = make_cold_items(connection, run_id, [item_no])
            assert alone is not None
            assert np.array_equal(alone.vectors.vectors[0], together.vectors.vectors[index])


def test_a_worker_killed_in_the_middle_of_a_pass_loses_and_doubles_nothing(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [f"{WESTERN}, part {n}" for n in range(7)])
    with engine.begin() as connection:
        first = ColdItemEmbedder(FEW).embed_new(connection)
    with engine.connect() as connection:
        ColdItemEmbedder(FEW).embed_new(connection)
        connection.rollback()
    assert first is not None
    assert [*first.item_nos, *embed_all(engine)] == new


def test_a_pass_ends_before_it_is_too_many_users_to_fold_in_again(
    engine: Engine, run_id: RunId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sql.item_embedding._USERS_PER_PASS", 4)
    monkeypatch.setattr("sql.folding._USERS_AT_ONCE", 2)
    with engine.begin() as connection:
        new = add_items(connection, [f"{ROBOTS}, part {n}" for n in range(3)])
        for item_no, users in zip(new, (3, 3, 5), strict=True):
            likes = [event(f"fan-{item_no}-{n}", item_no, kind_no=LIKE) for n in range(users)]
            record(connection, likes)
    fold_all(engine)
    done = until_idle(engine, ColdItemEmbedder(FEW).embed_new)
    passes = [(len(placed.item_nos), len(placed.user_nos)) for placed in done if placed.item_nos]
    assert passes == [(1, 3), (1, 3), (1, 5)]
    query = text("select count(*) from user_embeddings where embedding is null")
    with engine.connect() as connection:
        assert connection.execute(query).scalar_one() == 0


def test_a_pass_that_postgresql_ends_asks_for_fewer_items_next_time(
    engine: Engine, run_id: RunId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speed.cold_items._FIRST_ITEMS", 4)
    monkeypatch.setattr("speed.cold_items._FEWEST_ITEMS", 1)
    monkeypatch.setattr("speed.cold_items._PASS_SECONDS", 3600.0)
    with engine.begin() as connection:
        new = add_items(connection, [f"{ROBOTS}, part {n}" for n in range(9)])
    embedder = ColdItemEmbedder(SpeedSettings())
    with engine.begin() as connection:
        embedder.embed_new(connection)
    with engine.connect() as other, engine.connect() as connection:
        other.execute(text("lock table item_embeddings in share mode"))
        connection.execute(text("set local lock_timeout = '20ms'"))
        with pytest.raises(OperationalError):
            embedder.embed_new(connection)
    passes = [list(done.item_nos) for done in until_idle(engine, embedder.embed_new)]
    assert passes[:2] == [new[4:8], new[8:]]


def test_passes_in_any_order_come_to_the_same_embeddings(
    engine: Engine, run_id: RunId, item_nos: list[int]
) -> None:
    random = np.random.default_rng(0)
    with engine.begin() as connection:
        new = add_items(connection, [WESTERN, ROBOTS, "Zyzzyva"])
    for step in range(30):
        with engine.begin() as connection:
            user, item_no = f"robot-{random.integers(6)}", new[random.integers(3)]
            record(connection, [event(user, item_no, minutes=100 + step, kind_no=LIKE)])
        if random.random() < 0.5:
            embed_all(engine)
    embed_all(engine)
    with engine.begin() as connection:
        found = embeddings(connection, run_id)
        connection.execute(
            text("delete from item_embeddings where embedded_at is not null"),
        )
        embed_items(connection, run_id, [ItemNo(no) for no in new])
        assert embeddings(connection, run_id) == found
