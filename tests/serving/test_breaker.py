"""The circuit breaker, as a machine of states with a clock of its own."""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from serving.runtime.breaker import Breaker, BreakerRules

RULES = BreakerRules()
outcomes = st.lists(st.booleans(), max_size=200)
pauses = st.floats(min_value=0, max_value=40)


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Case:
    rules: BreakerRules = RULES
    clock: Clock = field(default_factory=Clock)
    openings: int = 0

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.rules, now=self.clock, on_opening=self._opened)

    def _opened(self) -> None:
        self.openings += 1

    def call(self, *, well: bool) -> bool:
        """One call; whether it was admitted."""
        admission = self.breaker.admit()
        if admission is None:
            return False
        (self.breaker.succeeded if well else self.breaker.failed)(admission)
        return True

    def open(self) -> "Case":
        for _ in range(self.rules.errors_in_row):
            self.call(well=False)
        assert self.breaker.state == "open"
        return self


def test_five_errors_in_a_row_open_it_and_four_do_not() -> None:
    case = Case()
    for well in (False, False, False, False, True, False, False, False, False):
        assert case.call(well=well)
    assert case.breaker.state == "closed"
    case.call(well=False)
    assert case.breaker.state == "open"
    assert not case.call(well=True)


@given(outcomes)
def test_closed_it_opens_exactly_when_the_errors_of_the_last_minute_are_too_many(
    wells: list[bool],
) -> None:
    case, results = Case(), []
    for well in wells:
        case.call(well=well)
        results.append(well)
        in_row = len(results) >= 5 and not any(results[-5:])
        often = len(results) >= RULES.fewest_calls and results.count(False) >= 0.5 * len(results)
        # A success changes nothing for the worse, however bad the minute was.
        if not well and (in_row or often):
            assert case.breaker.state == "open"
            return
        assert case.breaker.state == "closed"


@given(st.integers(min_value=1, max_value=8))
def test_errors_of_more_than_a_minute_ago_count_no_more(rounds: int) -> None:
    case = Case(replace(RULES, errors_in_row=1_000))
    for _ in range(rounds):
        for _ in range(RULES.fewest_calls // 2 - 1):
            case.call(well=False)
        case.clock.now += RULES.window_seconds + 1.5
    assert case.breaker.state == "closed"


@given(pauses)
def test_open_it_admits_nothing_for_thirty_seconds_and_then_a_trial(seconds: float) -> None:
    case = Case().open()
    case.clock.now += seconds
    assert case.call(well=True) == (seconds >= RULES.open_seconds)


@given(st.integers(min_value=1, max_value=400), st.floats(min_value=0.01, max_value=1))
def test_half_open_it_admits_the_first_call_and_then_its_share(calls: int, share: float) -> None:
    case = Case(replace(RULES, trial_share=share)).open()
    case.clock.now += RULES.open_seconds
    admitted = [case.breaker.admit() is not None for _ in range(calls)]
    assert admitted[0]
    assert calls * share - 1 <= sum(admitted) <= calls * share + 1


def test_three_successful_trials_close_it_and_one_failure_opens_it_again() -> None:
    case = Case(replace(RULES, trial_share=1.0)).open()
    case.clock.now += RULES.open_seconds
    assert case.call(well=True)
    assert case.call(well=False)
    assert case.breaker.state == "open"
    case.clock.now += RULES.open_seconds
    for _ in range(3):
        assert case.breaker.state == "half_open"
        assert case.call(well=True)
    assert case.breaker.state == "closed"
    assert case.openings == 2


def test_a_probe_that_is_well_ends_an_opening_and_counts_as_a_trial() -> None:
    case = Case().open()
    case.breaker.probed(well=False)
    assert case.breaker.state == "open"
    case.breaker.probed(well=True)
    assert case.breaker.state == "half_open"
    case.breaker.probed(well=True)
    case.breaker.probed(well=True)
    assert case.breaker.state == "closed"
    assert case.call(well=True)


def test_what_was_admitted_before_a_change_says_nothing_after_it() -> None:
    case = Case()
    old = case.breaker.admit()
    assert old is not None
    case.open()
    case.breaker.probed(well=True)
    case.breaker.failed(old)
    assert case.breaker.state == "half_open"
    for _ in range(5):
        case.breaker.succeeded(old)
    assert case.breaker.state == "half_open"


steps = st.lists(
    st.tuples(st.sampled_from(["call", "probe", "wait"]), st.booleans(), pauses), max_size=300
)


@given(steps)
def test_whatever_happens_a_dependency_that_is_well_again_is_soon_used_again(
    outcomes: list[tuple[str, bool, float]],
) -> None:
    case = Case()
    for what, well, seconds in outcomes:
        if what == "call":
            case.call(well=well)
        elif what == "probe":
            case.breaker.probed(well=well)
        else:
            case.clock.now += seconds
    for _ in range(RULES.trial_successes):
        case.breaker.probed(well=True)
    assert case.breaker.state == "closed"
    assert case.call(well=True)
