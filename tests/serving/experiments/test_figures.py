"""What is said of an experiment, from sums over its users."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from serving.experiments.automatic import harms, moved_shares
from serving.experiments.definition import METRICS, Experiment
from serving.experiments.experiment_figures import (
    Counted,
    comparison_alpha,
    experiment_answer,
)
from serving.experiments.statistics import difference
from serving.experiments.sums import Sums
from tests.serving.experiments.made_experiments import a_definition

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + 27 * DAY
DAYS = 20
THREE = [
    {"name": "now", "version": 1, "share": 0.5},
    {"name": "better", "version": 2, "share": 0.3},
    {"name": "popular", "version": "popular", "share": 0.2},
]


@dataclass
class DayRow:
    day: date
    arm: str
    stratum: int
    metric: str
    users: float
    acting: float
    outcome: float
    outcome_squared: float
    earlier: float
    earlier_squared: float
    product: float


@dataclass
class StratumRow:
    stratum: int
    since: datetime
    shares: list[float]


def an_experiment(**values: Any) -> Experiment:
    definition = a_definition(**{"arms": THREE, "window_days": 7, **values})
    return Experiment.model_validate(
        {
            **definition.model_dump(),
            "experiment_id": "trial",
            "state": "running",
            "revision": 2,
            "started_at": START,
            "stopped_at": None,
            "stopped_because": None,
            "adopted_arm": None,
            "adopted_version": None,
            "created_at": START,
        }
    )


def counted(means: dict[str, float], users: int = 50) -> tuple[Counted, dict[str, Any]]:
    """So many users a day in each arm, who all have outcomes with these means in all metrics."""
    random = np.random.default_rng(0)
    rows, outcomes = [], {}
    for arm, mean in means.items():
        drawn = random.poisson(mean, (DAYS, users)).astype(float)
        before = random.poisson(2, (DAYS, users)).astype(float)
        outcomes[arm] = drawn, before
        for n in range(DAYS):
            sums = Sums.of(drawn[n], before[n])
            columns = [float(getattr(sums, name)[0]) for name in Sums.__slots__]
            day = (START + n * DAY).date()
            rows += [DayRow(day, arm, 1, metric, *columns) for metric in METRICS]
    return (
        Counted(
            days=rows,
            strata=[StratumRow(1, START, [arm["share"] for arm in THREE])],
            exposed={(arm["name"], 1): int(10_000 * arm["share"]) for arm in THREE},
            items={"now": 50, "better": 80},
            catalogue=100,
        ),
        outcomes,
    )


EQUAL = {"now": 1.0, "better": 1.0, "popular": 1.0}
UNLIKE = {"now": 1.0, "better": 1.6, "popular": 0.5}


def test_differences_are_those_of_all_users_so_far() -> None:
    experiment = an_experiment()
    given, outcomes = counted(UNLIKE)
    answer = experiment_answer(experiment, given, NOW)
    for n in (0, 4, DAYS - 1):
        control, other = (
            Sums.of(*(column[: n + 1].ravel() for column in outcomes[arm]))
            for arm in ("now", "better")
        )
        alpha = comparison_alpha(experiment)
        expected = difference(control, other, alpha=alpha, tuned_to=10_000)
        point = [each for each in answer.history if each.arm == "better"][n]
        assert point.users == expected.users
        assert point.difference == pytest.approx(expected.mean)
        if expected.is_known:
            assert (point.low, point.high) == pytest.approx((expected.low, expected.high))
        else:
            assert (point.low, point.high) == (None, None)


def test_two_comparisons_share_what_may_be_wrong() -> None:
    assert comparison_alpha(an_experiment()) == pytest.approx(0.025)
    assert comparison_alpha(an_experiment(arms=a_definition().arms)) == pytest.approx(0.05)


def test_arms_have_their_means_users_and_coverage() -> None:
    answer = experiment_answer(an_experiment(), counted(UNLIKE)[0], NOW)
    now, better, popular = answer.arms
    assert (now.users, now.completed, now.share, now.coverage) == (5_000, 1_000, 0.5, 0.5)
    assert better.means["clicks"] == pytest.approx(1.6, abs=0.15)
    assert better.best_probability > 0.99
    assert popular.items == 0
    assert not answer.ratio_mismatch.found


def test_the_goal_comes_first_and_is_told_in_words() -> None:
    answer = experiment_answer(an_experiment(goal="value"), counted(UNLIKE)[0], NOW)
    assert [each.metric for each in answer.comparisons[:2]] == ["value", "value"]
    assert answer.finding == " ".join(each.finding for each in answer.comparisons[:2])
    assert "better brings more than now: +0.58" in answer.finding
    assert "popular brings less than now: -0.5" in answer.finding
    assert answer.finding.endswith("with 97.5% confidence.")


def test_users_lost_in_an_arm_are_told_first() -> None:
    given, _ = counted(EQUAL)
    lost = Counted(
        days=given.days,
        strata=given.strata,
        exposed={**given.exposed, ("better", 1): 2_500},
        items={},
        catalogue=0,
    )
    answer = experiment_answer(an_experiment(), lost, NOW)
    assert answer.ratio_mismatch.found
    assert answer.finding.startswith("Users did not come in the shares of the arms")


def test_a_draft_has_no_figures_yet() -> None:
    draft = an_experiment().model_copy(update={"state": "draft", "started_at": None})
    nothing = Counted(days=[], strata=[], exposed={}, items={}, catalogue=0)
    answer = experiment_answer(draft, nothing, NOW)
    assert [arm.users for arm in answer.arms] == [0, 0, 0]
    assert answer.history == []
    assert "Too few users" in answer.finding


def test_an_arm_that_certainly_loses_more_than_is_allowed_does_harm() -> None:
    guarded = an_experiment(guardrails=[{"metric": "returned", "most_loss": 0.1}])
    ((arm, harm),) = harms(guarded, counted(UNLIKE)[0]).items()
    assert arm == "popular"
    assert harm.startswith("the arm popular harms returned: -0.5")
    assert harms(guarded, counted(EQUAL)[0]) == {}
    # What may be lost is lost without an end.
    bearing = an_experiment(guardrails=[{"metric": "returned", "most_loss": 0.7}])
    assert harms(bearing, counted(UNLIKE)[0]) == {}


def test_more_dislikes_are_harm_and_fewer_are_not() -> None:
    guarded = an_experiment(guardrails=[{"metric": "dislikes", "most_loss": 0.1}])
    (harm,) = harms(guarded, counted(UNLIKE)[0]).values()
    assert harm.startswith("the arm better harms dislikes: +0.58")


def test_shares_move_to_the_better_arm_whatever_better_is() -> None:
    given, _ = counted(UNLIKE)
    shares = given.strata[0].shares
    more = moved_shares(an_experiment(), given, shares)
    fewer = moved_shares(an_experiment(goal="dislikes"), given, shares)
    assert more[1] > shares[1]
    assert fewer[2] > shares[2]
    assert sum(more) == pytest.approx(1)
