"""Which reads may go to the read replica: those that cannot tell it from the primary.

A replica follows the primary at some distance. A *checkpoint* is a moment at which somebody looked
at the clock in Redis and then asked the primary how far its log was written. Once the replica has
replayed that much it has *passed* the checkpoint, and knows all that was committed before it.
Whoever commits a change and then drops a user's cached answers leaves the time of that clock in the
user's version; so if the version is older than a checkpoint the replica has passed, it knows the
change. docs/decisions/0012 has the whole argument.
"""

import time
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass

import structlog

from domain.errors import StoreUnavailableError
from serving.answering.catalogue_changes import UNVERSIONED, CatalogueChanges, CatalogueVersion
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.postgres.replica import Replica, ReplicaState, reading_replica
from serving.postgres.store import ReadStore
from serving.redis.answers import Answers, CacheVersion
from serving.runs.live_runs import LiveRun, LiveRuns
from serving.runtime.budget import Budget, spending
from serving.runtime.metrics import ServingMetrics
from sql.statements import statements

_MOST_CHECKPOINTS = 1_000

_REPLICA = statements("replica")
_SECONDS = 1.0
log = structlog.get_logger()


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
    catalogue: bytes = b""
    """Of the cache, as the clock."""
    catalogue_version: CatalogueVersion = UNVERSIONED
    """What was known of the catalogue before."""


@dataclass(frozen=True, slots=True)
class ReplicaGrant:
    """A grant to read a replica."""

    server: str
    """On this server only."""
    exclusions_version: int
    """What was added to the exclusion cache after this version may be missing in what is read."""
    catalogue_version: CatalogueVersion = UNVERSIONED
    """What a list knows of the catalogue that is read there."""


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
        self,
        clock: int,
        generation: bytes,
        run: LiveRun | None,
        *,
        now: float,
        catalogue: bytes = b"",
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
        known = (
            clock <= checkpoint.clock
            and generation == checkpoint.generation
            and catalogue == checkpoint.catalogue
            and same
        )
        if not known:
            return None
        return ReplicaGrant(
            self._server, checkpoint.exclusions_version, checkpoint.catalogue_version
        )


@dataclass(frozen=True, slots=True)
class WrittenPosition:
    """Everything committed on the primary when it was asked is below `position`."""

    cluster: int
    position: int


async def load_written_position(primary: ReadStore) -> WrittenPosition:
    """How far the primary's log is written now; StoreUnavailableError when it is away."""
    with spending(Budget.of("background", _SECONDS)):
        (row,) = await primary.rows(_REPLICA["load_written_position"])
    return WrittenPosition(row.cluster, row.written)


@dataclass(frozen=True, slots=True)
class ReplicaFigures:
    """How it stands with the read replica."""

    lag_seconds: float | None
    """It knows everything older than this; None: nothing is certain."""
    fault: str | None = None
    """Why it cannot be used at all, in words."""
    seconds_faulty: float | None = None


def on_replica(grant: ReplicaGrant | None) -> AbstractContextManager[None]:
    """Read the replica for the time of the block, if there is a grant."""
    return nullcontext() if grant is None else reading_replica(grant.server)


class ReplicaReading:
    """Watches the replica, and grants reads there; without a replica, never."""

    def __init__(
        self,
        replica: Replica | None,
        *,
        primary: ReadStore,
        answers: Answers,
        live_runs: LiveRuns,
        exclusion_cache: ExclusionCache,
        catalogue: CatalogueChanges,
        metrics: ServingMetrics,
        most_lag_seconds: float,
    ) -> None:
        self._replica = replica
        self._primary = primary
        self._answers = answers
        self._live_runs = live_runs
        self._exclusion_cache = exclusion_cache
        self._catalogue = catalogue
        self._metrics = metrics
        self._freshness = Freshness(most_lag_seconds=most_lag_seconds)
        self._fault: str | None = None
        self._faulty_since: float | None = None
        self._cluster: int | None = None
        if replica is not None:
            metrics.replica_lag_seconds.set_function(self._lag_seconds)

    async def watch(self) -> None:
        """Look how far the primary and the replica are; to be done again and again."""
        if self._replica is None:
            return
        # With the primary away, what the replica is known to know stays known.
        with suppress(StoreUnavailableError):
            await self._note_checkpoint()
        try:
            self._judge(await self._replica.poll())
        except StoreUnavailableError as error:
            self._note_fault(str(error.__cause__ or error).partition("\n")[0])

    def figures(self) -> ReplicaFigures | None:
        """How it stands just now; None: there is no replica."""
        if self._replica is None:
            return None
        now = time.monotonic()
        faulty = None if self._faulty_since is None else now - self._faulty_since
        return ReplicaFigures(self._freshness.lag_seconds(now), self._fault, faulty)

    def grant(self, run: LiveRun | None, version: CacheVersion) -> ReplicaGrant | None:
        """A grant to read there what the version was taken for; None: read the primary."""
        if self._replica is None:
            return None
        grant = self._grant(run, version)
        self._metrics.replica_grants.labels("refused" if grant is None else "given").inc()
        return grant

    async def grant_for_all(self, run: LiveRun | None) -> ReplicaGrant | None:
        """The same for lists that depend on no user, only on what is available."""
        if self._replica is None:
            return None
        return self.grant(run, await self._answers.version_of_all())

    def _grant(self, run: LiveRun | None, version: CacheVersion) -> ReplicaGrant | None:
        if not version.reachable or self._fault is not None:
            return None
        return self._freshness.grant(
            int(version.user_version or 0),
            version.generation,
            run,
            now=time.monotonic(),
            catalogue=version.catalogue,
        )

    async def _note_checkpoint(self) -> None:
        taken_at = time.monotonic()
        exclusions_version, run = self._exclusion_cache.now, self._live_runs.current
        catalogue_version = self._catalogue.version
        clock = await self._answers.advance_clock()
        if clock is None:
            return
        written = await load_written_position(self._primary)
        self._cluster = written.cluster
        self._freshness.note(
            Checkpoint(
                clock.clock,
                clock.generation,
                run,
                exclusions_version,
                written.position,
                taken_at,
                clock.catalogue,
                catalogue_version,
            )
        )

    def _judge(self, state: ReplicaState) -> None:
        if state.replayed is None:
            self._note_fault("it is not a replica")
            self._freshness.reset()
        elif self._cluster is not None and state.cluster != self._cluster:
            self._note_fault("it is a replica of another database")
            self._freshness.reset()
        else:
            if self._fault is not None:
                log.info("replica_back")
            self._fault = self._faulty_since = None
            self._freshness.advance(state.server, state.replayed)

    def _lag_seconds(self) -> float:
        lag = self._freshness.lag_seconds(time.monotonic())
        return float("inf") if lag is None else lag

    def _note_fault(self, fault: str) -> None:
        if self._fault is None:
            log.warning("replica_away", error=fault)
            self._faulty_since = time.monotonic()
        self._fault = fault
