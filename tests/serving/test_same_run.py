"""Answers of one run belong together, whatever each of them knows of the run besides."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from domain.identifiers import ItemNo, RunId
from serving.answering.replica_reading import Checkpoint, Freshness
from serving.candidates.catalogue_items import CatalogueItem
from serving.lists.recommendation_list import backfill_items
from serving.non_personalized.non_personalized_list import (
    FallbackLists,
    ListKey,
    NonPersonalizedList,
)
from serving.runs.live_runs import ItemIndex, LiveRun, same_run
from tests.serving.conftest import CUT_OFF, Gate, Seeds, Start, ids, recommended, until

RUN = LiveRun(RunId(3), CUT_OFF, ItemIndex(0.99, 8), similarity_index=ItemIndex(0.99, 12))
SAME_RUN = LiveRun(RunId(3), CUT_OFF)
"""The same, as a copy of a list tells of it."""


@pytest.mark.parametrize(
    ("first", "other", "same"),
    [
        (RUN, SAME_RUN, True),
        (RUN, replace(RUN, index=ItemIndex(0.9, 8)), True),
        (RUN, replace(RUN, run_id=RunId(4)), False),
        (RUN, None, False),
        (None, None, True),
    ],
)
def test_a_run_is_the_same_whoever_reports_it(
    first: LiveRun | None, other: LiveRun | None, *, same: bool
) -> None:
    assert same_run(first, other) is same_run(other, first) is same


async def test_a_list_is_filled_up_with_the_copy_that_a_process_began_with(
    start: Start, engine: Engine, seeds: Seeds, gate: Gate
) -> None:
    seeds.listed_user("ann", popular=range(30))
    seeds.write(
        text("""update model_runs set metrics = '{"index": "hnsw", "index_recall@100": 1}',
        parameters = '{"live_vector": {"taste_dimensions": 0, "sequence_dimensions": 0}}'""")
    )
    await start()
    gate.shut()
    # What it holds it has from Redis, and it will not look again.
    client = await start(popular_refresh_seconds=3600, request_budget_seconds=2.0)
    gate.open()

    async def blended() -> bool:
        return bool((await recommended(client, "ann", limit=2)).json()["strategy"] == "blend")

    await until(blended)
    engine.dispose()
    with engine.connect() as connection:
        connection.execute(text("lock table popular_items in access exclusive mode"))
        answer = await recommended(client, "ann", limit=25)
        connection.rollback()
    assert answer.json()["strategy"] == "blend"
    assert len(set(ids(answer))) == 25


def test_a_shorter_list_of_the_same_run_replaces_no_longer_one() -> None:
    fallback, key = FallbackLists(), ListKey("trending_week")
    items = backfill_items(CatalogueItem(ItemNo(no), f"film-{no}", "Film") for no in range(5))
    fallback.keep(key, NonPersonalizedList("trending", RUN, items))
    fallback.keep(key, NonPersonalizedList("trending", SAME_RUN, items[:2]))
    found = fallback.find(key)
    assert found is not None
    assert len(found.items) == 5


def test_a_replica_that_knows_a_run_may_be_read_though_the_runs_figures_were_measured_anew() -> (
    None
):
    freshness = Freshness(most_lag_seconds=60.0)
    freshness.note(Checkpoint(1, b"generation", RUN, 0, 10, 100.0))
    freshness.advance("server", 10)
    freshness.advance("server", 10)
    measured = replace(RUN, index=ItemIndex(0.98, 8))
    assert freshness.grant(1, b"generation", measured, now=100.0) is not None
    served_again = replace(RUN, promotion_no=RUN.promotion_no + 1)
    assert freshness.grant(1, b"generation", served_again, now=100.0) is None
