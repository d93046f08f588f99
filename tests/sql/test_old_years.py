"""A year of the log on another disk: all that is promised of its events holds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, text

from sql.log import event_horizon
from tests.events import event, record, user_no_of
from tests.histories import load_histories
from tests.removals import delete, forget, rows_of_user

THEN = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def table_space(engine: Engine) -> Iterator[str]:
    server = engine.execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        # A folder of the server itself stands for another disk.
        connection.execute(text("set allow_in_place_tablespaces = on"))
        connection.execute(text("create tablespace old_years location ''"))
    yield "old_years"
    with server.connect() as connection:
        connection.execute(text("drop table interactions_2024"))
        connection.execute(text("drop tablespace old_years"))


def move(connection: Connection, table_space: str) -> None:
    """As docs/scaling.md says it."""
    connection.execute(text(f"alter table interactions_2024 set tablespace {table_space}"))
    indexes = "select indexrelid::regclass::text from pg_index where indrelid = to_regclass(:name)"
    for index in connection.execute(text(indexes), {"name": "interactions_2024"}).scalars().all():
        connection.execute(text(f"alter index {index} set tablespace {table_space}"))


def test_events_of_a_year_on_another_disk_are_learned_from_deleted_and_forgotten(
    engine: Engine, film_nos: list[int], table_space: str
) -> None:
    old = [replace(event("ann", film), occurred_at=THEN) for film in film_nos[:3]]
    with engine.begin() as connection:
        record(connection, [*old, event("ann", film_nos[4])])
        ann = user_no_of(connection, "ann")
    with engine.begin() as connection:
        move(connection, table_space)
    with engine.begin() as connection:
        late = replace(event("ann", film_nos[3]), occurred_at=THEN)
        assert record(connection, [late, old[0]])[:2] == (1, 1)
        delete(connection, old[1].event_id)
        where = "select count(*) from interactions_2024"
        assert connection.execute(text(where)).scalar_one() == 3
    with engine.connect() as connection:
        horizon = event_horizon(connection)
        found = load_histories(connection, [ann], horizon=horizon, events=None)
        learned = {film_nos[n] for n in (0, 2, 3, 4)}
        assert set(found[ann].item_nos.tolist()) == learned
    with engine.begin() as connection:
        assert forget(connection, "ann").removed["interactions"] == 4
        assert rows_of_user(connection, ann) == {"forgotten_users": 1}
