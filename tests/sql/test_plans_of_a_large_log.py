"""With a billion events in the log, what is asked all the time still goes by its indexes.

The planner is told so: a row in each partition stands for a hundred million.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from sql.statements import statements

EVENTS_A_PARTITION = 100_000_000
USERS, ITEMS = 10_000_000, 1_000_000
NEWEST = 10 * EVENTS_A_PARTITION

FILL = """
insert into interactions (position, event_id, user_no, item_no, kind_no, occurred_at)
select year, gen_random_uuid(), 1, 1, 1, make_timestamptz(year, 6, 1, 0, 0, 0, 'UTC')
from generate_series(2022, 2031) as year
"""
GROW = f"""
update pg_class set relpages = 1, reltuples = {EVENTS_A_PARTITION}
where relname ~ '^interactions_' and relkind in ('r', 'i') and relname !~ 'occurred'
"""
# How many different users and items a partition has; every one is as frequent as the others.
SPREAD = f"""
update pg_statistic set stadistinct = case attname when 'user_no' then {USERS}
    when 'item_no' then {ITEMS} else stadistinct end
from pg_attribute join pg_class on pg_class.oid = attrelid
where starelid = attrelid and staattnum = attnum and relname ~ '^interactions'
"""
# Positions and times lie between these ends.
RECEIPTS = (
    "insert into event_receipts values (gen_random_uuid(), 1, now())",
    "analyze event_receipts",
    f"update pg_class set relpages = 1, reltuples = {NEWEST} where relname ~ '^event_receipts'",
)

HOT: list[tuple[str, str, dict[str, Any]]] = [
    ("log", "load_histories", {"user_nos": [5, 6, 7], "horizon": NEWEST, "events": 1000}),
    (
        "log",
        "count_events_since",
        {"user_nos": [5, 6], "cut_off_position": NEWEST - 10, "horizon": NEWEST},
    ),
    ("speed", "load_changed_users", {"after": NEWEST, "until": NEWEST + 1000}),
    ("speed", "has_loaded_events", {"after": NEWEST, "until": NEWEST + 1000}),
    ("speed", "load_users_before", {"before": NEWEST, "seconds": 60, "rows": 1000}),
    ("serving", "find_exclusions", {"user_id": "ann"}),
    ("serving", "knows_user", {"user_no": 5, "run_id": 1}),
    ("serving", "find_logged_events", {"event_ids": "{00000000-0000-0000-0000-000000000001}"}),
    (
        "serving",
        "load_history",
        {"user_id": "ann", "before": None, "before_position": None, "events": 100},
    ),
    (
        "serving",
        "load_history",
        {
            "user_id": "ann",
            "before": datetime(2026, 1, 1, tzinfo=UTC),
            "before_position": NEWEST,
            "events": 100,
        },
    ),
    ("user_export", "export_events", {"user_no": 5, "after": 0, "most": 1000}),
]


@pytest.fixture
def large_log(engine: Engine, film_nos: list[int]) -> Iterator[Connection]:
    with engine.begin() as connection:
        connection.execute(text(FILL))
        connection.execute(text("insert into users (user_id) values ('ann')"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze interactions"))
        for statement in (*RECEIPTS, GROW, SPREAD):
            connection.execute(text(statement))
        yield connection


def test_the_planner_believes_in_a_billion_events(large_log: Connection) -> None:
    plan = plan_of(large_log, "select * from interactions", {})
    assert plan["Plan Rows"] == pytest.approx(NEWEST, rel=0.01)


@pytest.mark.parametrize(("layer", "name", "given"), HOT, ids=[each[1] for each in HOT])
def test_what_is_asked_all_the_time_reads_no_whole_partition(
    large_log: Connection, layer: str, name: str, given: Mapping[str, Any]
) -> None:
    plan = plan_of(large_log, statements(layer)[name].text, given)
    scans = [node for node in nodes_of(plan) if is_of_log(node)]
    assert scans, "it asks nothing of the log"
    for node in scans:
        assert "Seq Scan" not in node["Node Type"], node
        by_order = "limit" in statements(layer)[name].text and "Index Scan" in node["Node Type"]
        assert "Index Cond" in node or by_order, node


def plan_of(connection: Connection, code: str, given: Mapping[str, Any]) -> dict[str, Any]:
    found = connection.execute(text(f"explain (format json) {code}"), dict(given)).scalar_one()
    return dict(found[0]["Plan"])


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


def is_of_log(node: Mapping[str, Any]) -> bool:
    """Whether it reads a table of the log, or an index of one into a bitmap."""
    name = node.get("Relation Name", node.get("Index Name", ""))
    return name.startswith(("interactions", "event_receipts")) and (
        node["Node Type"] != "Bitmap Heap Scan"
    )
