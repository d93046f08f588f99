"""A rating in the middle of its scale is known to be known, and counts as a liking nowhere."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from domain.identifiers import ScaleNo, UserNo
from domain.interactions import Scale
from sql.log import event_horizon, scale_numbers, scale_parameters
from sql.statements import statements
from tests.events import LIKE, RATE, event, record, user_no_of
from tests.histories import load_histories

_LOG = statements("log")
NOTHING, LITTLE, DISLIKED = 0.0, 0.5, -2 / 3


@pytest.fixture
def rated(engine: Engine, film_nos: list[int]) -> tuple[Engine, list[int]]:
    """Ann likes an item, and rates three others: as nothing, a little, and as disliked."""
    ratings = [
        replace(event("ann", item_no, minutes=minute, kind_no=RATE), value=3.0, strength=strength)
        for minute, (item_no, strength) in enumerate(
            zip(film_nos[1:4], (NOTHING, LITTLE, DISLIKED), strict=True), start=1
        )
    ]
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0], kind_no=LIKE), *ratings])
    return engine, film_nos[:4]


def test_what_is_liked_is_what_weighs_above_nothing(rated: tuple[Engine, list[int]]) -> None:
    engine, (liked, nothing, little, disliked) = rated
    with engine.connect() as connection:

        def items_of(query: str) -> list[int]:
            asked = {"item_nos": [liked, nothing, little, disliked]}
            return sorted(connection.execute(text(query), asked).scalars())

        assert items_of("select item_no from likings") == [liked, little]
        assert items_of("select item_no from ever_liked()") == [liked, little]
        assert set(
            items_of("select item_no from lately_liked(timestamptz '2026-03-02', 90, 30)")
        ) == {liked, little}
        assert items_of("select item_no from items_liked_by(cast(:item_nos as integer[]))") == [
            liked,
            little,
        ]


def test_histories_have_ratings_by_what_they_weigh(rated: tuple[Engine, list[int]]) -> None:
    engine, item_nos = rated
    with engine.connect() as connection:
        user_no = user_no_of(connection, "ann")
        histories = load_histories(
            connection,
            [UserNo(user_no)],
            horizon=event_horizon(connection),
            events=None,
        )
    assert histories[user_no].item_nos.tolist() == item_nos
    assert histories[user_no].weights.tolist() == pytest.approx([3, 0, 1.5, -2])


def test_analysts_see_ratings_as_they_came_and_what_was_made_of_them(
    engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        added = connection.execute(_LOG["add_rating_scales"], scale_parameters([Scale(1, 10)]))
        scale_no = scale_numbers(added)[Scale(1, 10)]
        rating = replace(
            event("ann", film_nos[0], kind_no=RATE), value=10.0, strength=1.0, scale_no=scale_no
        )
        record(connection, [rating, event("ann", film_nos[1], minutes=1, kind_no=LIKE)])
        seen = connection.execute(
            text(
                "select kind, value, scale_least, scale_greatest, strength, weight"
                " from analytics.interactions order by occurred_at"
            )
        ).all()
    assert [tuple(row) for row in seen] == [
        ("rate", 10, 1, 10, 1, 3),
        ("like", None, None, None, 1, 3),
    ]


def test_an_event_on_a_scale_nobody_added_is_refused(engine: Engine, film_nos: list[int]) -> None:
    rating = replace(
        event("ann", film_nos[0], kind_no=RATE), value=1.0, strength=0.0, scale_no=ScaleNo(7)
    )
    with engine.begin() as connection, pytest.raises(IntegrityError, match="unknown scale number"):
        record(connection, [rating])


def test_two_who_add_scales_at_once_add_no_more_than_there_may_be(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into rating_scales (least, greatest)"
                " select 0, number from generate_series(1, 999) as number"
            )
        )
    found: list[dict[Scale, ScaleNo]] = []

    def add(scale: Scale) -> None:
        with engine.begin() as connection:
            rows = connection.execute(_LOG["add_rating_scales"], scale_parameters([scale]))
            found.append(scale_numbers(rows))

    first = engine.connect()
    with first, first.begin():
        mine = scale_numbers(
            first.execute(_LOG["add_rating_scales"], scale_parameters([Scale(-1, 1)]))
        )
        others = [
            threading.Thread(target=add, args=[scale]) for scale in (Scale(-1, 1), Scale(-2, 2))
        ]
        for thread in others:
            thread.start()
        others[0].join(0.3)
        assert not found, "they wait for whoever is adding"
    for thread in others:
        thread.join(10)
    assert len(mine) == 1
    assert sorted(map(len, found)) == [0, 1], "the one beyond the thousandth has no number"
    assert mine in found
