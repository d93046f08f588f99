"""Old impressions become counts by day: none is lost and none is counted twice."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, text

from batch.history.old_impressions import count_up_old_impressions

BEFORE = date(2026, 1, 4)
SHOW = """
insert into impressions
    (recommendation_id, user_no, run_id, source, arm, item_nos, explored, shown_at)
select gen_random_uuid(), nullif(n % 7, 0), case when n % 3 > 0 then n % 3 end,
       case when n % 2 = 0 then 'blend' else 'popular' end, case when n % 5 = 0 then 'a' end,
       array[1, 2, 3], array[3], timestamptz '2026-01-01 00:00+00' + n * interval '37 minutes'
from generate_series(0, 199) as n
"""


@pytest.fixture
def shown(engine: Engine) -> Engine:
    """Two hundred impressions of five days, of six users and of nobody."""
    with engine.begin() as connection:
        connection.execute(text(SHOW))
    return engine


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def daily(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "select * from analytics.impressions_daily order by 1, 2, 3, 4")


@pytest.mark.parametrize("most", [1, 7, 10_000])
def test_the_counts_by_day_stay_the_same_whatever_the_size_of_a_batch(
    shown: Engine, most: int
) -> None:
    before = daily(shown)
    assert len(before) > 20
    batches = list(count_up_old_impressions(shown.begin, BEFORE, most))
    assert daily(shown) == before
    ((left, oldest),) = rows(shown, "select count(*), min(shown_at)::date from impressions")
    assert oldest == BEFORE
    assert sum(counted for _, counted in batches) == 200 - left
    assert {day for day, _ in batches} == {date(2026, 1, day) for day in (1, 2, 3)}


def test_stopped_after_any_batch_the_counts_stay_the_same(shown: Engine) -> None:
    before = daily(shown)
    for stops in range(1, 100):
        batches = count_up_old_impressions(shown.begin, BEFORE, 10)
        if next(batches, None) is None:
            break
        batches.close()
        assert daily(shown) == before, f"after {stops} batches"
    assert stops > 5


def test_killed_within_a_batch_nothing_has_happened(shown: Engine) -> None:
    before = daily(shown)
    with shown.begin() as connection:
        connection.execute(
            text(
                "create function die() returns trigger language plpgsql as"
                " $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$"
            )
        )
        connection.execute(
            text("create trigger die before insert on impression_days execute function die()")
        )
    with pytest.raises(Exception, match="terminating connection"):
        list(count_up_old_impressions(shown.begin, BEFORE, 10))
    assert rows(shown, "select count(*) from impressions") == [(200,)]
    with shown.begin() as connection:
        connection.execute(text("drop trigger die on impression_days"))
    list(count_up_old_impressions(shown.begin, BEFORE, 10))
    assert daily(shown) == before


def test_two_at_once_count_nothing_twice(shown: Engine) -> None:
    before = daily(shown)
    steps = count_up_old_impressions(shown.begin, BEFORE, 10)
    other = count_up_old_impressions(shown.begin, BEFORE, 15)
    for _ in range(10):
        next(steps, None)
        next(other, None)
    list(steps)
    list(other)
    assert daily(shown) == before


def test_nothing_old_is_nothing_to_do(shown: Engine) -> None:
    assert list(count_up_old_impressions(shown.begin, date(2026, 1, 1), 10)) == []
    assert rows(shown, "select count(*) from impression_days") == [(0,)]
