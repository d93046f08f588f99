"""Counts for analysts are those of a plain count, whenever and however often they are made."""

import threading
from collections import Counter
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, text

from batch.history.old_impressions import count_up_old_impressions
from batch.history.rollups import Begin, count_rollups
from tests.batch.history.six_weeks import CONTEXTS, NOW, log
from tests.removals import forget

__all__ = ["log"]

DAY = timedelta(days=1)


def frame(engine: Engine, query: str) -> pd.DataFrame:
    with engine.connect() as connection:
        return pd.read_sql(text(query), connection)


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def count(engine: Engine, now: datetime = NOW) -> list[str]:
    return list(count_rollups(engine.begin, now))


def monday(moment: pd.Timestamp) -> date:
    return (moment - timedelta(days=moment.weekday())).date()


VIEWS = {
    "interactions_daily": "day, kind",
    "impressions_daily": "day, run_id, source, arm, placement, placement_version",
    "context_daily": "day, name, value",
    "user_segments": "user_id",
    "click_through_daily": "day, run_id, source, arm, slot, segment",
    "coverage_daily": "day",
    "catalogue_health": "item_id",
    "retention_weekly": "week, exposed",
}


def everything(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    return {
        view: rows(engine, f"select * from analytics.{view} order by {order}")
        for view, order in VIEWS.items()
    }


def plain_interactions_daily(engine: Engine) -> list[tuple[Any, ...]]:
    events = frame(engine, "select * from interactions join event_kinds using (kind_no)")
    events["day"] = events["occurred_at"].dt.tz_convert("UTC").dt.date
    grouped = events.groupby(["day", "kind"])
    counted = grouped.agg(
        n=("user_no", "size"), users=("user_no", "nunique"), items=("item_no", "nunique")
    )
    return [tuple(row) for row in counted.reset_index().itertuples(index=False)]


def test_interactions_a_day_are_the_same_before_and_after_they_are_counted(log: Engine) -> None:
    expected = plain_interactions_daily(log)
    order = "select * from analytics.interactions_daily order by day, kind"
    assert rows(log, order) == expected
    count(log)
    assert rows(log, "select max(day) from interaction_days") == [(NOW.date() - DAY,)]
    assert rows(log, order) == expected
    count(log, NOW - 10 * DAY)
    assert rows(log, order) == expected, "what is not counted is counted when it is asked for"


def plain_outcomes(engine: Engine, days: int = 7) -> pd.DataFrame:
    """One row an item of a list, with what became of it."""
    lists = frame(engine, "select * from impressions")
    liked = frame(engine, "select * from likings")
    totals = Counter(frame(engine, "select user_no from interactions")["user_no"])
    found = []
    for given in lists.itertuples():
        user = None if pd.isna(given.user_no) else int(given.user_no)
        day = given.shown_at.tz_convert("UTC").normalize()
        n = totals.get(user, 0)
        segment = "unknown" if not n else "few" if n < 5 else "some" if n < 50 else "many"
        for slot, item_no in enumerate(given.item_nos, 1):
            of_item = liked[liked["item_no"] == item_no]
            in_days = of_item["occurred_at"].between(day, day + (days + 1) * DAY, inclusive="left")
            named = of_item["recommendation_id"] == given.recommendation_id
            since = given.shown_at
            in_time = of_item["occurred_at"].between(since, since + days * DAY, inclusive="left")
            found.append(
                {
                    "day": day.date(),
                    "slot": slot,
                    "segment": segment,
                    "source": given.source,
                    "context_no": given.context_no,
                    "recommendation_id": given.recommendation_id,
                    "item_no": item_no,
                    "clicked": bool((in_days & named).any()),
                    "taken": bool((in_time & (of_item["user_no"] == user)).any()),
                }
            )
    return pd.DataFrame(found)


def test_what_became_of_lists_is_what_a_plain_count_says(log: Engine) -> None:
    count(log)
    outcomes = plain_outcomes(log)
    for columns in (["day", "slot"], ["segment"], ["source", "slot"]):
        names = ", ".join(columns)
        expected = outcomes.groupby(columns).agg(
            shown=("item_no", "size"), clicked=("clicked", "sum"), taken=("taken", "sum")
        )
        found = rows(
            log,
            f"select {names}, sum(shown), sum(clicked), sum(taken)"
            f" from analytics.click_through_daily group by {names} order by {names}",
        )
        assert found == [tuple(row) for row in expected.reset_index().itertuples(index=False)]
    for number, context in enumerate(CONTEXTS, 1):
        of_context = outcomes[outcomes["context_no"] == number]
        name, value = list(context.items())[-1]
        asked = (
            "select sum(lists), sum(shown), sum(clicked), sum(taken) from analytics.context_daily"
            f" where (name, value) = ('{name}', '{value}')"
        )
        lists = of_context["recommendation_id"].nunique()
        sums = int(of_context["clicked"].sum()), int(of_context["taken"].sum())
        assert rows(log, asked) == [(lists, len(of_context), *sums)]
    assert outcomes["clicked"].sum() > 20
    assert outcomes["taken"].sum() > 20
    by_day = outcomes.groupby("day")["item_no"].nunique()
    coverage = rows(log, "select day, items, coverage from analytics.coverage_daily order by day")
    assert coverage == [(day, n, n / 12) for day, n in by_day.items()]
    late = outcomes[outcomes["day"] >= NOW.date() - 28 * DAY]
    health = dict(rows(log, "select item_id, shown from analytics.catalogue_health"))
    assert health == {f"item-{n}": int((late["item_no"] == n).sum()) for n in range(1, 13)}
    assert health["item-12"] == 0, "what is never shown has a row too"


def test_the_attribution_window_is_as_it_is_set(log: Engine) -> None:
    sums = "select sum(clicked), sum(taken) from analytics.click_through_daily"
    for days in (2, 12):
        list(count_rollups(log.begin, NOW, days))
        with log.begin() as connection:
            (found,) = connection.execute(text(sums)).all()
            connection.execute(text("truncate click_days, context_days, exposure_days, rollups"))
        outcomes = plain_outcomes(log, days)
        assert tuple(found) == (int(outcomes["clicked"].sum()), int(outcomes["taken"].sum()))


def test_who_came_back_is_counted_once_the_week_after_is_over(log: Engine) -> None:
    count(log)
    active: dict[date, set[int]] = {}
    shown: dict[date, set[int]] = {}
    for query, found in (
        ("select user_no, occurred_at as moment from interactions", active),
        ("select user_no, shown_at as moment from impressions where user_no is not null", shown),
    ):
        for row in frame(log, query).itertuples():
            found.setdefault(monday(row.moment.tz_convert("UTC")), set()).add(int(row.user_no))
    expected = []
    for week in sorted(active):
        following = active.get(week + 7 * DAY, set())
        for exposed in (False, True):
            group = {no for no in active[week] if (no in shown.get(week, set())) == exposed}
            if group and week < NOW.date() - 14 * DAY:
                expected.append((week, exposed, len(group), len(group & following)))
    counted = rows(log, "select week, exposed, users, returned from retention_weeks order by 1, 2")
    assert counted == expected
    assert len(counted) > 6


def test_counted_again_everything_stays_and_what_is_new_is_added(log: Engine) -> None:
    count(log, NOW - 3 * DAY)
    count(log)
    once = everything(log)
    assert count(log)
    assert everything(log) == once
    with log.begin() as connection:
        connection.execute(
            text("truncate interaction_days, user_activity, click_days, context_days, rollups")
        )
        connection.execute(
            text("truncate item_exposure_days, exposure_days, given_days, retention_weeks")
        )
    count(log)
    assert everything(log) == once


def test_days_whose_impressions_are_gone_stay_as_they_were_counted(log: Engine) -> None:
    count(log)
    before = everything(log)
    list(count_up_old_impressions(log.begin, (NOW - 9 * DAY).date(), 100))
    count(log)
    assert everything(log) == before


def test_days_are_counted_again_until_they_are_final_however_long_nobody_counted(
    log: Engine,
) -> None:
    count(log)
    once = everything(log)
    with log.begin() as connection:
        connection.execute(
            text(
                "truncate click_days, context_days, item_exposure_days, exposure_days, given_days,"
                " rollups"
            )
        )
    count(log, NOW - 20 * DAY)
    # Stopped after its first day, a count is no count.
    steps = (step for step in count_rollups(stopped_after(log, 4), NOW))
    with pytest.raises(InterruptedError):
        list(steps)
    count(log)
    assert everything(log) == once


def stopped_after(engine: Engine, transactions: int) -> Begin:
    left = iter(range(transactions))

    def begin() -> AbstractContextManager[Connection]:
        if next(left, None) is None:
            raise InterruptedError
        return engine.begin()

    return begin


@pytest.mark.parametrize("counted", [True, False])
def test_lists_a_day_are_the_same_before_and_after_they_are_counted(
    log: Engine, *, counted: bool
) -> None:
    query = f"select * from analytics.impressions_daily order by {VIEWS['impressions_daily']}"
    expected = rows(log, query)
    assert len(expected) > 40
    if counted:
        count(log)
        assert rows(log, query) == expected
    for _ in count_up_old_impressions(log.begin, (NOW - 9 * DAY).date(), 3):
        assert rows(log, query) == expected
    count(log)
    assert rows(log, query) == expected


def test_two_who_count_at_once_count_what_one_would(log: Engine) -> None:
    count(log)
    once = everything(log)
    threads = [threading.Thread(target=count, args=(log,), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert everything(log) == once


def test_a_forgotten_user_has_no_activity_though_it_is_being_counted(log: Engine) -> None:
    count(log)
    with log.begin() as connection:
        forget(connection, "user-3")
    assert rows(log, "select * from user_activity where user_no = 3") == []
    with log.begin() as connection:
        connection.execute(
            text("insert into user_activity values (3, 'few', 1, 1, 1, now(), now())")
        )
        connection.execute(text("select clear_forgotten_activity()"))
    assert rows(log, "select * from user_activity where user_no = 3") == []
    count(log)
    assert ("user-3",) not in rows(log, "select user_id from analytics.user_segments")


def test_of_an_empty_log_there_is_nothing_to_count(engine: Engine) -> None:
    assert count(engine)
    assert not any(everything(engine)[view] for view in VIEWS)
