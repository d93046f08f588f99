"""From a placement with rules to the adopted arm of an experiment, by the forms alone."""

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text, update

from tests import tables
from tests.serving.accounts.people import People
from tests.serving.conftest import Seeds, event
from tests.serving.console.conftest import Visit, serious
from tests.serving.experiments.test_whole_experiment import EIGHT_DAYS_AGO
from tests.serving.threaded import ServeApi
from tests.waiting import wait_until

USERS = 260
CLICKING = {"now": 0.35, "new": 0.95}
"""How probably users of an arm click: they like long lists."""


@pytest.fixture
def counting_visit(browser: Browser, serve_api: ServeApi, people: People) -> Visit:
    """An API that counts what users of experiments did all the time."""
    return Visit(browser, serve_api(experiment_seconds=0.5), people)


def add_rules(page: Page) -> None:
    """One for phones; and one that would hide what that shows, which is not kept."""
    page.click("#add-rule")
    page.fill("#rule [name=name]", "film of the week")
    page.select_option("#rule [name=do]", "pin")
    page.fill("#item-words", "stalker")
    page.click("#items-found [data-item=film-20]")
    page.fill("#rule [name=position]", "1")
    page.click("#rule summary")
    page.fill("#rule [name=when]", "device: phone")
    expect(page.locator("#checked")).to_contain_text("1 item: Stalker; for everybody")
    assert serious(page) == []
    page.click("#rule .primary")
    expect(page.locator(".rule")).to_contain_text("1 item: Stalker")
    page.click("#add-rule")
    page.fill("#rule [name=name]", "no such films")
    page.select_option("#rule [name=do]", "hide")
    page.select_option("#target", "filter")
    page.fill("#rule [name=filter]", 'item_id = "film-20"')
    expect(page.locator("#checked .conflicts")).to_contain_text("is hidden by 'no such films'")
    page.click("[data-closes]")
    expect(page.locator(".rule")).to_have_count(1)


def save(page: Page, version: int, limit: str) -> None:
    page.fill("[name=limit]", limit)
    page.fill("[name=note]", f"{limit} items")
    page.click(f"text=Save version {version}")
    expect(page.locator(".notice")).to_contain_text(f"Version {version} is in force.")


def make_placement(page: Page) -> None:
    page.fill("[name=name]", "home")
    page.click("text=New placement")
    page.wait_for_load_state("load")
    add_rules(page)
    page.fill("[name=users]", "ann")
    page.fill("[name=drawn]", "0")
    page.click("#preview")
    expect(page.locator("#previewed h3")).to_contain_text("nothing moves")
    page.fill("[name=context]", "device:phone")
    page.click("#preview")
    draft = page.locator("#previewed .both > div >> nth=1 >> li >> nth=0")
    expect(draft).to_contain_text("Stalker")
    expect(draft).to_contain_text("rule: film of the week")
    expect(page.locator("#previewed")).to_contain_text("device: phone")
    assert serious(page) == []
    save(page, 1, "3")
    save(page, 2, "7")


def start_experiment(page: Page) -> None:
    page.goto("/console/experiments")
    page.fill("[name=name]", "longer")
    page.select_option("[name=placement]", "home")
    page.click("text=New experiment")
    page.wait_for_load_state("load")
    shares = page.locator("#arms [name=share]")
    shares.nth(0).fill("60")
    page.click("#experiment .primary")
    expect(page.locator("section:has(#arms) > .fault")).to_contain_text("sum to 1.1")
    page.click("#equally")
    page.click("[data-adds=guardrails]")
    page.locator("[data-list=guardrails] [name=metric]").select_option("returned")
    page.locator("[data-list=guardrails] [name=most_loss]").fill("90")
    page.click("#holdout")
    page.locator("#arms [data-removes]").nth(2).click()
    page.click("#equally")
    assert serious(page) == []
    page.click("#experiment .primary")
    expect(page.locator(".notice")).to_contain_text("The draft is saved.")
    expect(page.locator(".drafted")).to_contain_text("Returned: 90 % may be lost")
    page.click("[data-opens=start]")
    page.click("#start .primary")
    expect(page.locator("h1")).to_contain_text("Running")


def simulate(seeds: Seeds, port: int) -> None:
    """Users who come, and do what users of their arm do; then eight days go by."""
    headers = {"X-API-Key": seeds.key("read", "write", "users", "admin", name="app")}
    random = np.random.default_rng(0)
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as app:
        clicks = []
        for user in [f"user-{n}" for n in range(USERS)]:
            path = f"/v1/users/{user}/recommendations"
            given = app.get(path, params={"placement": "home"}).json()
            if random.random() < CLICKING[given["experiment"]["arm"]]:
                named = {"recommendation_id": given["recommendation_id"]}
                clicks.append(event(user, 9, "click", **named))
        assert app.post("/v1/events", json={"events": clicks}).status_code == 202

        def figures() -> list[dict[str, int]]:
            arms: list[dict[str, int]] = app.get("/v1/experiments/longer").json()["arms"]
            return arms

        wait_until(lambda: sum(arm["users"] for arm in figures()) >= USERS, seconds=60)
        with seeds.engine.begin() as connection:
            for statement in EIGHT_DAYS_AGO:
                connection.execute(text(statement))
        wait_until(lambda: sum(arm["completed"] for arm in figures()) >= USERS, seconds=120)


def test_a_placement_is_made_compared_and_adopted_by_forms(
    counting_visit: Visit, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 25))
    items = tables.items
    of_the_week = items.c.item_no == seeds.film_nos[20]
    seeds.write(update(items).where(of_the_week).values(title="Stalker"))
    page = counting_visit.page("/console/placements")
    make_placement(page)
    start_experiment(page)
    simulate(seeds, counting_visit.port)
    page.reload()
    expect(page.locator(".finding")).to_contain_text("new brings more than now")
    expect(page.locator(".chart.wide .whisker")).to_have_count(1)
    expect(page.locator(".differences tbody tr").first).to_contain_text("better")
    assert serious(page) == []
    page.click("[data-opens=adopt-new].primary")
    page.click("#adopt-new .primary")
    expect(page.locator(".notice")).to_contain_text("new is adopted.")
    page.goto("/console/placements/home")
    expect(page.locator(".lead")).to_contain_text("Version 3")
    expect(page.locator("[name=limit]")).to_have_value("7")
    expect(page.locator(".rule")).to_contain_text("film of the week")
    # The browser notes by itself that shares that do not sum to 1 were refused.
    assert [each for each in page.errors if "422" not in each] == []  # type: ignore[attr-defined]
