"""Interests are folded in like events: before them, and again whenever they change."""

import threading

import pytest
from sqlalchemy import Connection, Engine, text

from domain.identifiers import RunId, UserNo
from domain.redis_keys import user_entry
from speed.folding import Folder
from tests.events import LIKE, event, record, user_no_of
from tests.passes import SETTINGS, fold_all
from tests.removals import forget
from tests.small_run import publish_small_run
from tests.small_words import state, teach_words
from tests.speed.running import running
from tests.waiting import wait_until

TERMS = {"robot": (1.0, 0.0), "noir": (0.0, 1.0)}


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> RunId:
    """The first half of the films is near robots, the second near noir."""
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        teach_words(connection, run_id, TERMS)
    return run_id


def taste_of(engine: Engine, user_no: int, run_id: int = 1) -> list[float] | None:
    with engine.connect() as connection:
        query = text("select embedding from user_embeddings where run_id = :run and user_no = :no")
        found = connection.execute(query, {"run": run_id, "no": user_no}).scalar_one_or_none()
    return None if found is None else found.to_numpy()[:2].tolist()


def declared(engine: Engine, words: list[str], item_nos: list[int] | None = None) -> UserNo:
    with engine.begin() as connection:
        return UserNo(state(connection, "ann", words, item_nos or []).user_no)


def test_a_user_who_has_done_nothing_gets_a_live_vector(engine: Engine, run_id: RunId) -> None:
    ann = declared(engine, ["robots"])
    assert fold_all(engine) == [ann]
    towards = taste_of(engine, ann, run_id)
    assert towards is not None
    assert towards[0] > 2 * abs(towards[1])
    assert fold_all(engine) == []
    with engine.connect() as connection:
        query = text("select events_since_cut_off from user_embeddings where user_no = :no")
        assert connection.execute(query, {"no": ann}).scalar_one() == 0


@pytest.mark.usefixtures("run_id")
def test_a_named_item_is_as_good_as_words(engine: Engine, film_nos: list[int]) -> None:
    ann = declared(engine, ["robots"])
    fold_all(engine)
    by_words = taste_of(engine, ann)
    declared(engine, [], [film_nos[0]])
    fold_all(engine)
    assert taste_of(engine, ann) == pytest.approx(by_words, abs=0.01)


@pytest.mark.usefixtures("run_id")
def test_what_is_done_moves_the_vector_away_from_what_was_said(
    engine: Engine, film_nos: list[int]
) -> None:
    ann = declared(engine, ["robots"])
    fold_all(engine)
    directions = [taste_of(engine, ann)]
    for minute, film in enumerate(film_nos[-6:]):
        with engine.begin() as connection:
            record(connection, [event("ann", film, minutes=minute, kind_no=LIKE)])
        fold_all(engine)
        directions.append(taste_of(engine, ann))
    towards_noir = [direction[1] for direction in directions if direction]
    assert len(towards_noir) == 7
    assert towards_noir == sorted(towards_noir)
    last = directions[-1]
    assert last is not None
    assert last[1] > last[0]


@pytest.mark.usefixtures("run_id")
def test_other_interests_make_another_vector_and_none_make_none(engine: Engine) -> None:
    ann = declared(engine, ["robots"])
    fold_all(engine)
    declared(engine, ["noir"])
    assert fold_all(engine) == [ann]
    towards = taste_of(engine, ann)
    assert towards is not None
    assert towards[1] > 2 * abs(towards[0])
    declared(engine, [])
    assert fold_all(engine) == [ann]
    assert taste_of(engine, ann) is None


@pytest.mark.usefixtures("run_id")
def test_without_interests_again_the_vector_is_that_of_the_history(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[20]), event("ann", film_nos[2], minutes=1)])
        ann = user_no_of(connection, "ann")
    fold_all(engine)
    before = taste_of(engine, ann)
    declared(engine, ["robots"], [film_nos[5]])
    fold_all(engine)
    assert taste_of(engine, ann) != before
    declared(engine, [])
    fold_all(engine)
    assert taste_of(engine, ann) == before


@pytest.mark.usefixtures("run_id")
def test_words_nobody_knows_say_nothing_until_a_run_knows_them(
    engine: Engine, film_nos: list[int]
) -> None:
    ann = declared(engine, ["submarines"])
    fold_all(engine)
    assert taste_of(engine, ann) is None
    with engine.begin() as connection:
        connection.execute(text("update model_runs set state = 'published'"))
        next_run = publish_small_run(connection, film_nos)
        teach_words(connection, next_run, {"submarin": (0.0, 1.0)})
        # The new run's shards begin before all changes, as if its vectors were yet to be written.
        query = text("update speed_progress set position = 0 where run_id = :run")
        connection.execute(query, {"run": next_run})
    assert fold_all(engine) == [ann]
    assert taste_of(engine, ann, next_run) is not None


def test_a_retained_run_is_notified_of_interests_too(
    engine: Engine, run_id: RunId, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
    ann = declared(engine, ["robots"])
    fold_all(engine)
    folder = Folder(SETTINGS)
    with engine.begin() as connection:
        done = folder.fold_retained(connection)
    assert done is not None
    assert done.run_id == run_id
    assert taste_of(engine, ann, run_id) is not None


@pytest.mark.usefixtures("run_id")
def test_a_forgotten_user_has_no_vector_of_interests(engine: Engine) -> None:
    ann = declared(engine, ["robots"])
    fold_all(engine)
    with engine.begin() as connection:
        forget(connection, "ann")
    fold_all(engine)
    assert taste_of(engine, ann) is None


@pytest.mark.usefixtures("run_id")
def test_a_pass_that_dies_is_done_again(engine: Engine) -> None:
    ann = declared(engine, ["robots"])
    with engine.connect() as connection:
        assert Folder(SETTINGS).fold_new(connection) is not None
        connection.rollback()
    assert taste_of(engine, ann) is None
    assert fold_all(engine) == [ann]


def test_many_users_are_folded_at_once_each_with_their_own(
    engine: Engine, run_id: RunId, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        users = _state_all(connection, film_nos)
    assert sorted(fold_all(engine)) == sorted(users.values())
    for user_id, user_no in users.items():
        towards = taste_of(engine, user_no, run_id)
        assert towards is not None
        assert (towards[0] > towards[1]) == user_id.startswith("robot")


def _state_all(connection: Connection, film_nos: list[int]) -> dict[str, UserNo]:
    users = {}
    for no in range(6):
        users[f"robot-{no}"] = state(connection, f"robot-{no}", ["robots"], film_nos[:no]).user_no
        users[f"noir-{no}"] = state(
            connection, f"noir-{no}", ["noir"], film_nos[15 : 15 + no]
        ).user_no
    return users


@pytest.mark.usefixtures("run_id")
def test_the_worker_folds_interests_in_and_drops_the_cached_answers(
    engine: Engine, redis_url: str
) -> None:
    with running(engine, redis_url, SETTINGS, threading.Event()) as client:
        with engine.begin() as connection:
            ann = state(connection, "ann").user_no
        client.hset(user_entry(ann), "a list", b"old")
        declared(engine, ["robots"])
        wait_until(lambda: taste_of(engine, ann) is not None)
        wait_until(lambda: not client.exists(user_entry(ann)))
