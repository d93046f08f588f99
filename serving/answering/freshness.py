"""What a read replica is known to know. Pure.

A replica follows the primary at some distance. A *checkpoint* is a moment at which somebody looked
at the clock in Redis and then asked the primary how far its log was written. Once the replica has
replayed that much it has *passed* the checkpoint, and knows all that was committed before it.
Whoever commits a change and then drops a user's cached answers leaves the time of that clock in the
user's version; so if the version is older than a checkpoint the replica has passed, it knows the
change. docs/decisions/0012 has the whole argument.
"""

from collections import deque
from dataclasses import dataclass

from serving.runs.live_runs import LiveRun

_MOST_CHECKPOINTS = 1_000


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One reading of the clock and then of the primary's position."""

    clock: int
    """The clock in Redis, which every drop moves on."""
    generation: bytes
    """The generation of all answers then."""
    run: LiveRun | None
    """The run being served, as seen on the primary before."""
    exclusions_version: int
    """The version of the exclusion cache then."""
    written: int
    """How far the primary's log was written after all that."""
    taken_at: float
    """Monotonic seconds, before all that."""


@dataclass(frozen=True, slots=True)
class ReplicaGrant:
    """A grant to read a replica."""

    server: str
    """On this server only."""
    exclusions_version: int
    """What was added to the exclusion cache after this version may be missing in what is read."""


class Freshness:
    """The newest checkpoint the replica has passed, and those it has yet to pass."""

    def __init__(self, *, most_lag_seconds: float) -> None:
        self._most_lag_seconds = most_lag_seconds
        self._ahead: deque[Checkpoint] = deque(maxlen=_MOST_CHECKPOINTS)
        self._passed: Checkpoint | None = None
        self._server: str | None = None

    def note(self, checkpoint: Checkpoint) -> None:
        """Another checkpoint, later than all before."""
        self._ahead.append(checkpoint)

    def advance(self, server: str, replayed: int) -> None:
        """The replica is this far. Another server than before has yet to pass every checkpoint."""
        if server != self._server:
            self.reset()
            self._server = server
        while self._ahead and self._ahead[0].written <= replayed:
            self._passed = self._ahead.popleft()

    def reset(self) -> None:
        """Nothing is known any more, as of a replica that is not there."""
        self._server = self._passed = None

    def lag_seconds(self, now: float) -> float | None:
        """Everything older than this is known to the replica; None: nothing is certain."""
        return None if self._passed is None else now - self._passed.taken_at

    def grant(
        self, clock: int, generation: bytes, run: LiveRun | None, *, now: float
    ) -> ReplicaGrant | None:
        """A grant to read what was last changed at `clock`, of a run.

        None: the replica may not know it yet; read the primary. `now` in monotonic seconds.
        """
        checkpoint = self._passed
        if (
            checkpoint is None
            or self._server is None
            or now - checkpoint.taken_at > self._most_lag_seconds
        ):
            return None
        # Its figures may be measured anew; only another promotion makes another run of it.
        same = (run and run.version) == (checkpoint.run and checkpoint.run.version)
        known = clock <= checkpoint.clock and generation == checkpoint.generation and same
        return ReplicaGrant(self._server, checkpoint.exclusions_version) if known else None
