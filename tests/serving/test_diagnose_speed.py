"""GET /v1/admin/diagnose about what the speed worker keeps up to date, on a real database."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from domain.identifiers import RunId
from serving.diagnosis.diagnosis_figures import ServedFigures, load_figures
from speed.cold_items import ColdItemEmbedder
from speed.settings import SpeedSettings
from sql.engine import SPEED_WORKER, make_engine
from sql.popular import refresh_part
from tests.events import event, record
from tests.removals import delete
from tests.serving.conftest import Seeds, Start
from tests.serving.diagnosing import finding, published, start_for_admin
from tests.small_run import publish_small_run
from tests.words_run import ROBOTS, add_items, open_cinema, publish, two_camps, write_night


@pytest.fixture
async def admin(start: Start, seeds: Seeds) -> httpx.AsyncClient:
    return await start_for_admin(start, seeds)


def change(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount > 0


def kept_up(engine: Engine) -> ServedFigures:
    with engine.begin() as connection:
        figures = load_figures(connection).kept_up
    assert figures is not None
    return figures


async def test_that_no_speed_worker_is_connected_is_reported_before_any_event_waits(
    admin: httpx.AsyncClient, engine: Engine, film_nos: list[int]
) -> None:
    published(engine, film_nos)
    missing = await finding(admin, "worker")
    assert missing["severity"] == "problem"
    assert missing["advice"].startswith("Start it: `tandem up` does")
    assert (await finding(admin, "speed"))["severity"] == "ok"


async def test_a_connected_speed_worker_is_seen(
    admin: httpx.AsyncClient, speed_worker: None
) -> None:
    assert (await finding(admin, "worker"))["what"] == "A speed worker is connected."


async def test_a_speed_worker_that_does_not_hear_but_works_is_seen(
    admin: httpx.AsyncClient, database_url: str
) -> None:
    worker = make_engine(database_url, application_name=SPEED_WORKER)
    with worker.connect(), worker.connect():
        assert (await finding(admin, "worker"))["what"] == "A speed worker is connected."
    worker.dispose()


@pytest.fixture
def cinema(engine: Engine, database_url: str, film_nos: list[int]) -> list[int]:
    """The items of a served run that knows words; there are no others."""
    change(engine, "delete from items where item_no = any(:film_nos)", film_nos=film_nos)
    item_nos = open_cinema(engine)
    publish(engine, write_night(engine, database_url, two_camps(item_nos)))
    return item_nos


def embed(engine: Engine, items: int) -> None:
    """Embed so many of the items that wait, in one pass."""
    embedder = ColdItemEmbedder(SpeedSettings(items_per_pass=items))
    for _ in range(2):  # the first may only begin
        with engine.begin() as connection:
            embedded = embedder.embed_new(connection)
        if embedded is not None and embedded.item_nos:
            return


async def test_new_items_that_wait_for_their_embeddings_are_reported_until_they_have_them(
    admin: httpx.AsyncClient, engine: Engine, cinema: list[int]
) -> None:
    assert (await finding(admin, "new-items"))["severity"] == "ok"
    with engine.begin() as connection:
        new = add_items(connection, [f"{ROBOTS}, again {n}" for n in range(5)])
    waiting = kept_up(engine).waiting_items
    assert (waiting.waiting, waiting.last_embedded_at) == (5, None)
    assert (await finding(admin, "new-items"))["severity"] == "ok", "they have only just come"
    older = "update items set created_at = created_at - interval '1 hour' where item_no = any(:new)"
    change(engine, older, new=new)
    found = await finding(admin, "new-items")
    assert found["severity"] == "problem"
    assert (
        "5 new items wait for their embeddings in the run, the first for 60 minutes"
        in found["what"]
    )
    embed(engine, 2)
    found = await finding(admin, "new-items")
    assert found["severity"] == "notice"
    assert "3 new items wait" in found["what"]
    assert "they are being embedded" in found["what"]
    embed(engine, 100)
    assert (await finding(admin, "new-items"))["severity"] == "ok"


async def test_words_that_changed_and_events_are_not_taken_for_new_items(
    engine: Engine, cinema: list[int]
) -> None:
    change(engine, "update items set title = 'Another' where item_no = :no", no=cinema[0])
    with engine.begin() as connection:
        record(connection, [event("ann", cinema[1])])
    assert kept_up(engine).waiting_items.waiting == 0


def refresh(engine: Engine, run_id: int) -> None:
    with engine.begin() as connection:
        assert refresh_part(connection, RunId(run_id), "ever")
        assert refresh_part(connection, RunId(run_id), "lately")


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> int:
    """A run that has been served for a day, its popular lists made an hour ago."""
    run_id = published(engine, film_nos)
    refresh(engine, run_id)
    change(engine, "update popular_refreshes set refreshed_at = refreshed_at - interval '1 hour'")
    change(engine, "update live_run set promoted_at = promoted_at - interval '1 day'")
    return run_id


async def test_popular_lists_that_lag_behind_the_log_are_reported_until_they_are_made_anew(
    admin: httpx.AsyncClient, engine: Engine, film_nos: list[int], run_id: int
) -> None:
    assert (await finding(admin, "popular"))["severity"] == "ok", "nothing is new"
    with engine.begin() as connection:
        record(connection, [event("eve", film_nos[5])])
    assert (await finding(admin, "popular"))["severity"] == "ok", "it has only just come"
    change(engine, "update interactions set received_at = received_at - interval '9 minutes'")
    found = await finding(admin, "popular")
    assert found["severity"] == "problem"
    assert "lack what came in the last 9 minutes: nobody has made them anew" in found["what"]
    assert found["since"] is not None
    refresh(engine, run_id)
    assert (await finding(admin, "popular"))["severity"] == "ok"


async def test_popular_lists_that_are_resting_as_long_as_their_making_took_are_not_late(
    admin: httpx.AsyncClient, engine: Engine, film_nos: list[int], run_id: int
) -> None:
    with engine.begin() as connection:
        record(connection, [event("eve", film_nos[5])])
    change(engine, "update interactions set received_at = received_at - interval '40 minutes'")
    change(engine, "update popular_refreshes set seconds = 100")
    assert (await finding(admin, "popular"))["severity"] == "ok"


async def test_of_a_deletion_that_still_counts_in_popular_lists_the_time_is_known(
    engine: Engine, film_nos: list[int], run_id: int
) -> None:
    liking = event("eve", film_nos[5])
    with engine.begin() as connection:
        record(connection, [liking])
    refresh(engine, run_id)
    assert {part.unknown_since for part in kept_up(engine).popular_parts} == {None}
    with engine.begin() as connection:
        delete(connection, liking.event_id)
    assert None not in {part.unknown_since for part in kept_up(engine).popular_parts}


async def test_a_refresh_that_is_under_way_is_seen(
    engine: Engine, app_engine: Engine, run_id: int
) -> None:
    assert kept_up(engine).refreshing_since is None
    with engine.begin() as refreshing:
        refresh_part(refreshing, RunId(run_id), "ever")
        assert kept_up(engine).refreshing_since is not None
        with app_engine.connect() as connection:
            # It may not see what sessions of other roles do.
            figures = load_figures(connection).kept_up
    assert figures is not None
    assert (figures.refreshing, figures.refreshing_since) == (True, None)
    assert not kept_up(engine).refreshing


async def test_after_a_rollback_lists_that_were_left_alone_meanwhile_are_not_late_at_once(
    admin: httpx.AsyncClient, engine: Engine, film_nos: list[int], run_id: int
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("eve", film_nos[5])])
    change(engine, "update interactions set received_at = received_at - interval '9 minutes'")
    change(engine, "select promote_run(:run_id, 'rolled back', 'ann')", run_id=run_id)
    assert (await finding(admin, "popular"))["severity"] == "ok"
    found: dict[str, Any] = await finding(admin, "run")
    assert found["severity"] == "notice"
    assert "rolled back to (by: ann)" in found["what"]
    assert found["advice"].endswith(f"tandem rollback {run_id + 1}")
