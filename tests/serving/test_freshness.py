"""A grant to read a replica is never given while it may lack what must be known."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.identifiers import RunId
from domain.redis_keys import VERSION_SECONDS
from serving.answering.replica_reading import Checkpoint, Freshness
from serving.diagnosis.settings import LONGEST_LAG_SECONDS
from serving.runs.live_runs import LiveRun
from tests.serving.conftest import CUT_OFF

RUN = LiveRun(RunId(1), CUT_OFF)
USERS = ("ann", "bob")
users = st.sampled_from(USERS)


def checkpoint(**changes: object) -> Checkpoint:
    fields = {
        "clock": 10, "generation": b"e", "run": RUN, "exclusions_version": 0,
        "written": 100, "taken_at": 0.0,
    }  # fmt: skip
    return Checkpoint(**{**fields, **changes})  # type: ignore[arg-type]


def fresh() -> Freshness:
    """A replica that has passed a checkpoint taken at clock 10 and 0 seconds."""
    freshness = Freshness(most_lag_seconds=60)
    freshness.note(checkpoint())
    freshness.advance("one", 100)
    return freshness


def test_a_grant_is_given_for_what_was_changed_before_the_checkpoint() -> None:
    grant = fresh().grant(10, b"e", RUN, now=5.0)
    assert grant is not None
    assert grant.server == "one"


def test_a_grant_is_refused_for_later_changes_other_generations_other_runs_and_too_much_lag() -> (
    None
):
    freshness = fresh()
    assert freshness.grant(11, b"e", RUN, now=5.0) is None
    assert freshness.grant(10, b"f", RUN, now=5.0) is None
    assert freshness.grant(10, b"e", LiveRun(RunId(1), CUT_OFF, promotion_no=2), now=5.0) is None
    assert freshness.grant(10, b"e", RUN, now=61.0) is None


def test_a_mark_counts_when_the_replica_has_come_so_far_and_the_lag_is_its_age() -> None:
    freshness = Freshness(most_lag_seconds=60)
    assert freshness.lag_seconds(0.0) is None
    for second in range(5):
        freshness.note(checkpoint(written=100 + second, taken_at=float(second)))
    freshness.advance("one", 99)
    assert freshness.lag_seconds(5.0) is None
    freshness.advance("one", 102)
    assert freshness.lag_seconds(5.0) == 3.0


def test_another_server_has_to_pass_for_itself() -> None:
    freshness = fresh()
    freshness.advance("two", 100)
    assert freshness.grant(10, b"e", RUN, now=5.0) is None
    freshness.note(checkpoint(written=101))
    freshness.advance("two", 101)
    assert freshness.grant(10, b"e", RUN, now=5.0) is not None


class AnyOrder(RuleBasedStateMachine):
    """Writers, a watcher, a replica and readers, in any order that can come about."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0
        self.seconds = 0.0
        self.written = 0
        self.committed = dict.fromkeys(USERS, 0)
        """How far the log was at each user's last commit."""
        self.must_know = dict.fromkeys(USERS, 0)
        """The same at the user's last drop."""
        self.versions: dict[str, tuple[int, float]] = {}
        self.server, self.replayed = 0, 0
        self.freshness = Freshness(most_lag_seconds=LONGEST_LAG_SECONDS)

    @rule(user=users, dropped=st.booleans())
    def change(self, user: str, *, dropped: bool) -> None:
        """Commit something about a user; the drop may come later."""
        self.written += 1
        self.committed[user] = self.written
        if dropped:
            self.drop(user)

    @rule(user=users)
    def drop(self, user: str) -> None:
        self.clock += 1
        self.must_know[user] = self.committed[user]
        self.versions[user] = (self.clock, self.seconds)

    @rule(meanwhile=st.lists(users, max_size=2))
    def look_at_the_primary(self, meanwhile: list[str]) -> None:
        """At the clock and then at the log, with changes between the two."""
        self.clock += 1
        clock, taken_at = self.clock, self.seconds
        for user in meanwhile:
            self.change(user, dropped=True)
        self.freshness.note(checkpoint(clock=clock, written=self.written, taken_at=taken_at))

    @rule(so_much=st.integers(0, 3), seen=st.booleans())
    def replay(self, so_much: int, *, seen: bool) -> None:
        """The replica moves on, looked at before it does or not at all."""
        if seen:
            self.freshness.advance(str(self.server), self.replayed)
        self.replayed = min(self.written, self.replayed + so_much)

    @rule(lost=st.integers(0, 3), seen=st.booleans())
    def restart_the_replica(self, lost: int, *, seen: bool) -> None:
        self.server += 1
        self.replayed = max(0, self.replayed - lost)
        if seen:
            self.freshness.advance(str(self.server), self.replayed)

    @rule(seconds=st.floats(0.1, 2 * VERSION_SECONDS))
    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    @invariant()
    def whoever_may_read_the_replica_finds_what_must_be_known(self) -> None:
        for user in USERS:
            version, dropped_at = self.versions.get(user, (0, 0.0))
            if self.seconds - dropped_at > VERSION_SECONDS:
                version = 0
            grant = self.freshness.grant(version, b"e", RUN, now=self.seconds)
            if grant is not None and grant.server == str(self.server):
                assert self.replayed >= self.must_know[user]


TestInAnyOrder = AnyOrder.TestCase
TestInAnyOrder.settings = settings(max_examples=300, stateful_step_count=25, deadline=None)
