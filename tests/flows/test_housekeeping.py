"""The daily housekeeping, against a real PostgreSQL and a real Prefect server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError
from flows.housekeeping import housekeeping
from flows.prefect_history import RUNS_A_REQUEST, clear_old_runs
from tests.flows.conftest import Record
from tests.flows.test_nightly import ask_prefect, value
from tests.prefect_api import ask_again
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("prefect_server")


@task
def work() -> None:
    get_run_logger().info("one line")


@flow(name="some-flow")
def some_flow() -> str:
    work()
    create_markdown_artifact("what it found", key="some-artifact")
    return str(flow_run.id)


def find(what: str, run_id: str) -> list[dict[str, Any]]:
    """What Prefect has of a run."""
    singular = what.rstrip("s")
    asked: dict[str, Any] = {what: {"flow_run_id": {"any_": [run_id]}}}
    if singular in {"flow_run", "task_run"}:
        asked = {"flow_runs": {"id": {"any_": [run_id]}}}
    answer = httpx.post(f"{PREFECT_API_URL.value()}/{what}/filter", json=asked, timeout=60.0)
    return list(answer.raise_for_status().json())


def test_old_flow_runs_go_with_their_task_runs_logs_and_artifacts_and_newer_ones_stay() -> None:
    old = some_flow()
    # Task runs and logs are told to the server behind the run's back.
    for what in ("flow_runs", "task_runs", "logs", "artifacts"):
        wait_until(lambda what=what: find(what, old), seconds=60)  # type: ignore[misc]
    moment = datetime.fromisoformat(find("flow_runs", old)[0]["end_time"])
    new = some_flow()
    for what in ("flow_runs", "task_runs", "logs", "artifacts"):
        wait_until(lambda what=what: find(what, new), seconds=60)  # type: ignore[misc]

    cleared = list(clear_old_runs(moment + timedelta(microseconds=1)))

    assert sum(batch.runs for batch in cleared) >= 1
    assert sum(batch.artifacts for batch in cleared) >= 1
    for what in ("flow_runs", "task_runs", "logs", "artifacts"):
        wait_until(lambda what=what: not find(what, old), seconds=60)  # type: ignore[misc]
        assert find(what, new), what


def test_more_runs_than_one_request_may_delete_go_in_batches() -> None:
    url = PREFECT_API_URL.value()
    with httpx.Client(base_url=f"{url}/", timeout=60.0) as client:
        flow_id = ask_again(client, "POST", "flows/", {"name": "many"}).json()["id"]
        for _ in range(RUNS_A_REQUEST + 5):
            body = {"flow_id": flow_id, "state": {"type": "COMPLETED"}}
            ask_again(client, "POST", "flow_runs/", body)
        waiting = {"flow_id": flow_id, "state": {"type": "SCHEDULED"}}
        kept = ask_again(client, "POST", "flow_runs/", waiting).json()["id"]
    cleared = list(clear_old_runs(datetime.now(UTC) + timedelta(seconds=1)))
    assert len(cleared) >= 2
    assert sum(batch.runs for batch in cleared) >= RUNS_A_REQUEST + 5
    assert find("flow_runs", kept), "what has not ended stays"


def test_impressions_are_kept_until_what_became_of_them_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TANDEM_ATTRIBUTION_DAYS", "30")
    with pytest.raises(InvalidInputError, match="more than TANDEM_ATTRIBUTION_DAYS"):
        housekeeping.fn(impression_days=30)


def test_the_flow_says_what_it_deleted_and_leaves_what_promises_need(
    engine: Engine, database_url: str, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into impressions (recommendation_id, user_no, source, item_nos, shown_at)"
                " select gen_random_uuid(), n, 'blend', '{1}', now() - n * interval '60 days'"
                " from generate_series(1, 5) as n"
            )
        )
        connection.execute(
            text("insert into sign_in_attempts values ('x', now() - interval '2 days', 1)")
        )
        connection.execute(text("insert into items (item_id, title) values ('film', 'Film')"))
        record(connection, [("ann", 1, 0)])
        connection.execute(
            text(
                "insert into audit_log (actor, act, subject, at)"
                " select 'a test', 'act', 'x', now() - n * interval '210 days'"
                " from generate_series(1, 3) as n"
            )
        )
        connection.execute(
            text(
                "insert into uploads (filename, file, bytes, options, is_preview, state,"
                " uploaded_by, ended_at, result)"
                " select 'a.csv', n, 1, '{}', n = 3, 'complete', 'x', now() - n * interval '20 d',"
                ' \'{"report": {"rejected_rows": [1]}}\''
                " from generate_series(1, 3) as n"
            )
        )
        connection.execute(
            text(
                "insert into context_days (day, name, value, lists, shown, clicked, taken)"
                " select current_date - 300 - n, 'device', 'phone', 1, 1, 0, 0"
                " from generate_series(1, 2) as n"
            )
        )
        connection.execute(
            text(
                "insert into contexts (context, unused_since)"
                " select jsonb_build_object('device', n), now() - n * interval '8 hours'"
                " from generate_series(1, 2) as n"
            )
        )
    cleared = housekeeping()
    assert (cleared.context_counts, cleared.contexts) == (2, 1)
    kept = "select coalesce(result #>> '{report,rejected_rows}', '-') from uploads order by file"
    with engine.connect() as connection:
        assert connection.execute(text(kept)).scalars().all() == ["[1]", "[]", "-"]
    assert (cleared.reports, cleared.audit_entries) == (2, 2)
    assert value(engine, "select count(*) from audit_log") == 1
    assert (cleared.impressions, cleared.impression_days) == (2, 2)
    assert value(engine, "select count(*) from impressions") == 3
    assert value(engine, "select sum(impressions) from analytics.impressions_daily") == 5
    assert value(engine, "select count(*) from interactions") == 1
    artifact = ask_prefect("artifacts/housekeeping-summary/latest")["data"]
    assert "Deleted 2 impressions of 2 days" in artifact
    again = housekeeping()
    assert (cleared.sign_ins, again.sign_ins, again.reports) == (1, 0, 0)
    assert again.impressions == 0
