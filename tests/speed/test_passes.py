"""How much one pass over the log does, for whom, and in which order."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from speed.folding import FEWEST_EVENTS, FEWEST_RETAINED_EVENTS, Folder, Pass
from speed.pacing import Pace
from speed.settings import SpeedSettings
from tests.events import event, record, user_no_of
from tests.passes import SETTINGS, fold_all, stored_vector
from tests.small_run import publish_small_run
from tests.speed.expected_vectors import expected_vector
from tests.statements import noticed


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


def test_a_pass_for_a_retained_run_is_short_so_that_no_event_waits_long_for_it(
    engine: Engine, film_nos: list[int]
) -> None:
    users = [f"user-{n}" for n in range(2 * FEWEST_RETAINED_EVENTS)]
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        publish_small_run(connection, film_nos)
        record(connection, [event(user, film_nos[0]) for user in users])
    with engine.begin() as connection:
        done = Folder(SETTINGS).fold_retained(connection)
    assert done is not None
    assert 0 < len(done.user_nos) <= FEWEST_RETAINED_EVENTS


def test_passes_grow_while_they_are_quick_and_shrink_when_they_are_not() -> None:
    pace = Pace(size=100, fewest=50, most=300, seconds=0.1)
    sizes = []
    for seconds in (0.01, 0.01, 0.15, 4.5, 4.5, 4.5, 0.05):
        pace.note(seconds)
        sizes.append(pace.size)
    assert sizes == [200, 300, 300, 150, 75, 50, 100]


def fold_served(folder: Folder, connection: Connection) -> Pass | None:
    return folder.fold_new(connection)


def fold_retained(folder: Folder, connection: Connection) -> Pass | None:
    return folder.fold_retained(connection)


@pytest.mark.parametrize("fold", [fold_served, fold_retained])
def test_a_pass_that_postgresql_ends_asks_for_fewer_users_next_time(
    engine: Engine,
    film_nos: list[int],
    monkeypatch: pytest.MonkeyPatch,
    fold: Callable[[Folder, Connection], Pass | None],
) -> None:
    monkeypatch.setattr("speed.folding._PASS_SECONDS", 3600.0)
    monkeypatch.setattr("speed.folding._RETAINED_PASS_SECONDS", 3600.0)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        publish_small_run(connection, film_nos)
        record(connection, [event(f"user-{n}", film_nos[0]) for n in range(6 * FEWEST_EVENTS)])
    folder = Folder(SETTINGS)

    def users_of_a_pass() -> int:
        with engine.begin() as connection:
            done = fold(folder, connection)
        assert done is not None
        return len(done.user_nos)

    few = users_of_a_pass()
    with engine.connect() as other, engine.connect() as connection:
        other.execute(text("lock table user_embeddings in share mode"))
        connection.execute(text("set local lock_timeout = '20ms'"))
        with pytest.raises(OperationalError):
            fold(folder, connection)
    assert [users_of_a_pass(), users_of_a_pass()] == [few, 2 * few]


def test_a_pass_over_many_users_computes_and_writes_a_few_at_a_time_in_rising_order(
    engine: Engine, film_nos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sql.folding._USERS_AT_ONCE", 3)
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event(f"user-{n}", film_nos[n]) for n in range(8)])
    written = list[str]()

    def note(statement: str, parameters: Any) -> None:
        if "insert into user_embeddings" in statement:
            written.append(str(parameters["user_nos"]))

    with noticed(note), engine.begin() as connection:
        done = Folder(SETTINGS).fold_new(connection)
    assert done is not None
    assert written == ["{1,2,3}", "{4,5,6}", "{7,8}"]
    with engine.connect() as connection:
        for user_no in done.user_nos:
            vector, _, _ = stored_vector(connection, user_no)
            assert vector == pytest.approx(expected_vector(connection, user_no), abs=1e-6)


def test_a_pass_that_finds_nothing_writes_nothing(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    written = text("select pg_current_xact_id_if_assigned() is not null")
    found = []
    for _ in range(2):
        with engine.begin() as connection:
            done = Folder(SETTINGS).fold_new(connection)
            found.append((done is not None, connection.execute(written).scalar_one()))
    assert found == [(True, True), (False, False)]


def test_a_pass_does_not_wait_for_the_disk_and_whatever_comes_next_does(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    waiting = text("select current_setting('synchronous_commit')")
    with engine.connect() as connection:
        connection.execute(text("set synchronous_commit = on"))
        connection.commit()
        assert Folder(SETTINGS).fold_new(connection) is not None
        assert connection.execute(waiting).scalar_one() == "off"
        connection.commit()
        assert connection.execute(waiting).scalar_one() == "on"


def test_progress_and_vectors_become_visible_together_or_not_at_all(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event(f"user-{n}", film_nos[n]) for n in range(16)])
    state = text(
        "select min(position), max(position), (select count(*) from user_embeddings)"
        " from speed_progress"
    )
    folder = Folder(SETTINGS)
    with engine.connect() as other, engine.connect() as connection:
        before = other.execute(state).one()
        other.commit()
        for end in (connection.rollback, connection.commit):
            done = folder.fold_new(connection)
            assert done is not None
            assert other.execute(state).one() == before
            other.commit()
            end()
        assert other.execute(state).one() == (done.position, done.position, 16)


LOADED = [f"loaded-{n}" for n in range(3 * FEWEST_EVENTS)]


def load(connection: Connection, film_nos: list[int]) -> None:
    """A run, and events of a load that no pass has seen yet."""
    publish_small_run(connection, film_nos)
    record(connection, [event(user, film_nos[0]) for user in LOADED])
    connection.execute(text("update interactions set load_no = 1"))


def test_a_live_event_does_not_wait_for_the_events_of_a_load_before_it(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        load(connection, film_nos)
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
    assert len(first.user_nos) == FEWEST_EVENTS + 1
    assert first.is_amid_load
    done = [each for each in passes if each is not None]
    assert not done[-1].is_amid_load
    folded = [no for each in done for no in each.user_nos]
    assert len(folded) == len(set(folded)) == len(LOADED) + 1


@pytest.mark.parametrize("count", [1, 2])
def test_live_events_go_first_in_every_shard_and_once(
    engine: Engine, film_nos: list[int], count: int
) -> None:
    live = [f"live-{n}" for n in range(16)]
    with engine.begin() as connection:
        load(connection, film_nos)
        record(connection, [event(user, film_nos[1]) for user in live])
        live_nos = {user_no_of(connection, user) for user in live}
    workers = [Folder(SpeedSettings(shards_per_pass=4)) for _ in range(count)]
    passes = until_idle_in_turns(engine, workers)
    assert all(done.is_amid_load for done in passes[:2])
    assert live_nos <= {user_no for done in passes[:2] for user_no in done.user_nos}
    folded = [user_no for done in passes for user_no in done.user_nos]
    assert len(folded) == len(set(folded)) == len(LOADED) + len(live)


def until_idle_in_turns(engine: Engine, workers: list[Folder]) -> list[Pass]:
    """What each pass has done, one worker's after another's, until there is nothing to do."""
    passes = list[Pass]()
    for worker in itertools.cycle(workers):
        with engine.begin() as connection:
            done = worker.fold_new(connection)
        if done is None:
            return passes
        passes.append(done)
    raise AssertionError


def test_live_events_of_a_pass_that_is_rolled_back_go_first_again(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        load(connection, film_nos)
        record(connection, [event("ann", film_nos[1])])
        ann = user_no_of(connection, "ann")
    folder = Folder(SETTINGS)
    for _ in range(2):
        with engine.connect() as connection:
            done = folder.fold_new(connection)
            connection.rollback()
        assert done is not None
        assert ann in done.user_nos


def test_without_a_load_events_are_folded_in_in_their_order(
    engine: Engine, film_nos: list[int]
) -> None:
    users = [f"user-{n}" for n in range(2 * FEWEST_EVENTS)]
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
