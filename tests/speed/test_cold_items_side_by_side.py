"""Items are embedded beside others who write, and none of what these write is missed."""

import threading
from typing import Any

from sqlalchemy import Connection, Engine, text

from domain.identifiers import RunId
from speed.cold_items import ColdItemEmbedder
from speed.folding import Folder
from speed.settings import SpeedSettings
from sql.item_embedding import begin_item_embedding, embed_next
from sql.live_vectors import load_live_space
from sql.log import event_horizon
from tests.events import LIKE, event, record, user_no_of
from tests.passes import FEW, embed_all, embeddings, fold_all
from tests.waiting import statements_waiting, wait_until
from tests.words_run import ROBOTS, WESTERN, add_items


def test_of_two_workers_one_embeds_and_the_other_goes_on(engine: Engine, run_id: RunId) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [f"{WESTERN}, part {n}" for n in range(5)])
    with engine.connect() as left, engine.connect() as other:
        first = ColdItemEmbedder(FEW).embed_new(left)
        assert ColdItemEmbedder(FEW).embed_new(other) is None
        other.rollback()
        left.commit()
        second = ColdItemEmbedder(FEW).embed_new(other)
        other.commit()
    assert first is not None
    assert second is not None
    assert [*first.item_nos, *second.item_nos] == new


def test_while_one_worker_waits_to_embed_the_others_do_not_queue(
    engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        new = add_items(connection, [WESTERN])
    with engine.connect() as folder:
        folder.execute(
            text("select from speed_progress where run_id = :no for update"), {"no": run_id}
        )
        thread = threading.Thread(target=embed_all, args=(engine,))
        thread.start()
        wait_until(lambda: statements_waiting(engine, "speed_progress"))
        with engine.begin() as connection:
            assert ColdItemEmbedder(FEW).embed_new(connection) is None
        folder.commit()
    thread.join(timeout=30)
    with engine.connect() as connection:
        assert set(new) <= embeddings(connection, run_id).keys()


def test_events_that_bring_no_item_are_passed_over_without_waiting_for_whoever_folds(
    engine: Engine, run_id: RunId, item_nos: list[int]
) -> None:
    embed_all(engine)
    with engine.begin() as connection:
        record(connection, [event("ann", item_nos[0])])
    with engine.connect() as folder:
        folder.execute(
            text("select from speed_progress where run_id = :no for update"), {"no": run_id}
        )
        with engine.begin() as connection:
            connection.execute(text("set local lock_timeout = '1ms'"))
            done = ColdItemEmbedder(FEW).embed_new(connection)
            horizon = event_horizon(connection)
    assert done is not None
    assert (done.item_nos, done.position) == ((), horizon)
    with engine.begin() as connection:
        assert ColdItemEmbedder(FEW).embed_new(connection) is None


def test_a_user_who_is_folded_in_while_the_item_is_embedded_knows_it(
    engine: Engine, run_id: RunId
) -> None:
    query = text("select embedding from user_embeddings where user_no = :no")
    with engine.begin() as connection:
        (new,) = add_items(connection, [ROBOTS])
        record(connection, [event("newcomer", new, kind_no=LIKE)])
        newcomer = user_no_of(connection, "newcomer")
    with engine.connect() as folder:
        assert Folder(SpeedSettings(shards_per_pass=8)).fold_new(folder) is not None
        thread = threading.Thread(target=embed_all, args=(engine,))
        thread.start()
        wait_until(lambda: statements_waiting(engine, "speed_progress"))
        folder.commit()
    thread.join(timeout=30)
    with engine.connect() as connection:
        assert new in embeddings(connection, run_id)
        assert connection.execute(query, {"no": newcomer}).scalar_one() is not None


def live_vector_of(connection: Connection, user_id: str) -> Any:
    query = "select embedding from user_embeddings join users using (user_no) where user_id = :id"
    return connection.execute(text(query), {"id": user_id}).scalar_one()


def test_vectors_that_know_more_than_the_embedders_horizon_know_the_item(
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
        begin_item_embedding(connection, run_id)
    with engine.begin() as connection:
        alone = live_vector_of(connection, "newcomer")
        embedded = embed_next(connection, run, horizon=before, items=3)
        assert embedded is not None
        assert embedded.user_nos == (user_no_of(connection, "newcomer"),)
        assert live_vector_of(connection, "newcomer") != alone


def test_an_item_whose_transaction_commits_late_is_not_missed(
    engine: Engine, run_id: RunId
) -> None:
    with engine.connect() as slow:
        (late,) = add_items(slow, [WESTERN], "late")
        with engine.begin() as connection:
            (early,) = add_items(connection, [ROBOTS], "early")
        embed_all(engine)
        slow.commit()
    embed_all(engine)
    with engine.connect() as connection:
        assert {late, early} <= embeddings(connection, run_id).keys()


def test_the_horizon_is_held_after_everything_else_that_is_done_with_items(engine: Engine) -> None:
    query = text(
        "select tgname, tgfoid::regproc::text in"
        " ('note_new_items', 'note_changed_items', 'note_removed_items')"
        " from pg_trigger where tgrelid = 'items'::regclass and not tgisinternal and tgtype & 2 = 0"
        " order by tgtype & 28, tgname"
    )
    with engine.connect() as connection:
        notified = [notifies for _, notifies in connection.execute(query)]
    assert notified == [False, True, True, False, True]
