"""Counts that analysts read and that would take long to make when they ask."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from sql.shared_settings import ATTRIBUTION_DAYS
from sql.statements import statements

_ROLLUPS = statements("rollups")
_LATE_DAYS = 7
"""Lists that apps post may be so old."""
_ITEM_DAYS = 28

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction."""


def count_rollups(
    begin: Begin, now: datetime, attribution_days: int = ATTRIBUTION_DAYS
) -> Iterator[str]:
    """Count everything as of `now`; says of each part what was counted, as it is done.

    What a user does counts for a list for `attribution_days`; days that are final already stay.
    Each part is one transaction: readers see it as it was before, or whole. Stopped in between, the
    next call counts what is missing. Two at once count one after the other.
    """
    today = now.astimezone(UTC).date()
    midnight = datetime.combine(today, time(), UTC)
    yield f"{_count_interactions(begin, midnight):,} days and kinds of interactions"
    yield f"the activity of {_count_activity(begin, now):,} users"
    yield f"the lists of {_count_exposure(begin, today, now, attribution_days):,} days"
    yield f"who returned after {_count_retention(begin, midnight):,} weeks"


@contextmanager
def counting_alone(begin: Begin) -> Iterator[Connection]:
    """A transaction in which nobody else counts."""
    with begin() as connection:
        connection.execute(_ROLLUPS["lock_rollups"])
        yield connection


@contextmanager
def _counting(begin: Begin, rollup: str, until: datetime) -> Iterator[Connection]:
    """A transaction in which a whole rollup is counted."""
    with counting_alone(begin) as connection:
        yield connection
        connection.execute(_ROLLUPS["note_rollup"], {"rollup": rollup, "counted_until": until})


def _count_interactions(begin: Begin, until: datetime) -> int:
    with _counting(begin, "interaction_days", until) as connection:
        connection.execute(_ROLLUPS["clear_interaction_days"])
        return connection.execute(_ROLLUPS["count_interaction_days"], {"until": until}).rowcount


def _count_activity(begin: Begin, until: datetime) -> int:
    with _counting(begin, "user_activity", until) as connection:
        connection.execute(_ROLLUPS["clear_user_activity"])
        users = connection.execute(_ROLLUPS["count_user_activity"]).rowcount
        connection.execute(_ROLLUPS["clear_forgotten_activity"])
        return users


def _count_exposure(begin: Begin, today: date, until: datetime, attribution_days: int) -> int:
    """Count days whose lists were not counted or may be used still; how many."""
    with begin() as connection:
        # What became of a list is known so long after it was given; then its day is final.
        changing = {"today": today, "changing_days": max(attribution_days, _LATE_DAYS) + 1}
        days = connection.execute(_ROLLUPS["find_days_to_count"], changing).scalars().all()
    for day in days:
        oldest = today - timedelta(days=_ITEM_DAYS)
        parameters = {
            "day": day,
            "today": today,
            "oldest_of_items": oldest,
            "attribution_days": attribution_days,
        }
        with counting_alone(begin) as connection:
            connection.execute(_ROLLUPS["clear_exposure_day"], parameters)
            connection.execute(_ROLLUPS["count_exposure_day"], parameters)
    with begin() as connection:
        # Not before: days that may have changed since are found by it.
        connection.execute(
            _ROLLUPS["note_rollup"], {"rollup": "click_days", "counted_until": until}
        )
    return len(days)


def _count_retention(begin: Begin, until: datetime) -> int:
    """Count the weeks that are over and were not counted; how many."""
    with _counting(begin, "retention_weeks", until) as connection:
        find = _ROLLUPS["find_weeks_to_count"]
        weeks = connection.execute(find, {"until": until}).scalars().all()
        for week in weeks:
            connection.execute(_ROLLUPS["count_retention_week"], {"week": week})
    return len(weeks)
