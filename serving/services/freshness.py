"""What a read replica is known to know. Pure.

A replica follows the primary at some distance. A *mark* is a moment at which somebody looked at
the clock in Redis and then asked the primary how far its log was written. Once the replica has
replayed that much it has *passed* the mark, and knows all that was committed before it. Whoever
commits a change and then drops a user's cached answers leaves the time of that clock in the user's
version; so if the version is older than a mark the replica has passed, it knows the change.
docs/decisions/0012 has the whole argument.
"""

from collections import deque
from dataclasses import dataclass

from serving.repositories.runs import LiveRun

_MOST_MARKS = 1_000


@dataclass(frozen=True, slots=True)
class Mark:
    """One look at the clock and then at the primary."""

    clock: int
    """The clock in Redis, which every drop moves on."""
    epoch: bytes
    """The epoch of all answers then."""
    run: LiveRun | None
    """The run being served, as seen on the primary before."""
    remembered_at: int
    """The moment of the remembered users then."""
    written: int
    """How far the primary's log was written after all that."""
    taken_at: float
    """Monotonic seconds, before all that."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave to read a replica."""

    server: str
    """On this server only."""
    remembered_at: int
    """What was added to the remembered users after this moment may be missing in what is read."""


class Freshness:
    """The newest mark the replica has passed, and those it has yet to pass."""

    def __init__(self, *, most_lag_seconds: float) -> None:
        self._most_lag_seconds = most_lag_seconds
        self._ahead: deque[Mark] = deque(maxlen=_MOST_MARKS)
        self._passed: Mark | None = None
        self._server: str | None = None

    def note(self, mark: Mark) -> None:
        """Another look, later than all before."""
        self._ahead.append(mark)

    def advance(self, server: str, replayed: int) -> None:
        """The replica has come this far. Another server than before has yet to pass every mark."""
        if server != self._server:
            self.lose()
            self._server = server
        while self._ahead and self._ahead[0].written <= replayed:
            self._passed = self._ahead.popleft()

    def lose(self) -> None:
        """Nothing is known any more, as of a replica that is not there."""
        self._server = self._passed = None

    def lag_seconds(self, now: float) -> float | None:
        """Everything older than this is known to the replica; None: nothing is certain."""
        return None if self._passed is None else now - self._passed.taken_at

    def leave(self, clock: int, epoch: bytes, run: LiveRun | None, *, now: float) -> Leave | None:
        """Leave to read what was last changed at `clock`, of a run.

        None: the replica may not know it yet; read the primary. `now` in monotonic seconds.
        """
        mark = self._passed
        if mark is None or self._server is None or now - mark.taken_at > self._most_lag_seconds:
            return None
        # Its figures may be measured anew; only another switch makes another run of it.
        same = (run and run.version) == (mark.run and mark.run.version)
        known = clock <= mark.clock and epoch == mark.epoch and same
        return Leave(self._server, mark.remembered_at) if known else None
