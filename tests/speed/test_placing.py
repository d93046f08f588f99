"""New items get their places at once, whatever happens around it."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import redis
from sqlalchemy import Connection, Engine, text

from batch.publishing import begin_progress
from batch.rollback import roll_back
from batch.runs import retire
from batch.switching import bring_up_to_date
from domain.identifiers import Position, RunId
from domain.redis_keys import WAKE_CHANNEL, user_entry
from speed.folding import Folder
from speed.news import wake_at_news
from speed.placing import Placer
from speed.settings import SpeedSettings
from speed.worker import Worker
from sql.live_vectors import load_live_space
from sql.log import event_horizon
from sql.placing import begin_placing, place_next, remove_known_news
from tests.events import LIKE, event, record, user_no_of
from tests.removals import delete
from tests.waiting import wait_until
from tests.words_run import (
    ROBOTS,
    WESTERN,
    add_items,
    live_score,
    open_cinema,
    publish,
    two_camps,
    write_night,
)

FEW = SpeedSettings(items_per_pass=3)


@pytest.fixture
def item_nos(engine: Engine) -> list[int]:
    return open_cinema(engine)


@pytest.fixture
def run_id(engine: Engine, database_url: str, item_nos: list[int]) -> RunId:
    """A run that knows words and is served."""
    return publish(engine, write_night(engine, database_url, two_camps(item_nos)))


def place_all(engine: Engine, settings: SpeedSettings = FEW) -> list[int]:
    """Place until nothing is new; the items in the order of their passes."""
    placer, item_nos = Placer(settings), list[int]()
    while True:
        with engine.begin() as connection:
            done = placer.place_new(connection)
        if done is None:
            return item_nos
        item_nos.extend(done.item_nos)


def fold_all(engine: Engine) -> None:
    folder = Folder(SpeedSettings())
    while True:
        with engine.begin() as connection:
            if folder.fold_new(connection) is None:
                return


def places(connection: Connection, run_id: RunId) -> dict[int, Any]:
    """Where the items are that were placed between nights."""
    query = (
        "select item_no, embedding from item_embeddings"
        " where run_id = :run_id and placed_at is not null"
    )
    rows = connection.execute(text(query), {"run_id": run_id}).all()
    return {row.item_no: row.embedding for row in rows}


def missing(connection: Connection, run_id: RunId) -> int:
    query = (
        "select count(*) from items where item_no not in"
        " (select item_no from item_embeddings where run_id = :run_id)"
    )
    return int(connection.execute(text(query), {"run_id": run_id}).scalar_one())


@pytest.fixture
def running_worker(engine: Engine, database_url: str, redis_url: str) -> Iterator[redis.Redis]:
    """A worker that hardly looks by itself, but is woken; gives a Redis client."""
    stopping = threading.Event()
    client = redis.Redis.from_url(redis_url, socket_timeout=1)
    wake_at_news(database_url, redis.Redis.from_url(redis_url), stopping)
    worker = Worker(engine, client, SpeedSettings(poll_seconds=30), stopping)
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield client
    stopping.set()
    client.publish(WAKE_CHANNEL, "stop")
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_a_new_item_wakes_the_worker_and_has_a_place(
    engine: Engine, run_id: RunId, running_worker: redis.Redis
) -> None:
    for place in range(5):
        with engine.begin() as connection:
            (new,) = add_items(connection, [f"{ROBOTS}, the {place}th"], f"one-{place}")

        def is_placed(item_no: int = new) -> bool:
            with engine.connect() as connection:
                return item_no in places(connection, run_id)

        wait_until(is_placed)


def test_a_place_drops_nobodys_cached_answers_but_of_those_who_had_used_the_item(
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
    while worker.place_once() is not None:
        pass
    assert [client.exists(user_entry(user_no)) for user_no in users] == [0, 1]


def test_words_that_change_place_the_item_again(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
    assert place_all(engine) == [new]
    with engine.begin() as connection:
        assert live_score(connection, run_id, "cowboy-0", new) > live_score(
            connection, run_id, "robot-0", new
        )
        change = text("update items set title = :title where item_no = :no")
        connection.execute(change, {"title": ROBOTS, "no": new})
    assert place_all(engine) == [new]
    with engine.connect() as connection:
        assert live_score(connection, run_id, "cowboy-0", new) < live_score(
            connection, run_id, "robot-0", new
        )


def test_events_and_their_deletion_place_the_item_again(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [WESTERN])
    place_all(engine)
    with engine.begin() as connection:
        before = places(connection, run_id)
        likes = [event(f"robot-{fan}", new, minutes=60, kind_no=LIKE) for fan in range(5)]
        record(connection, likes)
    assert place_all(engine) == [new]
    with engine.begin() as connection:
        assert places(connection, run_id) != before
        for like in likes:
            delete(connection, like.event_id)
    assert place_all(engine) == [new]
    with engine.connect() as connection:
        assert places(connection, run_id) == before


def test_events_of_known_items_place_nothing(
    engine: Engine, run_id: RunId, item_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("cowboy-0", no, minutes=99) for no in item_nos])
    assert place_all(engine) == []
    assert place_all(engine) == []


def test_a_user_of_an_item_that_had_no_place_yet_is_folded_in_again(
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
    place_all(engine)
    with engine.connect() as connection:
        assert connection.execute(query, {"no": newcomer}).scalar_one() is not None


def test_a_bulk_load_is_placed_in_bounded_passes_each_item_once(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [f"{WESTERN}, part {n}" for n in range(10)])
    with engine.begin() as connection:
        later = add_items(connection, [ROBOTS], "later")
    placer, passes = Placer(FEW), []
    while True:
        with engine.begin() as connection:
            done = placer.place_new(connection)
        if done is None:
            break
        passes.append(list(done.item_nos))
    assert max(map(len, passes)) == 3
    assert sorted(no for one in passes for no in one) == [*new, *later]


def test_a_worker_killed_in_the_middle_of_a_pass_loses_and_doubles_nothing(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [f"{WESTERN}, part {n}" for n in range(7)])
    with engine.begin() as connection:
        first = Placer(FEW).place_new(connection)
    with engine.connect() as connection:
        Placer(FEW).place_new(connection)
        connection.rollback()
    assert first is not None
    assert [*first.item_nos, *place_all(engine)] == new


def test_of_two_workers_one_places_and_the_other_goes_on(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [f"{WESTERN}, part {n}" for n in range(5)])
    with engine.connect() as one, engine.connect() as other:
        first = Placer(FEW).place_new(one)
        assert Placer(FEW).place_new(other) is None
        other.rollback()
        one.commit()
        second = Placer(FEW).place_new(other)
        other.commit()
    assert first is not None
    assert second is not None
    assert [*first.item_nos, *second.item_nos] == new


def test_a_user_who_is_folded_in_while_the_item_is_placed_knows_it(
    engine: Engine, run_id: RunId
) -> None:
    query = text("select embedding from user_embeddings where user_no = :no")
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
        record(connection, [event("newcomer", new, kind_no=LIKE)])
        newcomer = user_no_of(connection, "newcomer")
    with engine.connect() as folder:
        assert Folder(SpeedSettings(shards_per_pass=8)).fold_new(folder) is not None
        thread = threading.Thread(target=place_all, args=(engine,))
        thread.start()
        wait_until(lambda: _somebody_waits(engine))
        folder.commit()
    thread.join(timeout=30)
    with engine.connect() as connection:
        assert new in places(connection, run_id)
        assert connection.execute(query, {"no": newcomer}).scalar_one() is not None


def test_vectors_that_know_more_than_the_placers_horizon_know_the_item(
    engine: Engine, run_id: RunId, item_nos: list[int]
) -> None:
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
        record(connection, [event("newcomer", new, kind_no=LIKE)])
        run = load_live_space(connection, run_id)
    with engine.begin() as connection:
        before = event_horizon(connection)
        record(connection, [event("newcomer", item_nos[0], minutes=9, kind_no=LIKE)])
    fold_all(engine)
    with engine.begin() as connection:
        begin_placing(connection, run_id)
    with engine.begin() as connection:
        alone = live_vector_of(connection, "newcomer")
        placed = place_next(connection, run, horizon=before, items=3)
        assert placed is not None
        assert placed.user_nos == (user_no_of(connection, "newcomer"),)
        assert live_vector_of(connection, "newcomer") != alone


def live_vector_of(connection: Connection, user_id: str) -> Any:
    query = "select embedding from user_embeddings join users using (user_no) where user_id = :id"
    return connection.execute(text(query), {"id": user_id}).scalar_one()


def test_a_pass_ends_before_it_is_too_many_users_to_fold_in_again(
    engine: Engine, run_id: RunId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sql.placing._USERS_PER_PASS", 4)
    monkeypatch.setattr("sql.placing._USERS_AT_ONCE", 2)
    with engine.begin() as connection:
        new = add_items(connection, [f"{ROBOTS}, part {n}" for n in range(3)])
        for item_no, users in zip(new, (3, 3, 5), strict=True):
            likes = [event(f"fan-{item_no}-{n}", item_no, kind_no=LIKE) for n in range(users)]
            record(connection, likes)
    fold_all(engine)
    placer, passes = Placer(FEW), list[tuple[int, int]]()
    while True:
        with engine.begin() as connection:
            done = placer.place_new(connection)
        if done is None:
            break
        passes.append((len(done.item_nos), len(done.user_nos)))
    assert [one for one in passes if one[0]] == [(1, 3), (1, 3), (1, 5)]
    query = text("select count(*) from user_embeddings where embedding is null")
    with engine.connect() as connection:
        assert connection.execute(query).scalar_one() == 0


def test_while_one_worker_waits_to_place_the_others_do_not_queue(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [WESTERN])
    with engine.connect() as folder:
        folder.execute(
            text("select from speed_progress where run_id = :no for update"), {"no": run_id}
        )
        thread = threading.Thread(target=place_all, args=(engine,))
        thread.start()
        wait_until(lambda: _somebody_waits(engine))
        with engine.begin() as connection:
            assert Placer(FEW).place_new(connection) is None
        folder.commit()
    thread.join(timeout=30)
    with engine.connect() as connection:
        assert set(new) <= places(connection, run_id).keys()


def test_items_that_come_while_users_are_folded_in_are_placed_before_the_switch(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    night = write_night(engine, database_url, two_camps(item_nos, seed=4))
    with engine.begin() as connection:
        record(connection, [event("robot-0", item_nos[-1], minutes=70, kind_no=LIKE)])
        begin_progress(connection, night.run.run_id, Position(night.known))
        run = load_live_space(connection, night.run.run_id)
    came = list[int]()

    def load(_done: int, _all: int) -> None:
        if not came:
            with engine.begin() as connection:
                came.extend(add_items(connection, [f"{ROBOTS}, part {n}" for n in range(150)]))
                likes = [event(f"fan-{n}", came[n], kind_no=LIKE) for n in range(101)]
                record(connection, likes)

    with engine.begin() as connection:
        likes = [event(f"early-{n}", item_nos[0], kind_no=LIKE) for n in range(101)]
        record(connection, likes)
    bring_up_to_date(engine.begin, run, load)
    with engine.connect() as connection:
        assert set(came) <= places(connection, run.run_id).keys()


def test_where_no_run_asks_for_news_none_are_kept(engine: Engine, item_nos: list[int]) -> None:
    with engine.begin() as connection:
        remove_known_news(connection)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from item_news")).scalar_one() == 0


def test_the_horizon_is_held_after_everything_else_that_is_done_with_items(engine: Engine) -> None:
    query = text(
        "select tgname, tgfoid in ('note_new_items'::regproc, 'note_changed_items'::regproc)"
        " from pg_trigger where tgrelid = 'items'::regclass and not tgisinternal and tgtype & 2 = 0"
        " order by tgtype & 28, tgname"
    )
    with engine.connect() as connection:
        tells = [tell for _, tell in connection.execute(query)]
    assert tells == [False, True, False, True]


def test_an_item_whose_transaction_commits_late_is_not_missed(
    engine: Engine, run_id: RunId
) -> None:
    with engine.connect() as slow:
        (late,) = add_items(slow, [WESTERN], "late")
        with engine.begin() as connection:
            (early,) = add_items(connection, [ROBOTS], "early")
        place_all(engine)
        slow.commit()
    place_all(engine)
    with engine.connect() as connection:
        assert {late, early} <= places(connection, run_id).keys()


def test_at_the_switch_every_item_has_a_place_in_the_new_run(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    with engine.begin() as connection:
        add_items(connection, [WESTERN], "before")
    night = write_night(engine, database_url, two_camps(item_nos, seed=4))
    with engine.begin() as connection:
        (during,) = add_items(connection, [ROBOTS], "during")
        record(connection, [event(f"robot-{n}", during, minutes=70, kind_no=LIKE) for n in (0, 1)])
        missing_before = missing(connection, night.run.run_id)
    assert missing_before == 1
    publish(engine, night)
    with engine.connect() as connection:
        assert missing(connection, night.run.run_id) == 0
        row = connection.execute(
            text("select users from item_embeddings where run_id = :run_id and item_no = :no"),
            {"run_id": night.run.run_id, "no": during},
        ).one()
        assert row.users == 2


def test_a_switch_waits_for_whoever_places_and_knows_what_they_know(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    night = write_night(engine, database_url, two_camps(item_nos, seed=4))
    with engine.begin() as connection:
        new = add_items(connection, [WESTERN, ROBOTS])
    with engine.begin() as worker:
        assert Placer(FEW).place_new(worker) is not None
        thread = threading.Thread(target=publish, args=(engine, night))
        thread.start()
        wait_until(lambda: _somebody_waits(engine))
    thread.join(timeout=30)
    with engine.connect() as connection:
        live = connection.execute(text("select run_id from live_run")).scalar_one()
        assert live == night.run.run_id
        assert set(new) <= places(connection, live).keys()


def _somebody_waits(engine: Engine) -> bool:
    query = (
        "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
        " and datname = current_database() and query like '%speed_progress%'"
    )
    with engine.connect() as connection:
        return bool(connection.execute(text(query)).all())


def test_a_run_that_is_served_again_lists_items_that_came_after_it(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    newer = publish(engine, write_night(engine, database_url, two_camps(item_nos, seed=4)))
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
        record(connection, [event("robot-0", new, minutes=70, kind_no=LIKE)])
    place_all(engine)
    fold_all(engine)
    with engine.connect() as connection:
        assert new in places(connection, newer)
        assert new not in places(connection, run_id)
    roll_back(engine.begin, run_id, by="a test")
    with engine.connect() as connection:
        assert new in places(connection, run_id)
        assert live_score(connection, run_id, "robot-0", new) > live_score(
            connection, run_id, "cowboy-0", new
        )


def test_retained_runs_are_kept_ready_and_known_news_are_removed(
    engine: Engine, database_url: str, redis_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    newer = publish(engine, write_night(engine, database_url, two_camps(item_nos, seed=4)))
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
    place_all(engine)
    with engine.begin() as connection:
        remove_known_news(connection)
        query = text("select item_no from item_news where item_no = :no")
        assert connection.execute(query, {"no": new}).scalar_one() == new
    worker = Worker(engine, redis.Redis.from_url(redis_url), SpeedSettings(), threading.Event())
    while worker.keep_standbys_ready() is not None:
        pass
    with engine.connect() as connection:
        assert new in places(connection, run_id)
        assert places(connection, newer).keys() == places(connection, run_id).keys()
        assert connection.execute(text("select count(*) from item_news")).scalar_one() == 0


def test_news_are_kept_for_a_run_that_is_being_made(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    night = write_night(engine, database_url, two_camps(item_nos, seed=4))
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
    place_all(engine)
    with engine.begin() as connection:
        remove_known_news(connection)
    publish(engine, night)
    with engine.connect() as connection:
        assert new in places(connection, night.run.run_id)


def test_nothing_is_written_into_a_run_that_is_retired(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    publish(engine, write_night(engine, database_url, two_camps(item_nos, seed=4)))
    with engine.begin() as connection:
        add_items(connection, [ROBOTS])
        run = load_live_space(connection, run_id)
        assert retire(connection, run_id)
    with engine.begin() as connection:
        horizon = Position(event_horizon(connection))
        assert place_next(connection, run, horizon=horizon, items=3) is None
        assert Placer(FEW).place_standby(connection) is None
        remove_known_news(connection)
        left = connection.execute(text("select run_id from placing_progress")).scalars().all()
    assert run_id not in left


def test_passes_in_any_order_come_to_the_same_places(
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
            place_all(engine)
    place_all(engine)
    with engine.begin() as connection:
        found = places(connection, run_id)
        connection.execute(
            text("delete from item_embeddings where placed_at is not null"),
        )
        place = text("select * from place_items(:run_id, cast(:item_nos as integer[]))")
        connection.execute(place, {"run_id": run_id, "item_nos": new})
        assert places(connection, run_id) == found
