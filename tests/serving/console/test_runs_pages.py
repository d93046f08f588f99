"""The pages of runs: figures over the nights, one run in detail, and which is served."""

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from serving.console.charts import format_interval, nice_ticks, run_charts
from serving.console.kept_schedule import KeptSchedule, store_schedule
from serving.console.prefect_api import Deployment
from serving.console.run_pages import changed_parameters
from sql.runs import load_run_figures
from tests.http_server import served
from tests.serving.conftest import Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious
from tests.small_run import publish_small_run

INTERVAL = {"mean": 0.2, "low": 0.18, "high": 0.22}


def measured(candidate: float = 0.2, popularity: float = 0.06) -> dict[str, Any]:
    """The figures of a run as a night stores them."""
    return {
        "evaluated_users": 930,
        "gate": "nDCG@20 is well above that of the popular list.",
        "evaluation": {
            "candidate": {
                "all": {"ndcg@20": {**INTERVAL, "mean": candidate}, "coverage@20": {"mean": 0.9}}
            },
            "popularity": {"all": {"ndcg@20": {"mean": popularity}}},
            "difference": {"popularity": INTERVAL},
        },
    }


def store_run(engine: Engine, state: str, **values: Any) -> int:
    """A run that is no more than its row."""
    row = {"metrics": {}, "parameters": {}, "step_seconds": {}, "reason": None, **values}
    statement = text(
        "insert into model_runs"
        " (state, reason, metrics, parameters, step_seconds, cut_off_position, cut_off_at,"
        " finished_at) values (:state, :reason, cast(:metrics as jsonb),"
        " cast(:parameters as jsonb), cast(:step_seconds as jsonb), 0, now(), now())"
        " returning run_id"
    )
    with engine.begin() as connection:
        encoded = {
            name: json.dumps(value) if isinstance(value, dict) else value
            for name, value in row.items()
        }
        return int(connection.execute(statement, {"state": state, **encoded}).scalar_one())


def publish_two(engine: Engine, seeds: Seeds) -> tuple[int, int]:
    """Two retained runs; the second is served."""
    with engine.begin() as connection:
        first = publish_small_run(connection, seeds.film_nos, popular=seeds.film_nos[:5])
        second = publish_small_run(connection, seeds.film_nos, popular=seeds.film_nos[5:])
    return first, second


def live_run(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("select run_id from live_run")).scalar_one())


async def test_before_the_first_night_the_page_says_how_one_comes(signed_in: SignedIn) -> None:
    answer = await (await signed_in("viewer")).get("/console/runs")
    assert "No night yet" in answer.text


async def test_each_run_is_listed_with_its_figures_and_why_it_is_not_served(
    signed_in: SignedIn, seeds: Seeds, engine: Engine
) -> None:
    publish_two(engine, seeds)
    store_run(engine, "refused", reason="It is worse than the served one.", metrics=measured(0.1))
    store_run(engine, "failed", reason="The disk is full.")
    client = await signed_in("viewer")
    page = (await client.get("/console/runs")).text
    for expected in (
        "It is worse than the served one.",
        "The disk is full.",
        "0.100 (0.180 to 0.220)",
    ):
        assert expected in page
    assert "Roll back" not in page, "a viewer changes nothing"
    coverage = (await client.get("/console/runs?figure=coverage@20")).text
    assert "Coverage@20 of each run" in coverage
    assert (await client.get("/console/runs?figure=speed")).status_code == 422


async def test_a_run_is_shown_with_steps_figures_and_changed_parameters(
    signed_in: SignedIn, engine: Engine
) -> None:
    store_run(engine, "retired", parameters={"lists": {"factors": 128, "seed": 1}})
    run_id = store_run(
        engine,
        "retired",
        metrics=measured(),
        parameters={"lists": {"factors": 256, "seed": 1}},
        step_seconds={"Read the history": 2.0, "Refit on everything": 8.0},
    )
    flow_run = "0195d0c0-0000-7000-8000-000000000001"
    with engine.begin() as connection:
        connection.execute(
            text("update model_runs set flow_run_id = :flow_run where run_id = :run_id"),
            {"flow_run": flow_run, "run_id": run_id},
        )
    client = await signed_in("viewer", prefect_ui_url="http://prefect.example")
    page = (await client.get(f"/console/runs/{run_id}")).text
    assert page.index("Refit on everything") < page.index("Read the history")
    assert "lists.factors" in page
    assert "lists.seed" not in page
    assert "930 users" in page
    assert f'href="http://prefect.example/runs/flow-run/{flow_run}"' in page
    missing = await client.get(f"/console/runs/{run_id + 1}")
    assert missing.status_code == 404
    assert f"There is no run {run_id + 1}" in missing.text


async def test_a_viewer_serves_no_run(signed_in: SignedIn, seeds: Seeds, engine: Engine) -> None:
    first, second = publish_two(engine, seeds)
    client = await signed_in("viewer")
    for path in (f"/console/runs/{first}/promote", "/console/runs/rollback"):
        assert (await client.post(path)).status_code == 403
    assert live_run(engine) == second


def test_an_operator_rolls_back_and_comes_back_after_confirming(
    visit: Visit, seeds: Seeds, engine: Engine
) -> None:
    first, second = publish_two(engine, seeds)
    page = visit.page("/console/runs")
    page.click("[data-opens=roll-back]")
    page.click("text=Leave it")
    assert live_run(engine) == second
    page.click("[data-opens=roll-back]")
    page.click("dialog .primary")
    expect(page.locator(".notice")).to_contain_text(f"Run {first} is served now")
    assert live_run(engine) == first
    page.click(f"text=Run {second} >> nth=0")
    page.click("[data-opens=promote]")
    page.click("dialog .primary")
    expect(page.locator(".notice")).to_contain_text(f"Run {second} is served now")
    assert live_run(engine) == second
    assert page.errors == []  # type: ignore[attr-defined]


def test_pages_of_runs_keep_nobody_from_using_them(
    visit: Visit, seeds: Seeds, engine: Engine
) -> None:
    publish_two(engine, seeds)
    for candidate in (0.2, 0.21):
        run_id = store_run(engine, "retired", metrics=measured(candidate), step_seconds={"a": 1.0})
    page = visit.page("/console/runs")
    page.click(".tip >> nth=0")
    expect(page.locator(".meaning >> nth=0")).to_be_visible()
    assert serious(page) == []
    page.goto(f"/console/runs/{run_id}")
    assert serious(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/console/runs", f"/console/runs/{run_id}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
    assert page.errors == []  # type: ignore[attr-defined]


def test_a_chart_leaves_out_runs_that_were_not_measured(engine: Engine) -> None:
    store_run(engine, "failed")
    store_run(engine, "retired", metrics=measured())
    with engine.connect() as connection:
        runs = load_run_figures(connection, limit=5)
    (chart, _) = run_charts(runs[::-1], "ndcg@20")
    points = {series.name: len(series.points) for series in chart.series}
    assert points == {"popularity": 1, "candidate": 1}
    assert run_charts(runs, "mrr") == []
    for series in chart.series:
        for point in series.points:
            assert point.high <= point.y <= point.low, "y counts from the top"


@pytest.mark.parametrize(("least", "most"), [(0.0, 0.21), (0.0, 0.0), (-0.3, 12.0), (0.0, 1e-9)])
def test_ticks_are_few_and_enclose_all(least: float, most: float) -> None:
    ticks = nice_ticks(least, most)
    assert ticks[0] <= least
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 7


def test_only_parameters_that_differ_are_named_and_no_vectors() -> None:
    before = {"lists": {"factors": 1, "kept": 2}, "prior": [1.0], "gone": None}
    changed = changed_parameters(before, {"lists": {"factors": 2, "kept": 2}, "prior": [2.0]})
    assert [(each.name, each.before, each.after) for each in changed] == [
        ("lists.factors", "1", "2")
    ]
    assert format_interval(INTERVAL) == "0.200 (0.180 to 0.220)"


class Prefect(BaseHTTPRequestHandler):
    """Answers as Prefect does that has two deployments with schedules, and one by hand."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        authorized = self.headers["Authorization"] == "Basic dGFuZGVtOnNlY3JldA=="
        self.send_response(200 if authorized else 401)
        self.end_headers()
        answer = _deployments() if self.path.endswith("deployments/filter") else _runs(asked)
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- so named there
        pass


def _deployments() -> list[dict[str, Any]]:
    changed = {"updated": "2026-11-01T00:00:00Z", "paused": False}
    active = [{"active": True}]
    return [
        {"id": "1", "name": "tune", "schedules": [{"active": False}], **changed},
        {"id": "2", "name": "nightly", "schedules": active, **changed},
        {"id": "3", "name": "rollback", "schedules": [], **changed},
    ]


def _runs(asked: dict[str, Any]) -> list[dict[str, Any]]:
    is_nightly = asked["deployments"]["id"]["any_"] == ["2"]
    is_coming = "after_" in asked["flow_runs"]["expected_start_time"]
    at = datetime.now(UTC) + timedelta(hours=5, minutes=1)
    return [{"expected_start_time": at.isoformat()}] if is_nightly and is_coming else []


async def test_the_next_night_is_shown_as_prefect_says(signed_in: SignedIn) -> None:
    with served(Prefect) as origin:
        where = {"prefect_api_url": f"{origin}/api", "prefect_api_auth_string": "tandem:secret"}
        client = await signed_in("viewer", **where)
        schedule = (await client.get("/console/runs/schedule")).text
    assert schedule.index("nightly") < schedule.index("in 5 h") < schedule.index("tune")
    assert "paused" in schedule
    assert "rollback" not in schedule
    assert f'href="{origin}"' in schedule


async def test_without_prefect_the_page_says_in_words_what_is_not_known(
    signed_in: SignedIn,
) -> None:
    away = await signed_in("viewer", prefect_api_url="http://127.0.0.1:1/api")
    schedule = await away.get("/console/runs/schedule")
    assert schedule.status_code == 200
    assert "it does not answer" in schedule.text
    page = await away.get("/console/runs")
    assert "Asking Prefect" in page.text


async def test_while_prefect_rests_its_last_word_is_shown(
    signed_in: SignedIn, tmp_path: Path
) -> None:
    due = datetime.now(UTC) + timedelta(hours=5, minutes=1)
    nightly = Deployment("nightly", False, True, due, next_run_at=due, has_schedule=True)
    kept = tmp_path / "rest.json"
    store_schedule(kept, KeptSchedule(due, [nightly]))
    # Where nobody answers: to ask it would start it.
    client = await signed_in(
        "viewer", prefect_api_url="http://127.0.0.1:1/api", prefect_rest_file=kept
    )
    schedule = (await client.get("/console/runs/schedule")).text
    assert schedule.index("nightly") < schedule.index("in 5 h")
    assert "Prefect is started some minutes before" in schedule


async def test_an_api_that_was_told_nothing_of_prefect_says_so(signed_in: SignedIn) -> None:
    client = await signed_in("viewer")
    assert "PREFECT_API_URL" in (await client.get("/console/runs/schedule")).text
