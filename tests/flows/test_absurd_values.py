"""Values nobody could mean do not take an item from anybody, and what vanishes is told."""

import pytest
from sqlalchemy import Engine, text

from flows.nightly import run_now
from tests.flows.conftest import Record
from tests.flows.test_nightly import ask_prefect, ignore, rows, value

pytestmark = pytest.mark.usefixtures("prefect_server")

MOST_LISTED = """
select item_no from (select unnest(item_nos) as item_no from batch_recommendations) as listed
group by item_no order by count(*) desc, item_no limit 1
"""
LISTS_WITH = """
select count(*) from batch_recommendations where run_id = :run_id and :item_no = any (item_nos)
"""


def rate_absurdly(engine: Engine, item_no: int) -> None:
    """Two who have used the item rate it, and it counts as much as any value can."""
    with engine.begin() as connection:
        changed = connection.execute(
            text(
                "update interactions set kind_no = 4, value = 1e15, strength = 10"
                " where item_no = :item_no"
                " and user_no in (select user_no from interactions where item_no = :item_no"
                " order by user_no limit 2)"
            ),
            {"item_no": item_no},
        )
        assert changed.rowcount == 2


def test_two_absurd_ratings_do_not_take_an_item_from_everybodys_lists(
    shop: Engine, first_run: int
) -> None:
    item_no = value(shop, MOST_LISTED)
    before = value(shop, LISTS_WITH, run_id=first_run, item_no=item_no)
    rate_absurdly(shop, item_no)
    second = run_now(ignore)
    after = value(shop, LISTS_WITH, run_id=second, item_no=item_no)
    assert after >= 0.8 * before
    assert (
        value(shop, "select metrics ->> 'vanished_items' from model_runs where run_id = 2") == "0"
    )


def test_an_item_of_many_lists_that_stands_in_none_is_reported(
    shop: Engine, record: Record, first_run: int
) -> None:
    assert "vanished_items" not in value(shop, "select metrics from model_runs")
    item_no = value(shop, MOST_LISTED)
    share = value(shop, LISTS_WITH, run_id=first_run, item_no=item_no) / 60
    with shop.begin() as connection:
        # Everybody has used it now, so that it can stand in no list.
        record(connection, [(f"user-{number}", item_no, 100) for number in range(60)])
    run_now(ignore)
    metrics = rows(shop, "select metrics from model_runs order by run_id")[1].metrics
    item_id = value(shop, "select item_id from items where item_no = :no", no=item_no)
    assert metrics["vanished_items"] == 1
    assert metrics["vanished"] == [{"item_id": item_id, "share": pytest.approx(share, abs=1e-6)}]
    artifact = ask_prefect("artifacts/nightly-summary/latest")["data"]
    assert f"{item_id} (in {share:.0%} of the lists before)" in artifact


def test_an_item_that_is_not_to_be_listed_any_more_has_not_vanished(
    shop: Engine, first_run: int
) -> None:
    with shop.begin() as connection:
        connection.execute(
            text("update items set available = false where item_no = :no"),
            {"no": value(shop, MOST_LISTED)},
        )
    run_now(ignore)
    assert (
        value(shop, "select metrics ->> 'vanished_items' from model_runs where run_id = 2") == "0"
    )
