"""The pages of experiments: what is known, the interval day by day, and the arm that is adopted."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from serving.console.charts import HEIGHT
from serving.console.experiment_chart import difference_charts
from serving.experiments.definition import METRICS
from serving.experiments.schemas import HistoryPoint
from sql.statements import statements
from tests.serving.conftest import Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious
from tests.serving.console.test_placement_pages import fits_a_phone
from tests.serving.experiments.made_experiments import ACT, NAME, MadeExperiment

PLACEMENTS = statements("placements")
DAYS, USERS = 20, 60
CLICKS = {"now": 0.5, "other": 0.9}


def measured(engine: Engine) -> MadeExperiment:
    """An experiment of 27 days, of whose users each day as many were counted."""
    arms = [
        {"name": "now", "version": 0, "share": 0.5},
        {"name": "other", "version": 1, "share": 0.5},
    ]
    decided = {"name": "default", "base_version": 0, "note": "", "definition": '{"diversity": 0.5}'}
    with engine.begin() as connection:
        connection.execute(PLACEMENTS["save_placement"], {**decided, **ACT})
    made = MadeExperiment(engine, arms=arms, note="Is more diversity better?")
    began = datetime.now(UTC) - timedelta(days=DAYS + 7)
    made.moved(began)
    exposed = text(
        "insert into experiment_users (experiment_id, user_id, arm, first_at, visits)"
        " select :name, :arm || n, :arm, cast(:began as timestamptz) + n * interval '20 minutes', 0"
        " from generate_series(1, :users) as n"
    )
    day = text(
        "insert into experiment_days values (:name, cast(:began as date) + 7 + :day, :arm, 1,"
        " :metric, :users, :acting, :outcome, :squared, :users, :users, :outcome)"
    )
    with engine.begin() as connection:
        for arm, mean in CLICKS.items():
            given = {"name": NAME, "arm": arm, "began": began, "users": DAYS * USERS}
            connection.execute(exposed, given)
            outcome = mean * USERS
            sums = {"acting": USERS // 3, "outcome": outcome, "squared": 2 * outcome}
            connection.execute(
                day,
                [
                    {**given, **sums, "users": USERS, "day": n, "metric": metric}
                    for n in range(DAYS)
                    for metric in METRICS
                ],
            )
    return made


async def test_who_may_only_look_sees_what_is_known_and_no_button(
    signed_in: SignedIn, engine: Engine
) -> None:
    client = await signed_in("viewer")
    assert "No experiment yet" in (await client.get("/console/experiments")).text
    measured(engine)
    listed = (await client.get("/console/experiments")).text
    assert "Is more diversity better?" in listed
    page = (await client.get(f"/console/experiments/{NAME}")).text
    assert "other brings more than now" in page
    assert "as assigned" in page
    assert "Adopt" not in page
    assert "Stop" not in page
    assert (await client.get("/console/experiments/none")).status_code == 404


async def test_a_draft_is_started_and_stopped(signed_in: SignedIn) -> None:
    client = await signed_in("operator")
    arms = [{"name": "now", "version": 0, "share": 0.5}]
    arms.append({"name": "popular", "version": "popular", "share": 0.5})
    definition = {"placement": "default", "arms": arms}
    saved = await client.put("/v1/experiments/trial", json={"definition": definition})
    assert saved.status_code == 200, saved.text
    draft = (await client.get("/console/experiments/trial")).text
    assert "it is a draft" in draft
    assert "Start it" in draft
    assert "Adopt" not in draft
    # As the button sends it.
    assert (await client.post("/v1/experiments/trial/start", json={})).status_code == 200
    running = (await client.get("/console/experiments/trial")).text
    assert "Stop it" in running
    assert "There is no interval yet" in running
    assert "Adopt popular" not in running, "it is no version of the placement"
    assert (await client.post("/v1/experiments/trial/stop", json={})).status_code == 200
    assert "somebody stopped it" in (await client.get("/console/experiments/trial")).text


async def test_the_form_of_a_draft_has_all_that_was_saved(
    signed_in: SignedIn, seeds: Seeds
) -> None:
    run_id = seeds.run(batch={})
    client = await signed_in("operator")
    new = (await client.get("/console/experiments/trial/draft")).text
    assert f'<option value="{run_id}">run {run_id}, served now</option>' in new
    arms: list[dict[str, Any]] = [{"name": "now", "version": 0, "share": 0.5, "run_id": run_id}]
    arms.append({"name": "popular", "version": "popular", "share": 0.5})
    definition = {
        "placement": "default",
        "arms": arms,
        "kinds": ["like"],
        "window_days": 3,
        "tuned_to": 5_000,
        "ramp": [{"days": 0, "share": 0.125}],
        "guardrails": [{"metric": "returned", "most_loss": 0.07}],
        "starts_at": "2036-03-01T12:00:00Z",
    }
    saved = await client.put("/v1/experiments/trial", json={"definition": definition})
    assert saved.status_code == 200, saved.text
    draft = (await client.get("/console/experiments/trial/draft")).text
    for shown in (
        f'<option value="{run_id}" selected>',
        "<option value='\"popular\"' selected>",
        'value="like" checked',
        'placeholder="as set" value="3"',
        '"tuned_to": 5000',
        'value="12.5"',
        'value="7"',
        'value="2036-03-01T12:00:00"',
    ):
        assert shown in draft
    page = (await client.get("/console/experiments/trial")).text
    assert f"lists of run {run_id}" in page
    assert (await client.post("/v1/experiments/trial/start", json={})).status_code == 200
    begun = await client.get("/console/experiments/trial/draft")
    assert (begun.status_code, begun.headers["location"]) == (303, "/console/experiments/trial")
    running = (await client.get("/console/experiments/trial")).text
    assert "Adopt" not in running, "neither a run nor the popular list is a version"


async def test_an_arm_that_was_stopped_is_said(signed_in: SignedIn, engine: Engine) -> None:
    client = await signed_in("operator")
    made = measured(engine)
    assert "adopt-other" in (await client.get(f"/console/experiments/{NAME}")).text
    made.ask("stop_arm", arm="other", because="the arm other harms value")
    page = (await client.get(f"/console/experiments/{NAME}")).text
    assert "The arm other harms value. Its users get what now decides." in page
    assert "adopt-now" in page
    assert "adopt-other" not in page


def test_the_interval_is_seen_and_the_better_arm_adopted(visit: Visit, engine: Engine) -> None:
    measured(engine)
    page = visit.page("/console/experiments")
    page.click(f"text={NAME}")
    expect(page.locator(".finding")).to_contain_text("other brings more than now")
    chart = page.locator(".chart.wide")
    expect(chart).to_be_visible()
    assert chart.locator("circle").count() > DAYS / 2
    expect(chart.locator(".zero")).to_have_count(1)
    expect(page.locator(".differences tbody tr").first).to_contain_text("better")
    assert serious(page) == []
    assert fits_a_phone(page)
    expect(page.locator(".chart.narrow")).to_be_visible()
    assert serious(page) == []
    page.click("[data-opens=adopt-other]")
    page.click("#adopt-other >> text=Leave it")
    expect(page.locator("h1")).to_contain_text("Running")
    page.click("[data-opens=adopt-other]")
    page.click("#adopt-other .primary")
    expect(page.locator(".notice")).to_contain_text("other is adopted.")
    expect(page.locator("h1")).to_contain_text("Adopted")
    expect(page.locator(".lead").first).to_contain_text("decides as other did, in version 2")
    page.goto("/console/experiments")
    assert fits_a_phone(page)
    assert serious(page) == []
    assert page.errors == []  # type: ignore[attr-defined]


def point(day: int, low: float | None, high: float | None) -> HistoryPoint:
    at = date(2026, 3, 1) + timedelta(days=day)
    return HistoryPoint(day=at, arm="other", users=9, difference=0.2, low=low, high=high)


def test_a_wide_first_interval_leaves_the_later_ones_readable() -> None:
    history = [point(0, None, None), point(1, -50, 50), point(2, 0.1, 0.3), point(3, 0.1, 0.3)]
    for chart in difference_charts(history):
        first, *others = chart.series[0].points
        assert len(others) == 2, "the first day had no interval"
        for each in (first, *others):
            assert 0 <= each.high <= each.y <= each.low <= HEIGHT
        assert others[0].low - others[0].high > HEIGHT / 3
        assert "(-50 to +50)" in first.text
    assert difference_charts([point(0, None, None)]) == []


@pytest.mark.parametrize("bound", [0.0, 1e-9])
def test_a_chart_of_no_difference_at_all_is_drawn(bound: float) -> None:
    (wide, _) = difference_charts([point(1, -bound, bound)])
    assert len(wide.ticks) > 1
