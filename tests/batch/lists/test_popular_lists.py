"""The lists that the store makes from its log are what the formulas say, and what runs are compared
with.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from batch.bulk import bulk_connection
from batch.history.interactions import Interactions, load_interactions
from batch.lists.popularity import all_time, popular, popular_parameters
from batch.settings import BatchSettings
from domain.identifiers import Position, RunId
from sql.log import load_kinds
from sql.popular import refresh_part, store_parameters
from tests.events import CLICK, DISLIKE, LIKE, RATE, VIEW, NewEvent, event, record
from tests.small_run import publish_small_run

DAY = 24 * 60
WINDOWS = {"day": 1, "week": 7, "month": 30}
USERS, DAYS = 12, 170

Lists = dict[tuple[str, str], list[tuple[int, float]]]


def random_events(film_nos: list[int], seed: int, count: int = 600) -> list[NewEvent]:
    """Events of many kinds; later items are liked later."""
    random = np.random.default_rng(seed)
    kinds = random.choice([VIEW, CLICK, LIKE, RATE, DISLIKE], count)
    items = np.minimum(random.geometric(0.15, count) - 1, len(film_nos) - 1)
    days = DAYS * random.beta(1.0 + items / 6, 1.0)
    users = random.integers(USERS, size=count)
    return [
        event(f"user-{user}", film_nos[item], minutes=int(day * DAY), kind_no=int(kind))
        for user, item, day, kind in zip(users, items, days, kinds, strict=True)
    ]


def made_lists(connection: Connection, run_id: RunId, settings: BatchSettings) -> Lists:
    store_parameters(connection, run_id, popular_parameters(settings))
    assert refresh_part(connection, run_id, "ever")
    assert refresh_part(connection, run_id, "lately")
    rows = connection.execute(
        text("select list, category, item_nos, scores from popular_items where run_id = :run_id"),
        {"run_id": run_id},
    )
    return {
        (row.list, row.category): list(zip(row.item_nos, row.scores, strict=True)) for row in rows
    }


def likings(history: Interactions) -> Iterator[tuple[int, int, float]]:
    """User, item and age in days of whatever speaks for an item."""
    ages = history.ages_days(history.newest())
    for index in np.flatnonzero(history.weights() > 0):
        yield int(history.user_nos[index]), int(history.item_nos[index]), float(ages[index])


def trending_by_hand(history: Interactions, length: int) -> dict[int, float]:
    newest: dict[tuple[int, int, int], float] = {}
    for user, item, age in likings(history):
        back = math.floor(age / length)
        if back <= 4:
            newest[user, item, back] = min(age, newest.get((user, item, back), math.inf))
    recent: dict[int, float] = defaultdict(float)
    usual: dict[int, float] = defaultdict(float)
    for (_, item, back), age in newest.items():
        weight = 0.5 ** ((age - back * length) / (length / 2))
        if back == 0:
            recent[item] += weight
        else:
            usual[item] += weight / 4
    growth = (sum(recent.values()) + 1) / (sum(usual.values()) + 1)
    expected = {item: growth * usual[item] + 1 for item in recent}
    return {
        item: r * math.log(r / expected[item]) - (r - expected[item])
        for item, r in recent.items()
        if r > expected[item]
    }


def assert_ranked(listed: list[tuple[int, float]], scores: dict[int, float]) -> None:
    assert {item for item, _ in listed} == set(scores)
    for item, score in listed:
        assert score == pytest.approx(scores[item], rel=1e-5)
    assert [score for _, score in listed] == sorted((s for _, s in listed), reverse=True)


@pytest.fixture(params=range(3))
def shop(
    request: pytest.FixtureRequest, engine: Engine, database_url: str, film_nos: list[int]
) -> tuple[Interactions, Lists]:
    """What was recorded, and the lists made of it."""
    settings = BatchSettings(fewest_popular_items=3)
    with engine.begin() as connection:
        record(connection, random_events(film_nos, request.param))
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos)
        kinds = load_kinds(connection)
        lists = made_lists(connection, run_id, settings)
    with bulk_connection(database_url) as bulk:
        return load_interactions(bulk, kinds, Position(2**40)), lists


def test_the_store_and_the_comparison_count_alike(shop: tuple[Interactions, Lists]) -> None:
    history, lists = shop
    settings = BatchSettings(fewest_popular_items=3)
    for name, ranking in (
        ("popular", popular(history, history.newest(), settings)),
        ("all_time", all_time(history)),
    ):
        assert [item for item, _ in lists[name, ""]] == ranking.item_nos.tolist()
        assert [score for _, score in lists[name, ""]] == pytest.approx(ranking.scores.tolist())


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_counts_each_user_once_an_item(
    shop: tuple[Interactions, Lists], window: str
) -> None:
    history, lists = shop
    liked_by = {(user, item) for user, item, age in likings(history) if age < WINDOWS[window]}
    counts: dict[int, float] = defaultdict(float)
    for _, item in liked_by:
        counts[item] += 1
    assert_ranked(lists[f"popular_{window}", ""], counts)


@pytest.mark.parametrize("window", WINDOWS)
def test_trending_is_how_surprising_the_last_window_is(
    shop: tuple[Interactions, Lists], window: str
) -> None:
    history, lists = shop
    expected = trending_by_hand(history, WINDOWS[window])
    assert_ranked(lists.get((f"trending_{window}", ""), []), expected)


def test_few_likings_do_not_trend_before_many_and_steady_ones_not_at_all(
    engine: Engine, film_nos: list[int]
) -> None:
    steady, once, few, many = film_nos[:4]
    now = 40 * DAY

    def liked_by(item: int, count: int, day: float) -> list[NewEvent]:
        return [event(f"u{n}", item, minutes=now - int(day * DAY) - n) for n in range(count)]

    with engine.begin() as connection:
        for week in range(5):
            record(connection, liked_by(steady, 30, 7 * week + 0.5))
            record(connection, liked_by(many, 40 if week == 0 else 10, 7 * week + 0.5))
        record(connection, liked_by(once, 1, 0.1))
        record(connection, liked_by(few, 4, 0.1))
        run_id = publish_small_run(connection, film_nos)
        lists = made_lists(connection, run_id, BatchSettings())
    assert [item for item, _ in lists["trending_week", ""]] == [many, few]


def test_a_thin_popular_list_is_that_of_all_time(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        record(connection, [event(f"u{n}", film_nos[0]) for n in range(3)])
        record(connection, [event("ann", film_nos[1], minutes=200 * DAY)])
        run_id = publish_small_run(connection, film_nos)
        lists = made_lists(connection, run_id, BatchSettings(fewest_popular_items=2))
    assert lists["popular", ""] == [(film_nos[0], 3.0), (film_nos[1], 1.0)]
    assert lists["popular_month", ""] == [(film_nos[1], 1.0)]


def test_lists_hold_only_available_items_of_their_category_and_of_categories_big_enough(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "update items set available = item_id <> 'film-2', categories = case"
                " when item_id < 'film-4' then array['Drama', 'Drama', ''] else array['War'] end"
                " where item_no <= :last"
            ),
            {"last": film_nos[4]},
        )
        users = [f"u{n}" for n in range(2)]
        record(connection, [event(user, no) for user in users for no in film_nos[:8]])
        run_id = publish_small_run(connection, film_nos)
        settings = BatchSettings(fewest_category_items=2, popular_length=5)
        lists = made_lists(connection, run_id, settings)
    drama = [no for no in film_nos[:4] if no != film_nos[2]]
    for name in ("popular", "popular_day", "all_time"):
        items = {category: [no for no, _ in lists[name, category]] for category in ("", "Drama")}
        assert items == {"": [*drama, *film_nos[4:6]], "Drama": drama}
        assert (name, "War") not in lists


def test_what_is_older_than_the_newest_event_by_import_counts_as_old(
    engine: Engine, film_nos: list[int]
) -> None:
    old = timedelta(days=300)
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
        as_of = connection.execute(text("select popular_as_of()")).scalar_one()
        record(connection, [event(f"u{n}", film_nos[1], minutes=-300 * DAY) for n in range(1500)])
        assert connection.execute(text("select popular_as_of()")).scalar_one() == as_of
        first = connection.execute(text("select min(occurred_at) from interactions")).scalar_one()
    assert as_of - first == old
