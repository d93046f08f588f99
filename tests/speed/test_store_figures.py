"""What the speed worker tells Prometheus of the store."""

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, text

from domain.identifiers import RunId
from speed.store_figures import StoreFigures
from sql.engine import make_engine
from tests.events import event, record


def figures(engine: Engine) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(StoreFigures(engine))
    return registry


def test_what_waits_and_how_many_items_there_are_is_told(
    app_engine: Engine, engine: Engine, run_id: RunId, item_nos: list[int]
) -> None:
    scraped = figures(app_engine)
    assert scraped.get_sample_value("store_up") == 1
    assert scraped.get_sample_value("store_served_run") == run_id
    assert scraped.get_sample_value("store_items") == len(item_nos)
    assert scraped.get_sample_value("store_waiting_events") == 0
    assert scraped.get_sample_value("store_oldest_waiting_event_seconds") == 0
    with engine.begin() as connection:
        record(connection, [event("ann", item_nos[0])])
        connection.execute(text("update interactions set received_at = now() - interval '1 hour'"))
        connection.execute(
            text("update items set available = false where item_no = :no"), {"no": item_nos[1]}
        )
    assert scraped.get_sample_value("store_waiting_events") == 1
    waiting = scraped.get_sample_value("store_oldest_waiting_event_seconds")
    assert waiting is not None
    assert waiting >= 3600
    assert scraped.get_sample_value("store_popular_behind_seconds", {"part": "ever"}) is not None
    assert scraped.get_sample_value("store_items") == len(item_nos) - 1


def test_nights_are_told_by_their_outcome_with_their_figures(
    app_engine: Engine, engine: Engine, run_id: RunId
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "update model_runs set started_at = now() - interval '90 s', finished_at = now(),"
                " metrics = metrics || '{\"ndcg@20\": 0.25}',"
                " step_seconds = '{\"Write the lists\": 7.5}' where run_id = :run_id"
            ),
            {"run_id": run_id},
        )
        connection.execute(
            text(
                "insert into model_runs (state, finished_at, cut_off_position, cut_off_at)"
                " values ('failed', '2026-01-02T03:00:00Z', 0, now())"
            )
        )
    scraped = figures(app_engine)
    failed = scraped.get_sample_value("store_night_ended_timestamp_seconds", {"outcome": "failed"})
    assert failed == 1767322800
    published = {"outcome": "published"}
    assert scraped.get_sample_value("store_night_ended_timestamp_seconds", published) is not None
    assert scraped.get_sample_value("store_night_seconds") == 90
    assert scraped.get_sample_value("store_night_step_seconds", {"step": "Write the lists"}) == 7.5
    assert scraped.get_sample_value("store_night_figure", {"figure": "ndcg@20"}) == 0.25


def test_before_the_first_run_there_is_only_what_there_is(app_engine: Engine) -> None:
    scraped = figures(app_engine)
    assert scraped.get_sample_value("store_up") == 1
    assert scraped.get_sample_value("store_items") == 0
    assert scraped.get_sample_value("store_served_run") is None


def test_a_store_that_is_away_is_told_and_the_worker_goes_on() -> None:
    nowhere = make_engine("postgresql://127.0.0.1:1/tandem")
    scraped = figures(nowhere)
    assert scraped.get_sample_value("store_up") == 0
    assert scraped.get_sample_value("store_items") is None
