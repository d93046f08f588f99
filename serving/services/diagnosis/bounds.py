"""What still counts as well."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond these something needs doing."""

    oldest_run: timedelta = timedelta(days=2)
    """Since the cut-off of the run being served."""
    longest_day: timedelta = timedelta(hours=36)
    """From the end of one night to the end of the next."""
    longest_wait: timedelta = timedelta(seconds=30)
    """Of an event for its user's live vector, and of a new item for its embedding."""
    popular_rest: timedelta = timedelta(seconds=30)
    """What popular lists are left alone for at least after they were made anew."""
    index_recall: float = 0.95
    """An index that finds less of the exact answer is not used."""
    longest_lag: timedelta = timedelta(seconds=60)
    """Of the read replica."""
    fewest_users: int = 2
    """With fewer users a night has nothing to learn."""
