"""How long Prefect rests, by the clock of the wall and by one that nobody can set."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LONGEST_REST = timedelta(days=1)
"""Then it is started in any case: Prefect has work of its own, and a mistake lasts no longer."""
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended, where the system has such a clock."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """What both clocks say at the same time."""

    wall: datetime
    since_boot: float
    """Seconds; nobody sets this clock."""


def read_clocks() -> Clocks:
    """What they say now."""
    return Clocks(datetime.now(UTC), time.clock_gettime(_CLOCK))


@dataclass(frozen=True, slots=True)
class Rest:
    """One rest of Prefect."""

    began: Clocks
    """Read before Prefect was asked what comes."""
    needed_at: datetime | None
    """When it has to be started for the next run; None: there is none."""

    @property
    def until(self) -> datetime:
        """When it ends at the latest, by the clock of the wall."""
        latest = self.began.wall + LONGEST_REST
        return latest if self.needed_at is None else min(latest, self.needed_at)

    def seconds_left(self, now: Clocks) -> float:
        """Until it is over by one of the clocks."""
        longest = LONGEST_REST.total_seconds() - (now.since_boot - self.began.since_boot)
        return min((self.until - now.wall).total_seconds(), longest)

    def reason_to_end(self, now: Clocks) -> str | None:
        """Why it is over; None: it is not.

        A clock that was set back to before the beginning makes of `until` a time that may be far
        away, and runs may be due before it that Prefect was not asked for.
        """
        if now.wall < self.began.wall:
            return "the clock was set back"
        if self.needed_at is not None and self.needed_at <= now.wall:
            return "Prefect is needed soon"
        if self.seconds_left(now) <= 0:
            return "Prefect has rested for a day"
        return None
