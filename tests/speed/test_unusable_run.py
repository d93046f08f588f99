"""A run made by a later version, as after a downgrade, stops no worker and is not silent."""

import threading

import pytest
import redis
import structlog
from prometheus_client import REGISTRY
from sqlalchemy import Engine, text

from serving.diagnosis.diagnosis_figures import load_figures
from serving.diagnosis.finding import Bounds
from serving.diagnosis.store import judge_store
from speed.settings import SpeedSettings
from speed.worker import Worker
from tests.events import event, record
from tests.small_run import publish_small_run
from tests.waiting import wait_until

OF_ANOTHER_VERSION = [
    "parameters = jsonb_set(parameters, '{live_vector,of_another_version}', '1')",
    "gramian = gramian || 1.0::double precision",
]


def change(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def known_events(engine: Engine) -> dict[int, int]:
    query = text("select run_id, sum(events_since_cut_off) from user_embeddings group by run_id")
    with engine.connect() as connection:
        return {run_id: int(events) for run_id, events in connection.execute(query)}


def unusable() -> float:
    return REGISTRY.get_sample_value("speed_unusable_run_total", {"run": "served"}) or 0.0


@pytest.mark.parametrize("changed", OF_ANOTHER_VERSION)
def test_a_served_run_of_another_version_is_reported_and_the_others_are_kept_up(
    engine: Engine, film_nos: list[int], redis_url: str, changed: str
) -> None:
    with engine.begin() as connection:
        older = publish_small_run(connection, film_nos)
        served = publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    change(engine, f"update model_runs set {changed} where run_id = {served}")
    stopping = threading.Event()
    settings = SpeedSettings(retained_seconds=0.001)
    worker = Worker(engine, redis.Redis.from_url(redis_url), settings, stopping)
    before = unusable()
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert worker.work_once() is None
            assert worker.embed_once() is None
        while worker.keep_retained_ready() is not None:
            pass
    assert unusable() > before
    records = [log for log in logs if log["event"] == "served_run_unusable"]
    assert [log["log_level"] for log in records] == ["warning"]
    assert known_events(engine)[older] == 1
    with engine.connect() as connection:
        figures = load_figures(connection)
    findings = judge_store(figures, Bounds(), figures.read_at)
    (finding,) = [finding for finding in findings if finding.check == "version"]
    assert finding.severity == "problem"
    assert f"Run {served} was made by another version" in finding.what
    assert "tandem rollback" in str(finding.advice)


def test_when_another_run_is_served_the_worker_goes_on_by_itself(
    engine: Engine, film_nos: list[int], redis_url: str
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    change(engine, f"update model_runs set {OF_ANOTHER_VERSION[0]}")
    worker = Worker(engine, redis.Redis.from_url(redis_url), SpeedSettings(), threading.Event())
    assert worker.work_once() is None
    with engine.begin() as connection:
        newer = publish_small_run(connection, film_nos)
        record(connection, [event("bob", film_nos[1])])
    done = worker.work_once()
    assert done is not None
    assert done.run_id == newer
    with engine.connect() as connection:
        figures = load_figures(connection)
    findings = judge_store(figures, Bounds(), figures.read_at)
    assert [finding.severity for finding in findings if finding.check == "version"] == ["ok"]


def test_a_retained_run_of_another_version_keeps_no_older_one_from_being_kept_up(
    engine: Engine, film_nos: list[int], redis_url: str
) -> None:
    with engine.begin() as connection:
        oldest, between, _ = [publish_small_run(connection, film_nos) for _ in range(3)]
        record(connection, [event("ann", film_nos[0])])
    change(engine, f"update model_runs set {OF_ANOTHER_VERSION[0]} where run_id = {between}")
    settings = SpeedSettings(retained_seconds=0.001)
    worker = Worker(engine, redis.Redis.from_url(redis_url), settings, threading.Event())
    assert worker.work_once() is not None
    wait_until(
        lambda: worker.keep_retained_ready() is None and known_events(engine).get(oldest) == 1
    )


def test_a_pass_that_postgres_refuses_is_not_reported_as_an_outage_but_with_its_traceback(
    engine: Engine, film_nos: list[int], redis_url: str
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, film_nos)
        record(connection, [event("ann", film_nos[0])])
    worker = Worker(engine, redis.Redis.from_url(redis_url), SpeedSettings(), threading.Event())
    change(engine, "alter table event_kinds rename column half_life_days to another")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert worker.work_once() is None
            worker.embed_once()
    records = [log for log in logs if log["event"] in {"postgres_away", "pass_failed"}]
    assert {(log["event"], log["reason"]) for log in records} == {("pass_failed", "statement")}
    assert all(log["exc_info"] for log in records)
    change(engine, "alter table event_kinds rename column another to half_life_days")
    assert worker.work_once() is not None
