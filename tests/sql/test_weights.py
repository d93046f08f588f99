"""What an interaction weighs is the same in SQL and in the domain."""

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from sql.log import load_kinds

VALUES = (None, -50.0, -3.0, 0.0, 1.5, 40.0)


def _record(connection: Connection, item_no: int) -> None:
    connection.execute(text("update event_kinds set smallest_value = -99, greatest_value = 99"
                            " where value_reference is not null"))  # fmt: skip
    connection.execute(
        text(
            "insert into interactions (position, event_id, user_no, item_no, kind_no, value,"
            " occurred_at) select row_number() over (), gen_random_uuid(), 1, :item_no, kind_no,"
            " value, now() from event_kinds, unnest(cast(:given as real[])) as given (value)"
        ),
        {"item_no": item_no, "given": list(VALUES)},
    )


def test_weights_in_sql_are_those_of_the_domain(engine: Engine, film_nos: list[int]) -> None:
    with engine.begin() as connection:
        _record(connection, film_nos[0])
        kinds = load_kinds(connection)
        rows = connection.execute(
            text(
                "select kind_no, value, weight from weighed_interactions"
                " join interactions using (position, kind_no) order by position"
            )
        ).all()
        liked = connection.execute(text("select count(*) from likings")).scalar_one()
    kind_nos, values, weights = (
        np.array(column, dtype=float) for column in zip(*rows, strict=True)
    )
    expected = kinds.weights(kind_nos.astype(int), values)
    assert len(rows) == len(kinds.kinds) * len(VALUES)
    assert weights == pytest.approx(expected, rel=1e-6)
    assert liked == (expected > 0).sum()
