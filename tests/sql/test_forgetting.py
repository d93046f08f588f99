"""A forgotten user is gone, whoever else is writing at the time."""

import json
import re
import uuid
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, text

from domain.identifiers import Position, RunId, UserNo
from sql.live_vectors import UserVector, store_user_vectors
from sql.log import event_horizon
from sql.statements import statements
from tests import tables
from tests.events import event, record, user_no_of
from tests.removals import count, delete, forget, rows_of_user, waiting
from tests.small_run import publish_small_run

GONE = {"forgotten_users": 1}
"""What is left of a forgotten user, by table."""


@pytest.fixture
def ann(engine: Engine, film_nos: list[int]) -> UserNo:
    """The number of a user with one event."""
    return user_with_an_event(engine, "ann", film_nos[0])


@pytest.fixture
def bob(engine: Engine, film_nos: list[int]) -> UserNo:
    """Another one."""
    return user_with_an_event(engine, "bob", film_nos[0])


def user_with_an_event(engine: Engine, user_id: str, item_no: int) -> UserNo:
    with engine.begin() as connection:
        record(connection, [event(user_id, item_no)])
        return user_no_of(connection, user_id)


def forget_ann(connection: Connection) -> Any:
    return forget(connection, "ann")


def rows_left(engine: Engine, user_no: UserNo) -> dict[str, int]:
    with engine.connect() as connection:
        return rows_of_user(connection, user_no)


def store_vector(connection: Connection, run_id: RunId, user_no: UserNo, position: int) -> None:
    store_user_vectors(connection, run_id, [UserVector(user_no, None, 0)], Position(position))


def store_list(connection: Connection, run_id: RunId, user_no: UserNo) -> None:
    """As the night writes it in bulk: it asks nobody whether the user is still there."""
    row = {"run_id": run_id, "user_no": user_no, "item_nos": [1], "scores": [1.0]}
    connection.execute(insert(tables.batch_recommendations).values(row))


def clear_forgotten(connection: Connection, run_id: RunId) -> int:
    statement = statements("batch")["clear_forgotten"]
    return int(connection.execute(statement, {"run_id": run_id}).scalar_one())


def test_a_forgotten_user_is_in_no_table_and_what_went_is_counted(
    engine: Engine, film_nos: list[int]
) -> None:
    undone = event("ann", film_nos[3])
    with engine.begin() as connection:
        sent = [event("ann", film_nos[n]) for n in range(3)]
        record(connection, [*sent, undone, event("bob", film_nos[0])])
        delete(connection, undone.event_id)
        ann, bob = user_no_of(connection, "ann"), user_no_of(connection, "bob")
        for _ in range(2):
            run_id = publish_small_run(connection, film_nos, {no: [(1, 1.0)] for no in (ann, bob)})
            for no in (ann, bob):
                store_vector(connection, run_id, no, 1)
        for no in (ann, ann, bob):
            row = {"recommendation_id": uuid.uuid4(), "user_no": no, "source": "x", "item_nos": []}
            connection.execute(insert(tables.impressions).values(row))
        bobs = rows_of_user(connection, bob)
    with engine.begin() as connection:
        forgotten = forget(connection, "ann")
    assert forgotten.user_no == ann
    assert forgotten.removed == {
        "users": 1,
        "interactions": 3,
        "event_deletions": 1,
        "history_changes": 0,
        "merged_ids": 0,
        "impressions": 2,
        "recommendation_lists": 2,
        "interests": 0,
        "preferences": 0,
        "user_embeddings": 2,
        "activity": 0,
        "experiments": 0,
        "accounts": 0,
        "sessions": 0,
        "kafka_rejects": 0,
        "loads": 0,
    }
    with engine.begin() as connection:
        assert rows_of_user(connection, ann) == GONE
        assert rows_of_user(connection, bob) == bobs
        again = forget(connection, "ann")
        assert again.user_no is None
        assert set(again.removed.values()) == {0}
        assert count(connection, "forgotten_users") == 1


def test_a_late_retry_does_not_bring_a_forgotten_user_back_and_a_new_event_makes_a_new_one(
    engine: Engine, film_nos: list[int]
) -> None:
    sent = event("ann", film_nos[0])
    with engine.begin() as connection:
        record(connection, [sent])
        before = forget(connection, "ann").user_no
    with engine.begin() as connection:
        assert record(connection, [sent]) == (0, 1, [])
        assert count(connection, "users") == 0
        assert delete(connection, sent.event_id).is_new is False
    with engine.begin() as connection:
        assert record(connection, [sent, event("ann", film_nos[1])])[:2] == (1, 1)
        assert user_no_of(connection, "ann") > before


def test_events_that_were_being_recorded_are_forgotten_with_their_user(
    engine: Engine, film_nos: list[int], ann: UserNo
) -> None:
    with engine.connect() as writer:
        record(writer, [event("ann", film_nos[1]), event("bob", film_nos[1])])
        with waiting(engine, forget_ann) as forgetting:
            writer.commit()
    assert forgetting.result().removed["interactions"] == 2
    assert rows_left(engine, ann) == GONE


def test_events_recorded_while_their_user_is_forgotten_are_those_of_a_new_user(
    engine: Engine, film_nos: list[int], ann: UserNo
) -> None:
    sent = [event("ann", film_nos[1]), event("bob", film_nos[1])]
    with engine.connect() as forgetter:
        forget(forgetter, "ann")
        with waiting(engine, lambda connection: record(connection, sent)) as recording:
            forgetter.commit()
    accepted, _, touched = recording.result()
    with engine.connect() as connection:
        after = user_no_of(connection, "ann")
        assert accepted == 2
        assert after in touched
        assert after != ann
        assert rows_of_user(connection, ann) == GONE
        assert rows_of_user(connection, after)["interactions"] == 1


def test_a_user_made_by_somebody_else_meanwhile_is_found(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.connect() as first:
        record(first, [event("ann", film_nos[0])])
        later = [event("ann", film_nos[1])]
        with waiting(engine, lambda connection: record(connection, later)) as recording:
            first.commit()
    assert recording.result()[0] == 1
    with engine.connect() as connection:
        assert count(connection, "users") == 1
        assert count(connection, "interactions") == 2


def test_a_vector_that_was_being_written_is_forgotten_with_its_user(
    engine: Engine, film_nos: list[int], ann: UserNo
) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
    with engine.connect() as worker:
        store_vector(worker, run_id, ann, 1)
        with waiting(engine, forget_ann) as forgetting:
            worker.commit()
    assert forgetting.result().removed["user_embeddings"] == 1


def test_no_vector_is_written_for_a_user_who_was_forgotten_meanwhile(
    engine: Engine, film_nos: list[int], ann: UserNo, bob: UserNo
) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
    users = [UserVector(no, None, 0) for no in (bob, ann)]
    with engine.connect() as forgetter:
        forget(forgetter, "ann")

        def write(connection: Connection) -> None:
            store_user_vectors(connection, run_id, users, Position(2))

        with waiting(engine, write):
            forgetter.commit()
    with engine.begin() as connection:
        write(connection)
        assert rows_of_user(connection, ann) == GONE
        assert rows_of_user(connection, bob)["user_embeddings"] == 1


def test_an_event_deleted_while_its_user_is_forgotten_leaves_no_note(
    engine: Engine, film_nos: list[int]
) -> None:
    left, other = event("ann", film_nos[0]), event("ann", film_nos[1])
    with engine.begin() as connection:
        record(connection, [left, other])
        ann = user_no_of(connection, "ann")
    with engine.connect() as first:
        delete(first, left.event_id)
        with waiting(engine, forget_ann) as forgetting:
            first.commit()
    assert forgetting.result().removed["event_deletions"] == 1
    assert rows_left(engine, ann) == GONE

    with engine.begin() as connection:
        record(connection, [third := event("bob", film_nos[0])])
        bob = user_no_of(connection, "bob")
    with engine.connect() as forgetter:
        forget(forgetter, "bob")
        with waiting(engine, lambda late: delete(late, third.event_id)) as deleting:
            forgetter.commit()
    assert deleting.result().is_new is False
    assert deleting.result().deleted_at is None
    assert rows_left(engine, bob) == GONE


def test_what_a_run_wrote_of_users_forgotten_after_its_cut_off_is_cleared(
    engine: Engine, film_nos: list[int], ann: UserNo, bob: UserNo
) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
    with engine.begin() as connection:
        forget(connection, "ann")
    with engine.begin() as connection:
        for no in (ann, bob):
            store_list(connection, run_id, no)
    with engine.begin() as connection:
        assert clear_forgotten(connection, run_id) == 1
        assert rows_of_user(connection, ann) == GONE
        assert rows_of_user(connection, bob)["batch_recommendations"] == 1
        assert clear_forgotten(connection, run_id) == 0


def test_clearing_waits_for_whoever_is_being_forgotten_and_could_not_see_a_bulk_write(
    engine: Engine, film_nos: list[int], ann: UserNo
) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
    with engine.connect() as forgetter:
        forget(forgetter, "ann")
        with engine.begin() as bulk:
            store_list(bulk, run_id, ann)
        with waiting(engine, lambda connection: clear_forgotten(connection, run_id)) as clearing:
            forgetter.commit()
    assert clearing.result() == 1
    assert rows_left(engine, ann) == GONE


def test_nobody_is_forgotten_between_clearing_and_the_commit(
    engine: Engine, film_nos: list[int], ann: UserNo
) -> None:
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        store_list(connection, run_id, ann)
    with engine.connect() as publisher:
        clear_forgotten(publisher, run_id)
        with waiting(engine, forget_ann) as forgetting:
            store_vector(publisher, run_id, ann, 1)
            publisher.commit()
    removed = forgetting.result().removed
    assert (removed["recommendation_lists"], removed["user_embeddings"]) == (1, 1)


@pytest.mark.usefixtures("ann")
def test_the_horizon_waits_for_who_is_being_forgotten(engine: Engine) -> None:
    with engine.connect() as forgetter, engine.connect() as reader:
        forget(forgetter, "ann")
        before = event_horizon(reader)
        reader.commit()
        forgetter.commit()
        position = reader.execute(text("select position from forgotten_users")).scalar_one()
        assert before < position <= event_horizon(reader)


IDS = ("7", "é\N{GRINNING FACE}", 'a"b', "a\\b", "a/b", "o'x", "ann", "ann@x.org", "a (b)|c*")


def written(user_id: str) -> list[str]:
    """Rows of files, as texts, that name a user."""
    as_json = {"user": user_id, "item": "film-1"}
    texts = [f"{user_id},film-1", f"film-1\t{user_id}", f"1::{user_id}::5", f"{user_id}.0,film-1"]
    texts += [json.dumps(as_json), json.dumps(as_json, ensure_ascii=False), str(as_json)]
    texts += [json.dumps(as_json).replace("/", "\\/"), json.dumps(json.dumps(as_json))]
    in_capitals = re.sub(r"\\u(\w{4})", lambda found: rf"\u{found[1].upper()}", texts[4])
    texts.append(in_capitals)
    quoted = user_id.replace('"', '""')
    return [*texts, f'"{quoted}",film-1', json.dumps({"row": f'"{quoted}",film-1'})]


@pytest.mark.parametrize("user_id", IDS)
def test_rows_of_files_that_name_a_user_are_found_however_they_are_written(
    engine: Engine, user_id: str
) -> None:
    ask = text(
        "select names_user(cast(:content as jsonb), :user_id, id_pattern(:user_id)), :content"
    )
    objects = [{"user": user_id}, {"row": [{"user": f" {user_id}"}]}, {"user": f'="{user_id}"'}]
    named = [*written(user_id), *objects, *([{"user": 7}, {"user": 7.0}] if user_id == "7" else [])]
    others = [f"x{user_id},film", f"{user_id}x,film", f"film-{user_id}", {user_id: 1}, None]
    others += [{"user": f"{user_id}1"}, {"user": f"1{user_id}"}, "2026-03-07,17,4.7", {"n": 17}]
    with engine.connect() as connection:
        for content, expected in [(each, True) for each in named] + [
            (each, False) for each in others
        ]:
            given = {"content": json.dumps(content), "user_id": user_id}
            found = connection.execute(ask, given).scalar_one()
            assert bool(found) == expected, content


def test_only_what_names_the_user_goes_from_reports_and_previews(engine: Engine) -> None:
    def row(content: Any) -> dict[str, Any]:
        return {"file": "a.csv", "row": 7, "reason": "no such item", "content": content}

    kept = [row("17,film-7"), row({"user": "8", "year": "1977"})]
    report = {"report": {"items_new": 7, "rejected_rows": [kept[0], row("7,film-1"), kept[1]]}}

    def file(samples: list[str], users: list[str], first: dict[str, str]) -> dict[str, Any]:
        return {
            "rows": 7,
            "rejected": [{"reason": "no such item", "rows": 7, "samples": samples}],
            "columns": [{"name": "user", "meaning": "user_id", "sample": users}],
            "events": {"users": 7, "first_row": first},
        }

    first = {"user_id": "7", "item_id": "film-1"}
    preview = {"preview": {"files": [file(["7,x", "17,y"], ["7", "17"], first)], "skipped": {}}}
    others = {"preview": {"files": [file(["17,y"], ["17"], {"user_id": "17"})], "skipped": {}}}
    error = {"detail": "Row 3 is no event: 7,film-1."}
    results = [report, preview, others, error, {"detail": "There are 17 columns."}]
    with engine.begin() as connection:
        for n, result in enumerate(results):
            connection.execute(
                text(
                    "insert into uploads (filename, file, bytes, options, is_preview, uploaded_by,"
                    " result) values ('a.csv', :n, 1, '{}', false, 'x', cast(:result as json))"
                ),
                {"n": str(n), "result": json.dumps(result)},
            )
        assert connection.execute(text("select forget_in_loads('7')")).scalar_one() == 3
        left = connection.execute(text("select result from uploads order by upload_id")).scalars()
        assert left.all() == [
            {"report": {"items_new": 7, "rejected_rows": kept}},
            {"preview": {"files": [file(["17,y"], ["17"], {})], "skipped": {}}},
            others,
            None,
            results[-1],
        ]
