"""What goes on by itself while an experiment runs: counting, other shares, an end."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from serving.experiments.automatic import moved_shares
from serving.experiments.definition import Experiment
from serving.experiments.experiment_counting import ExperimentCounting
from serving.experiments.experiment_figures import Counted
from serving.experiments.experiment_keeping import ExperimentKeeping
from serving.experiments.experiment_reading import ExperimentReading
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from tests.events import PURCHASE, VIEW, event, record
from tests.serving.experiments.made_experiments import DAY, SERVING, START, MadeExperiment

USERS = 300
"""Of each arm."""


@pytest.fixture
async def counting(database_url: str) -> AsyncIterator[ExperimentCounting]:
    store = Store.at(database_url, StoreLimits(wait_seconds=60.0, write_seconds=60.0))
    keeping = ExperimentKeeping(store)
    reading = ExperimentReading(store, keeping)
    yield ExperimentCounting(store, keeping, reading, seconds=60.0)
    await store.close()


def running(engine: Engine, rates: dict[str, float], **values: Any) -> MadeExperiment:
    """An experiment whose users bought something at these rates."""
    made = MadeExperiment(engine, goal="conversion", **values)
    random = np.random.default_rng(0)
    shown, events = [], []
    for arm, rate in rates.items():
        for n in range(USERS):
            user = f"{arm}-{n}"
            shown.append(
                {
                    "recommendation_id": f"{len(shown):032x}",
                    "source": "popular",
                    "item_nos": [1, 2],
                    "explored": [],
                    "shown_at": (START + timedelta(minutes=n)).isoformat(),
                    "placement": "default",
                    "experiment_id": made.name,
                    "arm": arm,
                    "user_id": user,
                }
            )
            kind = PURCHASE if random.random() < rate else VIEW
            events.append(event(user, 1, minutes=n + 1, kind_no=kind))
    with engine.begin() as connection:
        connection.execute(SERVING["store_impressions"], {"shown": json.dumps(shown)})
        record(connection, events)
        # Noting items goes on from here.
        connection.execute(text("update experiments set items_until = now() - interval '1 hour'"))
    return made


def state_of(made: MadeExperiment) -> Any:
    (row,) = made.ask("find_experiment")
    return row


async def test_counting_finds_a_difference_and_leaves_alone_what_asks_for_nothing(
    engine: Engine, film_nos: list[int], counting: ExperimentCounting
) -> None:
    made = running(engine, {"now": 0.1, "other": 0.4})
    for _ in range(2):
        await counting.count()
    assert state_of(made).state == "running"
    found = await counting._reading.load(made.name)
    (of_goal,) = [each for each in found.comparisons if each.metric == "conversion"]
    assert of_goal.users == 2 * USERS
    assert of_goal.decided
    assert of_goal.difference == pytest.approx(0.3, abs=0.1)
    assert found.finding.startswith("other brings more than now: +0.")
    assert [arm.users for arm in found.arms] == [USERS, USERS]
    with engine.connect() as connection:
        view = connection.execute(
            text("select arm, users, mean from analytics.experiment_results where is_goal")
        ).all()
        exposed = connection.execute(
            text("select count(*) from analytics.experiment_exposures where lists = 1")
        ).scalar_one()
    means = {arm.name: arm.means["conversion"] for arm in found.arms}
    assert {row.arm: row.mean for row in view} == pytest.approx(means)
    assert exposed == 2 * USERS


async def test_an_arm_that_does_harm_ends_the_experiment(
    engine: Engine, film_nos: list[int], counting: ExperimentCounting
) -> None:
    guardrails = [{"metric": "conversion", "most_loss": 0.1}]
    made = running(engine, {"now": 0.6, "other": 0.15}, guardrails=guardrails)
    await counting.count()
    stopped = state_of(made)
    assert stopped.state == "stopped"
    assert stopped.stopped_because.startswith("the arm other harms conversion: -0.")
    with engine.connect() as connection:
        actor = text("select actor from audit_log where act = 'stop arm'")
        assert connection.execute(actor).scalar_one() == "the experiment itself"


async def test_an_arm_that_does_harm_is_stopped_and_the_others_go_on(
    engine: Engine, film_nos: list[int], counting: ExperimentCounting
) -> None:
    arms = [
        {"name": "now", "version": 0, "share": 0.4},
        {"name": "other", "version": "popular", "share": 0.3},
        {"name": "third", "version": 0, "share": 0.3},
    ]
    guardrails = [{"metric": "conversion", "most_loss": 0.1}]
    rates = {"now": 0.6, "other": 0.15, "third": 0.6}
    made = running(engine, rates, guardrails=guardrails, arms=arms)
    made.show("late", "other", datetime.now(UTC) - timedelta(days=1))
    for _ in range(2):
        await counting.count()
    assert state_of(made).state == "running"
    (stopped,) = made.ask("load_stopped_arms")
    assert stopped.arm == "other"
    # Nobody else changes arm, and who came in later comes into the others.
    first, second = made.ask("load_experiment_strata")
    assert list(first.shares) == list(second.shares) == [0.4, 0.3, 0.3]
    for n in range(40):
        made.show(f"late-{n}", "now" if n % 7 < 4 else "third", datetime.now(UTC))
    found = await counting._reading.load(made.name)
    assert not found.ratio_mismatch.found
    assert found.finding.startswith("The arm other harms conversion: -0.")
    assert "may be lost. It was stopped." in found.finding
    of_other = found.arms[1]
    assert (of_other.share, of_other.users, of_other.completed) == (0.0, USERS + 1, USERS)
    assert of_other.best_probability == 0
    assert of_other.stopped_because == stopped.stopped_because
    assert sum(arm.best_probability for arm in found.arms) == pytest.approx(1)
    # Whose window was not over when the arm was stopped never counts.
    with engine.begin() as connection:
        for earlier in (
            "update experiment_stopped_arms set stopped_at = now() - interval '2 days'",
            (
                "update experiment_users set first_at = first_at - interval '7 days'"
                " where user_id = 'late'"
            ),
        ):
            connection.execute(text(earlier))
    assert made.complete() == 0
    assert made.ask("stop_arm", arm="third", because="it") == [("experiment",)]
    assert state_of(made).stopped_because == "it"


def test_shares_that_follow_the_evidence_leave_out_an_arm_that_was_stopped(
    engine: Engine,
) -> None:
    arms = [
        {"name": name, "version": 0, "share": share}
        for name, share in (("now", 0.3), ("other", 0.3), ("third", 0.4))
    ]
    experiment = Experiment.from_row(state_of(MadeExperiment(engine, arms=arms, automatic=True)))
    stopped = {"other": SimpleNamespace(stopped_at=START, stopped_because="it")}
    counted = Counted(days=[], strata=[], exposed={}, items={}, catalogue=0, stopped=stopped)
    moved = moved_shares(experiment, counted, [0.3, 0.3, 0.4])
    assert moved == pytest.approx([0.35, 0.3, 0.35])


def test_nothing_is_counted_for_ever_of_an_arm_that_was_stopped_first(
    engine: Engine, film_nos: list[int]
) -> None:
    arms = [{"name": name, "version": 0, "share": 0.25} for name in ("now", "bad", "b", "c")]
    made = MadeExperiment(engine, arms=arms)
    # The window of this user is over before the experiment ends, and not before the arm does.
    made.show("late", "bad", START + DAY)
    made.ask("stop_arm", arm="bad", because="harm")
    made.ask("stop_experiment", because="enough")
    with engine.begin() as connection:
        for moved in (
            "update experiment_stopped_arms set stopped_at = :start + interval '2 days'",
            "update experiments set stopped_at = :end, items_until = :end",
        ):
            given = text(moved.replace(":start", "cast(:start as timestamptz)"))
            times = {"start": START} if ":start" in moved else {"end": START + 20 * DAY}
            connection.execute(given, times)
    assert made.complete() == 0
    assert made.ask("find_counted") == []


async def test_its_time_ends_it(
    engine: Engine, film_nos: list[int], counting: ExperimentCounting
) -> None:
    made = running(engine, {}, ends_at=(START + 8 * DAY).isoformat())
    await counting.count()
    assert made.ask("find_counted") == [(made.name,)]
    await counting.count()
    assert made.ask("find_counted") == []
    assert (state_of(made).state, state_of(made).stopped_because) == (
        "stopped",
        "its time was over",
    )


async def test_shares_follow_the_evidence_once_a_day(
    engine: Engine, film_nos: list[int], counting: ExperimentCounting
) -> None:
    made = running(engine, {"now": 0.1, "other": 0.4}, automatic=True)
    for _ in range(2):
        await counting.count()
    first, second = made.ask("load_experiment_strata")
    assert (list(first.shares), second.stratum) == ([0.5, 0.5], 2)
    assert list(second.shares) == pytest.approx([0.4, 0.6])
    with engine.begin() as connection:
        connection.execute(
            text(
                "update experiment_strata set since = now() - interval '25 hours' where stratum = 2"
            )
        )
    await counting.count()
    *_, third = made.ask("load_experiment_strata")
    assert list(third.shares) == pytest.approx([0.3, 0.7])
