"""What became of the users of an experiment, as SQL counts it."""

import math
import uuid
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine, text

from domain.identifiers import UserId
from sql.log import NewEvent
from tests.events import CLICK, DISLIKE, PURCHASE, VIEW, event, record, user_no_of
from tests.serving.experiments.made_experiments import DAY, START, MadeExperiment

HOUR = timedelta(hours=1)


def did(
    user: str,
    kind_no: int,
    at: datetime,
    recommendation_id: uuid.UUID | None = None,
    value: float | None = None,
) -> NewEvent:
    made = event(user, 1, kind_no=kind_no)
    return replace(made, occurred_at=at, recommendation_id=recommendation_id, value=value)


@pytest.fixture
def made(engine: Engine, film_nos: list[int]) -> MadeExperiment:
    return MadeExperiment(engine)


def known(engine: Engine, *events: NewEvent) -> None:
    with engine.begin() as connection:
        record(connection, events)


def number_of(engine: Engine, user: str) -> int:
    with engine.connect() as connection:
        return user_no_of(connection, UserId(user))


def test_a_user_counts_by_what_happened_in_the_window_and_no_more(
    engine: Engine, made: MadeExperiment
) -> None:
    known(
        engine,
        did("ann", VIEW, START - 29 * DAY),
        did("ann", VIEW, START - 27 * DAY),
        did("ann", VIEW, START - HOUR),
    )
    ann = number_of(engine, "ann")
    first = made.show("ann", "now", START, user_no=ann)
    made.show("ann", "now", START + DAY, user_no=ann)
    late = made.show("ann", "now", START + 8 * DAY, user_no=ann)
    known(
        engine,
        did("ann", CLICK, START + HOUR, first),
        did("ann", VIEW, START + 2 * HOUR, first),
        did("ann", CLICK, START + 3 * HOUR),
        did("ann", PURCHASE, START + 2 * DAY),
        did("ann", DISLIKE, START + 2 * DAY, first),
        did("ann", PURCHASE, START + 8 * DAY, late),
    )
    assert made.complete() == 1
    row = made.users()["ann"]
    assert (row.arm, row.first_at, row.completed_at) == ("now", START, START + 7 * DAY)
    assert (row.lists, row.clicks, row.clicked_lists) == (2, 2, 1)
    assert (row.conversions, row.value, row.dislikes) == (1, 1, 1)
    assert (row.earlier, row.returned) == (2, True)
    # Once is enough.
    assert made.complete() == 0


def test_whoever_did_nothing_counts_with_nothing(engine: Engine, made: MadeExperiment) -> None:
    known(engine, did("ann", VIEW, START - DAY))
    made.show("ann", "now", START, user_no=number_of(engine, "ann"))
    made.show("nobody", "other", START)
    assert made.complete() == 2
    rows = {row.metric: row for row in made.ask("load_experiment_days") if row.arm == "other"}
    assert {row.users for row in rows.values()} == {1}
    assert {row.outcome for row in rows.values()} == {0}
    assert made.users()["ann"].returned is False


def test_somebody_whom_the_log_comes_to_know_later_counts_from_the_first_list(
    engine: Engine, made: MadeExperiment
) -> None:
    first = made.show("new", "other", START)
    made.show("new", "other", START + HOUR)
    known(engine, did("new", CLICK, START + 2 * HOUR, first))
    made.show("new", "other", START + 3 * HOUR, user_no=number_of(engine, "new"))
    made.complete()
    row = made.users()["new"]
    assert (row.first_at, row.lists, row.clicks, row.clicked_lists) == (START, 3, 1, 1)


def test_a_user_stays_in_the_arm_of_the_first_list(engine: Engine, made: MadeExperiment) -> None:
    made.show("ann", "other", START)
    made.show("ann", "now", START + DAY)
    assert made.users()["ann"].arm == "other"


def test_nobody_counts_before_the_window_is_over_or_if_it_ended_before(
    engine: Engine, made: MadeExperiment
) -> None:
    made.show("ann", "now", datetime.now(START.tzinfo) - 6 * DAY)
    assert made.complete() == 0
    made.show("ben", "now", START)
    made.show("cat", "now", START + 4 * DAY)
    made.ask("stop_experiment", because="enough")
    with engine.begin() as connection:
        connection.execute(text("update experiments set stopped_at = :at"), {"at": START + 8 * DAY})
    assert made.complete() == 1
    assert made.users()["ben"].completed_at == START + 7 * DAY


def test_sums_by_day_are_those_of_the_users(engine: Engine, made: MadeExperiment) -> None:
    random = np.random.default_rng(0)
    events = []
    for n in range(60):
        user, arm = f"user-{n}", "now" if n % 2 else "other"
        shown = [
            made.show(user, arm, START + float(hours) * HOUR)
            for hours in random.uniform(0, 72, random.integers(1, 4))
        ]
        for _ in range(random.integers(0, 6)):
            at = START + float(random.uniform(-300, 300)) * HOUR
            kind = int(random.choice([VIEW, CLICK, PURCHASE, DISLIKE]))
            events.append(did(user, kind, at, shown[random.integers(len(shown))]))
    known(engine, *events)
    assert made.complete() == 60
    expected: dict[tuple[object, ...], list[float]] = defaultdict(lambda: [0.0] * 7)
    for row in made.users().values():
        outcomes = {
            "clicks": row.clicks,
            "click_through": row.clicked_lists / max(row.lists, row.clicked_lists, 1),
            "conversion": min(row.conversions, 1),
            "value": row.value,
            "dislikes": row.dislikes,
            "returned": float(row.returned),
        }
        x = math.log1p(row.earlier)
        for metric, y in outcomes.items():
            sums = expected[row.completed_at.date(), row.arm, 1, metric]
            for place, term in enumerate((1, y != 0, y, y * y, x, x * x, x * y)):
                sums[place] += term
    rows = made.ask("load_experiment_days")
    found = {(row.day, row.arm, row.stratum, row.metric): list(row[4:]) for row in rows}
    assert found.keys() == expected.keys()
    for key, sums in expected.items():
        assert found[key] == pytest.approx(sums)


def test_users_are_of_the_shares_that_were_in_force_when_they_came(
    engine: Engine, made: MadeExperiment
) -> None:
    with engine.begin() as connection:
        statement = "insert into experiment_strata values ('trial', 2, :since, '{0.4, 0.6}')"
        connection.execute(text(statement), {"since": START + 2 * HOUR})
    for n, shown_at in enumerate((START, START + HOUR, START + 2 * HOUR, START + 3 * HOUR)):
        made.show(f"user-{n}", "now", shown_at)
    made.show("other-user", "other", START + HOUR)
    assert made.complete() == 5
    clicks = [row for row in made.ask("load_experiment_days") if row.metric == "clicks"]
    expected = [("now", 1, 2), ("now", 2, 2), ("other", 1, 1)]
    assert sorted((row.arm, row.stratum, row.users) for row in clicks) == expected
    assert [tuple(row) for row in made.ask("count_exposed")] == expected


def test_items_of_lists_are_noted_once_for_each_arm(made: MadeExperiment) -> None:
    made.show("ann", "now", START + 0.1 * HOUR, item_nos=(1, 2, 3))
    made.show("ben", "now", START + 0.3 * HOUR, item_nos=(2, 3, 4))
    made.show("cat", "other", START + 0.5 * HOUR, item_nos=(2,))
    assert made.ask("note_items")[0].has_more
    made.ask("note_items")
    assert [(row.arm, row.items) for row in made.ask("count_experiment_items")] == [
        ("now", 4),
        ("other", 1),
    ]


def test_items_of_posted_lists_are_noted_however_late_they_come(made: MadeExperiment) -> None:
    made.ask("note_items")
    made.ask("note_items")
    made.post("ann", "other", START, item_nos=[1, 2])
    made.post("ben", "nothing", START, item_nos=[3])
    made.ask("note_items")
    found = [(row.arm, row.items) for row in made.ask("count_experiment_items")]
    assert found == [("other", 2)]


def test_an_earlier_list_that_comes_later_is_the_first(
    engine: Engine, made: MadeExperiment
) -> None:
    known(engine, did("ann", VIEW, START - DAY))
    made.show("ann", "other", START + 2 * DAY, user_no=number_of(engine, "ann"))
    made.show("new", "other", START + 2 * DAY)
    for user in ("ann", "new"):
        made.post(user, "now", START + DAY)
        made.post(user, "other", START + 3 * DAY)
    users = made.users()
    assert {(row.arm, row.first_at) for row in users.values()} == {("now", START + DAY)}
    assert (users["ann"].visits, users["new"].visits) == (0, 3)
    assert made.complete() == 2
    # Whoever was counted stays as counted.
    for user in ("ann", "new"):
        made.post(user, "other", START)
    assert {(row.arm, row.first_at) for row in made.users().values()} == {("now", START + DAY)}


@pytest.mark.parametrize("way", ["show", "post"])
def test_only_what_ran_on_its_placement_at_that_time_counts(
    engine: Engine, film_nos: list[int], way: str
) -> None:
    arms = [{"name": name, "version": 0, "share": 0.25} for name in ("now", "bad", "b", "c")]
    made = MadeExperiment(engine, arms=arms)
    made.ask("stop_arm", arm="bad", because="harm")
    made.ask("stop_experiment", because="enough")
    with engine.begin() as connection:
        for table, days in (("experiment_stopped_arms", 2), ("experiments", 3)):
            moved = text(f"update {table} set stopped_at = :at")
            connection.execute(moved, {"at": START + days * DAY})
    shown = made.show if way == "show" else made.post
    shown("early", "now", START - HOUR)
    shown("in time", "bad", START + DAY)
    shown("too late", "bad", START + 2 * DAY)
    shown("goes on", "now", START + 2 * DAY)
    shown("after the end", "now", START + 3 * DAY)
    shown("of none", "nothing", START)
    if way == "post":
        made.post("elsewhere", "now", START, placement="home")
    assert made.users().keys() == {"in time", "goes on"}


def test_whoever_is_forgotten_is_in_no_experiment_any_more(
    engine: Engine, made: MadeExperiment
) -> None:
    made.show("ann", "now", START)
    known(engine, did("ann", VIEW, START + HOUR))
    made.complete()
    with engine.begin() as connection:
        removed = connection.execute(text("select removed from forget_user('ann')")).scalar_one()
    assert removed["experiments"] == 1
    assert made.users() == {}
    # What they came to is nobody's.
    assert {row.users for row in made.ask("load_experiment_days")} == {1}


def test_two_users_who_are_one_count_once(engine: Engine, made: MadeExperiment) -> None:
    for user in ("ann", "visitor", "other-visitor"):
        known(engine, did(user, VIEW, START))
    made.show("visitor", "now", START)
    made.show("other-visitor", "other", START + HOUR)
    with engine.begin() as connection:
        for user in ("visitor", "other-visitor"):
            connection.execute(text("select merge_users(:user, 'ann')"), {"user": user})
    assert {user: row.arm for user, row in made.users().items()} == {"ann": "now"}


def test_experiments_take_the_first_free_part_of_their_layer_that_is_long_enough(
    engine: Engine, film_nos: list[int]
) -> None:
    def started(name: str, share: float) -> float | None:
        MadeExperiment(engine, name=name, ramp=[{"days": 0, "share": share}])
        with engine.connect() as connection:
            statement = text("select layer_from from experiments where experiment_id = :name")
            found: float | None = connection.execute(statement, {"name": name}).scalar_one()
        return found

    assert [started(f"trial-{n}", share) for n, share in enumerate((0.3, 0.2, 0.5, 0.1))] == [
        0.0,
        0.3,
        0.5,
        None,
    ]
    with engine.begin() as connection:
        connection.execute(
            text(
                "update experiments set state = 'stopped', stopped_at = now()"
                " where experiment_id in ('trial-0', 'trial-1')"
            )
        )
    assert [started(f"later-{n}", share) for n, share in enumerate((0.6, 0.1, 0.4))] == [
        None,
        0.0,
        pytest.approx(0.1),
    ]
