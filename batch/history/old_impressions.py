"""Old impressions: counted by day, then deleted."""

from collections.abc import Iterator
from datetime import date

from batch.history.rollups import Begin, counting_alone
from sql.statements import statements

_HOUSEKEEPING = statements("housekeeping")


def count_up_old_impressions(begin: Begin, before: date, most: int) -> Iterator[tuple[date, int]]:
    """Turn impressions of days before `before` (UTC) into counts; each batch's day and size.

    A batch is one transaction of about `most` impressions, so it may end after any of them: what is
    counted is deleted, and nothing else. Two at once count nothing twice.
    """
    while True:
        with counting_alone(begin) as connection:
            day = connection.execute(
                _HOUSEKEEPING["find_oldest_impression_day"], {"before": before}
            ).scalar_one()
            if day is None:
                return
            counted = connection.execute(
                _HOUSEKEEPING["count_up_impressions"], {"day": day, "most": most}
            ).scalar_one()
        yield day, int(counted)
