"""Who is in which arm, by its properties."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.experiments.assignment import (
    Arm,
    EarlierArms,
    RampStep,
    RunningExperiment,
    arm_at,
    point,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
USERS = [f"user-{n}" for n in range(20_000)]
DAY = timedelta(days=1)

salts = st.text(st.characters(exclude_characters=":", codec="utf-8"), max_size=8)
shares = st.lists(st.floats(0.01, 1), min_size=2, max_size=5).map(
    lambda parts: [part / sum(parts) for part in parts]
)
ramps = st.lists(st.tuples(st.floats(0.01, 30), st.floats(0.01, 1)), min_size=1, max_size=4).map(
    lambda steps: tuple(
        RampStep(days, share)
        for days, share in zip(
            [0.0, *sorted(days for days, _ in steps)],
            [0.01, *sorted(share for _, share in steps)],
            strict=True,
        )
    )
)


def an_experiment(**values: object) -> RunningExperiment:
    given = {
        "experiment_id": "e",
        "placement": "home",
        "layer": "home",
        "layer_from": 0.0,
        "salt": "s",
        "ramp": (RampStep(0, 1.0),),
        "arms": (Arm("a", 0.5, 1), Arm("b", 0.5, 2)),
        "started_at": START,
    }
    return RunningExperiment(**(given | values))


def arms_of(parts: list[float]) -> tuple[Arm, ...]:
    return tuple(Arm(f"arm-{n}", share, n) for n, share in enumerate(parts, 1))


@given(shares, salts)
def test_arms_have_their_shares_of_the_users(parts: list[float], salt: str) -> None:
    experiment = an_experiment(arms=arms_of(parts), salt=salt)
    found = Counter(experiment.arm_of(user, START) for user in USERS[:4000])
    for arm in experiment.arms:
        deviation = (arm.share * (1 - arm.share) / 4000) ** 0.5
        assert found[arm] / 4000 == pytest.approx(arm.share, abs=6 * deviation)


@given(ramps, shares, st.lists(st.floats(0, 40), min_size=2, max_size=6))
def test_a_user_never_changes_arm_while_the_experiment_grows(
    ramp: tuple[RampStep, ...], parts: list[float], days: list[float]
) -> None:
    experiment = an_experiment(ramp=ramp, arms=arms_of(parts))
    for user in USERS[:200]:
        moments = [START + day * DAY for day in sorted(days)]
        found = [experiment.arm_of(user, moment) for moment in moments]
        first = next((n for n, arm in enumerate(found) if arm is not None), len(found))
        assert len(set(found[first:])) <= 1


def test_a_user_had_the_arm_of_the_shares_that_were_in_force_then() -> None:
    mostly_a, mostly_b = (Arm("a", 0.9, 1), Arm("b", 0.1, 2)), (Arm("a", 0.1, 1), Arm("b", 0.9, 2))
    experiment = an_experiment(
        earlier=(EarlierArms(START + DAY, mostly_a), EarlierArms(START + 2 * DAY, mostly_b))
    )
    for days, arms in ((0, mostly_a), (1, mostly_b), (2, experiment.arms), (9, experiment.arms)):
        found = [experiment.arm_of(user, START + days * DAY) for user in USERS[:100]]
        assert found == [arm_at(arms, point("s", user)) for user in USERS[:100]]


def test_a_ramp_lets_in_its_share() -> None:
    experiment = an_experiment(ramp=(RampStep(0, 0.1), RampStep(2, 0.5)))
    moments = [START - DAY, START, START + DAY, START + 2 * DAY]
    inside = [sum(experiment.arm_of(user, now) is not None for user in USERS) for now in moments]
    assert inside[0] == 0
    assert inside[1] == inside[2] == pytest.approx(2_000, abs=250)
    assert inside[3] == pytest.approx(10_000, abs=450)


def test_nobody_is_in_an_experiment_that_has_ended() -> None:
    experiment = an_experiment(ends_at=START + DAY)
    assert all(experiment.arm_of(user, START + DAY / 2) for user in USERS[:100])
    assert not any(experiment.arm_of(user, START + DAY) for user in USERS[:100])


def test_arms_by_different_salts_have_nothing_to_do_with_each_other() -> None:
    names = ["first", "second", "1", "2"]
    for first, second in itertools.combinations(names, 2):
        both = Counter((point(first, user) < 0.5, point(second, user) < 0.5) for user in USERS)
        # Four cells of a quarter: chi-square with three degrees of freedom, 1 in 100,000.
        expected = len(USERS) / 4
        assert sum((count - expected) ** 2 / expected for count in both.values()) < 25.9


@given(salts, st.text(max_size=20))
def test_points_are_at_least_0_and_below_1(salt: str, user_id: str) -> None:
    assert 0 <= point(salt, user_id) < 1


def test_a_point_is_the_same_for_ever() -> None:
    assert point("salt", "user") == pytest.approx(0.02650573363335207, abs=1e-15)


@given(st.floats(0, 1, exclude_max=True), st.floats(0.05, 0.5))
def test_experiments_of_one_layer_exclude_one_another(begins: float, share: float) -> None:
    first = an_experiment(layer_from=0.0, ramp=(RampStep(0, share),))
    second = an_experiment(layer_from=share, ramp=(RampStep(0, share),), salt="other")
    for user in USERS[:300]:
        assert first.arm_of(user, START) is None or second.arm_of(user, START) is None


def test_shares_that_sum_to_a_little_less_than_1_leave_nobody_out() -> None:
    arms = arms_of([0.1] * 10)
    assert arm_at(arms, 1 - 2**-53) == arms[-1]
