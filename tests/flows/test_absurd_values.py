"""Values nobody could mean do not take an item from anybody, and what vanishes is told."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from flows.nightly import run_now
from sql.engine import make_engine
from sql.role_names import APP
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.flows.asking_prefect import artifacts_of
from tests.flows.conftest import USERS, Record, set_small_fits
from tests.flows.test_nightly import ignore, rows, value

pytestmark = pytest.mark.usefixtures("prefect_server")

MOST_LISTED = """
select item_no from (select unnest(item_nos) as item_no from batch_recommendations) as listed
group by item_no order by count(*) desc, item_no limit 3
"""
LISTS_WITH = """
select count(*) from batch_recommendations where run_id = :run_id and :item_no = any (item_nos)
"""


@dataclass(frozen=True)
class Shop:
    """Before a second night something has become of each of the three items of most lists."""

    engine: Engine
    first_run: int
    second_run: int
    rated: int
    """Two who have used it have rated it, and it counts as much as any value can."""
    used: int
    """Everybody has used it, so that it can stand in no list."""
    hidden: int
    """It is not to be listed any more."""

    def lists_with(self, item_no: int, run_id: int) -> int:
        return int(value(self.engine, LISTS_WITH, run_id=run_id, item_no=item_no))


@pytest.fixture(scope="module")
def shop(
    postgres: PostgresServer, night_template: tuple[str, int], record: Record
) -> Iterator[Shop]:
    """For tests that only look."""
    template, first_run = night_template
    with cloned_database(postgres, template) as name:
        engine = make_engine(postgres.url(name))
        rated, used, hidden = (row.item_no for row in rows(engine, MOST_LISTED))
        rate_absurdly(engine, rated)
        with engine.begin() as connection:
            record(connection, [(f"user-{number}", used, 100) for number in range(USERS)])
            connection.execute(
                text("update items set available = false where item_no = :no"), {"no": hidden}
            )
        with pytest.MonkeyPatch.context() as environment:
            set_small_fits(environment, postgres.url(name, APP))
            second_run = run_now(ignore)
        yield Shop(engine, first_run, second_run, rated, used, hidden)
        engine.dispose()


def rate_absurdly(engine: Engine, item_no: int) -> None:
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


def test_two_absurd_ratings_do_not_take_an_item_from_everybodys_lists(shop: Shop) -> None:
    before = shop.lists_with(shop.rated, shop.first_run)
    assert shop.lists_with(shop.rated, shop.second_run) >= 0.8 * before


def test_an_item_of_many_lists_that_stands_in_none_is_reported(shop: Shop) -> None:
    first, second = rows(shop.engine, "select flow_run_id, metrics from model_runs order by run_id")
    assert "vanished_items" not in first.metrics
    share = shop.lists_with(shop.used, shop.first_run) / USERS
    item_id = value(shop.engine, "select item_id from items where item_no = :no", no=shop.used)
    assert second.metrics["vanished_items"] == 1
    vanished = {"item_id": item_id, "share": pytest.approx(share, abs=1e-6)}
    assert second.metrics["vanished"] == [vanished]
    artifact = artifacts_of(second.flow_run_id)["nightly-summary"]["data"]
    assert f"{item_id} (in {share:.0%} of the lists before)" in artifact


def test_an_item_that_is_not_to_be_listed_any_more_has_not_vanished(shop: Shop) -> None:
    assert shop.lists_with(shop.hidden, shop.first_run) > 0
    assert shop.lists_with(shop.hidden, shop.second_run) == 0
    metrics = value(
        shop.engine, "select metrics from model_runs where run_id = :run", run=shop.second_run
    )
    hidden = value(shop.engine, "select item_id from items where item_no = :no", no=shop.hidden)
    assert hidden not in {each["item_id"] for each in metrics["vanished"]}
