"""What is said of an experiment in words."""

import math

from serving.experiments.findings import Comparison, days_until_decided, format_finding
from serving.experiments.statistics import Difference, boundary

ALPHA, TUNED_TO = 0.05, 10_000.0


def compared(mean: float, *, users: int = 8000, days: float = 10) -> Comparison:
    half = boundary(users, alpha=ALPHA, tuned_to=TUNED_TO)
    found = Difference(mean, mean - half, mean + half, users, 1.0, 0.8)
    return Comparison("b", "a", "clicks per user", found, ALPHA, TUNED_TO, days)


def test_an_arm_that_is_better_or_worse_is_said_to_be() -> None:
    better, worse = format_finding(compared(0.1)), format_finding(compared(-0.1))
    assert better.startswith("b brings more than a: +0.1 clicks per user, between +0.06")
    assert worse.startswith("b brings less than a: -0.1 clicks per user, between -0.13")
    assert better.endswith("with 95% confidence.")
    assert days_until_decided(compared(0.1)) == 0


def test_what_is_not_decided_says_how_long_it_takes() -> None:
    undecided = compared(0.02)
    finding = format_finding(undecided)
    assert finding.startswith("Not decided: b brings between -0.01")
    days = days_until_decided(undecided)
    assert days is not None
    assert finding.endswith(f"(+0.02), it is decided in about {math.ceil(days)} days.")
    # At 800 users a day: after so many, the interval is as wide as the difference.
    assert boundary(8000 + 800 * days, alpha=ALPHA, tuned_to=TUNED_TO) < 0.02
    assert boundary(8000 + 800 * (days - 1), alpha=ALPHA, tuned_to=TUNED_TO) > 0.02


def test_what_takes_longer_than_a_year_is_said_to() -> None:
    for mean in (0.001, 0.0):
        assert days_until_decided(compared(mean)) is None
        assert format_finding(compared(mean)).endswith("it takes more than a year to tell.")


def test_few_users_are_said_to_be_too_few() -> None:
    found = Difference(0.3, -math.inf, math.inf, 1_234, 1.0, 1.0)
    few = Comparison("b", "a", "clicks per user", found, ALPHA, TUNED_TO, 2)
    assert format_finding(few) == "Too few users to compare b with a: 1,234 whose window is over."
    assert days_until_decided(few) is None
