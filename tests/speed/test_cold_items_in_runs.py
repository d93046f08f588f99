"""Every run that is served or may be has embeddings for the items that came after it was begun."""

import threading

import redis
from sqlalchemy import Connection, Engine, text

from batch.runs.model_runs import retire
from batch.runs.publishing import begin_progress
from domain.identifiers import Position, RunId
from speed.cold_items import ColdItemEmbedder
from speed.settings import SpeedSettings
from speed.worker import Worker
from sql.item_embedding import embed_next, remove_known_changes
from sql.live_vectors import load_live_space
from sql.log import event_horizon
from sql.promotion import catch_up
from sql.rollback import roll_back
from tests.events import LIKE, event, record
from tests.passes import FEW, embed_all, embeddings, fold_all
from tests.waiting import statements_waiting, wait_until
from tests.words_run import ROBOTS, WESTERN, add_items, live_score, publish, two_camps, write_night


def missing(connection: Connection, run_id: RunId) -> int:
    query = (
        "select count(*) from items where item_no not in"
        " (select item_no from item_embeddings where run_id = :run_id)"
    )
    return int(connection.execute(text(query), {"run_id": run_id}).scalar_one())


def test_at_the_promotion_every_item_has_an_embedding_in_the_new_run(
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


def test_a_promotion_waits_for_whoever_embeds_and_knows_what_they_know(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    night = write_night(engine, database_url, two_camps(item_nos, seed=4))
    with engine.begin() as connection:
        new = add_items(connection, [WESTERN, ROBOTS])
    with engine.begin() as worker:
        assert ColdItemEmbedder(FEW).embed_new(worker) is not None
        thread = threading.Thread(target=publish, args=(engine, night))
        thread.start()
        wait_until(lambda: statements_waiting(engine, "speed_progress"))
    thread.join(timeout=30)
    with engine.connect() as connection:
        live = connection.execute(text("select run_id from live_run")).scalar_one()
        assert live == night.run.run_id
        assert set(new) <= embeddings(connection, live).keys()


def test_items_that_come_while_users_are_folded_in_are_embedded_before_the_promotion(
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
    catch_up(engine.begin, run, load)
    with engine.connect() as connection:
        assert set(came) <= embeddings(connection, run.run_id).keys()


def test_a_run_that_is_served_again_lists_items_that_came_after_it(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    newer = publish(engine, write_night(engine, database_url, two_camps(item_nos, seed=4)))
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
        record(connection, [event("robot-0", new, minutes=70, kind_no=LIKE)])
    embed_all(engine)
    fold_all(engine)
    with engine.connect() as connection:
        assert new in embeddings(connection, newer)
        assert new not in embeddings(connection, run_id)
    roll_back(engine.begin, run_id, by="a test")
    with engine.connect() as connection:
        assert new in embeddings(connection, run_id)
        assert live_score(connection, run_id, "robot-0", new) > live_score(
            connection, run_id, "cowboy-0", new
        )


def test_retained_runs_are_kept_ready_and_known_changes_are_removed(
    engine: Engine, database_url: str, redis_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    newer = publish(engine, write_night(engine, database_url, two_camps(item_nos, seed=4)))
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
    embed_all(engine)
    with engine.begin() as connection:
        remove_known_changes(connection)
        query = text("select item_no from item_changes where item_no = :no")
        assert connection.execute(query, {"no": new}).scalar_one() == new
    worker = Worker(engine, redis.Redis.from_url(redis_url), SpeedSettings(), threading.Event())
    while worker.keep_retained_ready() is not None:
        pass
    with engine.connect() as connection:
        assert new in embeddings(connection, run_id)
        assert embeddings(connection, newer).keys() == embeddings(connection, run_id).keys()
        assert connection.execute(text("select count(*) from item_changes")).scalar_one() == 0


def test_changes_are_kept_for_a_run_that_is_being_made(
    engine: Engine, database_url: str, run_id: RunId, item_nos: list[int]
) -> None:
    night = write_night(engine, database_url, two_camps(item_nos, seed=4))
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
    embed_all(engine)
    with engine.begin() as connection:
        remove_known_changes(connection)
    publish(engine, night)
    with engine.connect() as connection:
        assert new in embeddings(connection, night.run.run_id)


def test_where_no_run_asks_for_changes_none_are_kept(engine: Engine, item_nos: list[int]) -> None:
    with engine.begin() as connection:
        remove_known_changes(connection)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from item_changes")).scalar_one() == 0


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
        assert embed_next(connection, run, horizon=horizon, items=3) is None
        assert ColdItemEmbedder(FEW).embed_retained(connection) is None
        remove_known_changes(connection)
        left = (
            connection.execute(text("select run_id from item_embedding_progress")).scalars().all()
        )
    assert run_id not in left
