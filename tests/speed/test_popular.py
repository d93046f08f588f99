"""Popular lists follow the log between nights, at a bounded cost, whatever happens around it."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from domain.identifiers import CANARY_ID, RunId
from speed.popular import PopularRefresher
from speed.settings import SpeedSettings
from sql.partitions import drop_partitions
from sql.popular import RESTS, claim_due_part, refresh_part
from tests.events import LIKE, NewEvent, event, record
from tests.small_run import publish_small_run
from tests.waiting import wait_until

DAY = 24 * 60


def refresher(engine: Engine, seconds: float = 0.001) -> PopularRefresher:
    return PopularRefresher(engine, SpeedSettings(popular_seconds=seconds), threading.Event())


def refresh_all(engine: Engine) -> list[str]:
    """Refresh whatever is due; answers the parts."""
    parts, work = [], refresher(engine)
    rest(engine)
    while part := work.refresh_once():
        parts.append(part)
    return parts


def rest(engine: Engine) -> None:
    """Let the lists have rested long enough."""
    execute(engine, "update popular_refreshes set refreshed_at = refreshed_at - interval '1 day'")


def execute(engine: Engine, statement: str, **parameters: Any) -> Any:
    with engine.begin() as connection:
        return connection.execute(text(statement), parameters)


def listed(engine: Engine, name: str = "popular_day", run_id: int | None = None) -> list[int]:
    """The items of a list of the served run, or of another."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "select item_nos from popular_items where list = :list and category = ''"
                " and run_id = coalesce(:run_id, (select run_id from live_run))"
            ),
            {"list": name, "run_id": run_id},
        ).scalar_one_or_none()
    return found or []


def likes(item_no: int, users: int, *, first: int = 0) -> list[NewEvent]:
    return [event(f"u{n}", item_no, minutes=n) for n in range(first, first + users)]


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> RunId:
    """A run is served; of its films, the first is liked by three, the second by two."""
    with engine.begin() as connection:
        record(connection, [*likes(film_nos[0], 3), *likes(film_nos[1], 2)])
        return publish_small_run(connection, film_nos, popular=film_nos)


def test_new_events_move_the_lists_and_without_new_ones_nothing_is_done(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    assert refresh_all(engine) == ["ever", "lately"]
    assert listed(engine) == listed(engine, "all_time") == film_nos[:2]
    assert refresh_all(engine) == []
    with engine.begin() as connection:
        record(connection, likes(film_nos[2], 4))
    assert refresh_all(engine) == ["ever", "lately"]
    assert listed(engine) == listed(engine, "all_time") == [film_nos[n] for n in (2, 0, 1)]


def test_a_deleted_event_and_a_forgotten_user_count_no_longer(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    only_ann = event("ann", film_nos[5], kind_no=LIKE)
    with engine.begin() as connection:
        record(connection, [only_ann, event("bob", film_nos[6])])
    refresh_all(engine)
    before = listed(engine)
    assert set(before) == {film_nos[n] for n in (0, 1, 5, 6)}
    execute(engine, "select delete_event(:event_id)", event_id=only_ann.event_id)
    assert refresh_all(engine) == ["ever", "lately"]
    assert set(listed(engine)) == {film_nos[n] for n in (0, 1, 6)}
    execute(engine, "select forget_user('bob')")
    refresh_all(engine)
    assert listed(engine) == film_nos[:2]
    with engine.begin() as connection:
        record(connection, [only_ann])
    refresh_all(engine)
    assert listed(engine) == film_nos[:2], "sent again, and still deleted"


def test_lists_of_categories_come_and_go(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    execute(engine, "update items set categories = '{drama}' where item_no <= :no", no=film_nos[5])
    with engine.begin() as connection:
        record(connection, [event("ann", no, minutes=9) for no in film_nos[:6]])
    refresh_all(engine)
    of_drama = "select count(*) from popular_items where category = 'drama'"
    assert execute(engine, of_drama).scalar_one() > 0
    execute(engine, "update items set categories = '{}'")
    with engine.begin() as connection:
        record(connection, likes(film_nos[2], 1))
    refresh_all(engine)
    assert execute(engine, of_drama).scalar_one() == 0


def test_an_event_that_is_committed_late_is_not_missed(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    refresh_all(engine)
    with engine.connect() as late:
        record(late, likes(film_nos[2], 9, first=100))
        with engine.begin() as connection:
            record(connection, likes(film_nos[1], 4, first=2))
        assert refresh_all_once(engine) == ["ever", "lately"]
        assert listed(engine) == [film_nos[1], film_nos[0]]
        late.commit()
    assert refresh_all_once(engine) == ["ever", "lately"], "no position is newer"
    assert listed(engine)[0] == film_nos[2]
    assert refresh_all_once(engine) == []


def refresh_all_once(engine: Engine) -> list[str]:
    """Each part once, as behind a transaction that goes on writing they are due again and again."""
    rest(engine)
    parts = [refresher(engine, seconds=3600).refresh_once() for _ in range(3)]
    return [part for part in parts if part is not None]


def test_a_list_rests_as_long_as_it_is_reported_and_many_times_what_it_took(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    refresh_all(engine)
    with engine.begin() as connection:
        record(connection, likes(film_nos[2], 1))
    execute(engine, "update popular_refreshes set seconds = 1, refreshed_at = clock_timestamp()")

    def due_after(seconds: float, rest_seconds: float) -> bool:
        with engine.connect() as connection:
            connection.execute(
                text(
                    "update popular_refreshes"
                    " set refreshed_at = clock_timestamp() - make_interval(secs => :seconds)"
                ),
                {"seconds": seconds},
            )
            return claim_due_part(connection, run_id, seconds=rest_seconds) is not None

    assert not due_after(RESTS - 1, 10)
    assert due_after(RESTS + 1, 10)
    assert not due_after(RESTS + 1, RESTS + 10)
    assert due_after(RESTS + 11, RESTS + 10)


def test_what_the_canary_does_is_no_reason_to_make_lists_anew(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    refresh_all(engine)
    execute(
        engine,
        "insert into users (user_no, user_id) overriding system value values (0, :canary)",
        canary=CANARY_ID,
    )
    canary = event(CANARY_ID, film_nos[2], kind_no=LIKE)
    with engine.begin() as connection:
        record(connection, [canary])
    assert refresh_all(engine) == []
    execute(
        engine,
        "insert into event_deletions (position, event_id, user_no)"
        " values (nextval('interaction_positions'), :event_id, 0)",
        event_id=canary.event_id,
    )
    assert refresh_all(engine) == []
    with engine.begin() as connection:
        record(connection, likes(film_nos[2], 1))
    assert refresh_all(engine) == ["ever", "lately"]


def test_of_two_workers_one_refreshes(engine: Engine, film_nos: list[int], run_id: RunId) -> None:
    with engine.begin() as first:
        assert claim_due_part(first, run_id, seconds=30) == "ever"
        assert refresh_part(first, run_id, "ever")
        assert refresher(engine).refresh_once() is None
    with engine.connect() as second:
        assert claim_due_part(second, run_id, seconds=30) == "lately"


def test_the_run_that_is_rolled_back_to_is_brought_up_to_date(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    refresh_all(engine)
    with engine.begin() as connection:
        newer = publish_small_run(connection, film_nos, popular=film_nos)
        record(connection, likes(film_nos[2], 9))
    refresh_all(engine)
    assert listed(engine, run_id=newer)[0] == film_nos[2]
    assert listed(engine, run_id=run_id)[0] == film_nos[0], "nobody asks for it"
    execute(engine, "update live_run set run_id = :run_id", run_id=run_id)
    refresh_all(engine)
    assert listed(engine)[0] == film_nos[2]


def test_a_run_that_is_taken_away_meanwhile_is_not_written_into(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    with engine.begin() as connection:
        newer = publish_small_run(connection, film_nos)
    execute(engine, "update model_runs set state = 'retired' where run_id = :no", no=run_id)
    assert not refreshed(engine, run_id)
    with engine.connect() as session:
        drop_partitions(session.execution_options(isolation_level="AUTOCOMMIT"), run_id)
    assert not refreshed(engine, run_id)
    assert refreshed(engine, newer)


def refreshed(engine: Engine, run_id: RunId) -> bool:
    with engine.begin() as connection:
        return refresh_part(connection, run_id, "lately")


def test_whoever_retires_a_run_waits_for_its_refresh_and_readers_do_not(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    with engine.begin() as writing:
        assert refresh_part(writing, run_id, "lately")
        assert listed(engine) == []
        with engine.connect() as retiring:
            retiring.execute(text("set local lock_timeout = '50ms'"))
            with pytest.raises(Exception, match="lock timeout"):
                retire(retiring, run_id)
    assert listed(engine) == film_nos[:2]


def retire(connection: Connection, run_id: RunId) -> None:
    connection.execute(
        text("update model_runs set state = 'retired' where run_id = :no"), {"no": run_id}
    )


def test_the_worker_refreshes_by_itself_and_a_killed_one_loses_nothing(
    engine: Engine, database_url: str, redis_url: str, film_nos: list[int], run_id: RunId
) -> None:
    def worker() -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "TANDEM_SPEED_POPULAR_SECONDS": "0.01",
        }
        return subprocess.Popen([sys.executable, "-m", "speed"], env=environment)

    first = worker()
    wait_until(lambda: listed(engine) == film_nos[:2], seconds=30)
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=30)
    with engine.begin() as connection:
        record(connection, likes(film_nos[2], 9))
    second = worker()
    wait_until(lambda: listed(engine)[:1] == [film_nos[2]], seconds=30)
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=30) == 0
