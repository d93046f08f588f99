"""What an interaction weighs is the same in SQL and in the domain."""

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from sql.log import load_kinds

STRENGTHS = (None, -10.0, -2 / 3, 0.0, 0.25, 1.0, 10.0)


def _record(connection: Connection, item_no: int) -> None:
    connection.execute(
        text(
            "insert into interactions (position, event_id, user_no, item_no, kind_no, strength,"
            " occurred_at) select row_number() over (), gen_random_uuid(), 1, :item_no, kind_no,"
            " strength, now() from event_kinds, unnest(cast(:given as real[])) as given (strength)"
        ),
        {"item_no": item_no, "given": list(STRENGTHS)},
    )


def test_weights_in_sql_are_those_of_the_domain(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        _record(connection, film_nos[0])
        kinds = load_kinds(connection)
        rows = connection.execute(
            text(
                "select kind_no, strength, weight from weighed_interactions"
                " join interactions using (position, kind_no) order by position"
            )
        ).all()
        liked = connection.execute(text("select count(*) from likings")).scalar_one()
    kind_nos, strengths, weights = (
        np.array(column, dtype=float) for column in zip(*rows, strict=True)
    )
    expected = kinds.weights(kind_nos.astype(int), strengths)
    assert len(rows) == len(kinds.kinds) * len(STRENGTHS)
    assert weights == pytest.approx(expected, rel=1e-6)
    assert liked == (expected > 0).sum()


@pytest.mark.parametrize(
    "values",
    [
        "value_reference = 3",
        "smallest_value = 1",
        "smallest_value = 1, greatest_value = 1",
        "smallest_value = 1, greatest_value = 'infinity'",
        "smallest_value = 1, greatest_value = 5, weight = -1",
        "value_reference = 1, smallest_value = 5, greatest_value = 1",
    ],
)
def test_what_no_kind_can_be_the_database_refuses_too(engine: Engine, values: str) -> None:
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(f"update event_kinds set {values} where kind = 'view'"))
