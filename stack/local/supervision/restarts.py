"""How often and how soon an ended process is started again."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """At most `limit` restarts within `window_seconds`; each pause is twice the one before."""

    limit: int = 5
    window_seconds: float = 60.0
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 8.0


@dataclass(slots=True)
class RestartHistory:
    """The recent restarts of one process."""

    policy: RestartPolicy
    times: list[float] = field(default_factory=list)

    def next_pause(self, now: float) -> float | None:
        """Seconds to wait before the next restart, which is counted; None if the limit is reached.

        `now` is a monotonic time in seconds.
        """
        window = self.policy.window_seconds
        self.times = [time for time in self.times if now - time < window]
        if len(self.times) >= self.policy.limit:
            return None
        pause = self.policy.first_pause_seconds * 2.0 ** len(self.times)
        self.times.append(now)
        return min(pause, self.policy.longest_pause_seconds)
