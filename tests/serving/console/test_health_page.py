"""The page Health: the layers, what was found, and what was measured."""

from playwright.sync_api import expect
from sqlalchemy import Engine, text

from serving.console.health_pages import layers
from serving.diagnosis.finding import Finding
from tests.serving.conftest import Gate, Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious
from tests.small_run import publish_small_run


async def test_what_needs_doing_is_shown_with_what_to_do(signed_in: SignedIn) -> None:
    client = await signed_in("viewer")
    page = (await client.get("/console/health")).text
    assert "No speed worker is seen" in page
    assert "doing." in page
    assert "PostgreSQL answers." in page


async def test_without_postgres_the_page_still_comes_and_says_so(
    signed_in: SignedIn, gate: Gate
) -> None:
    client = await signed_in("viewer")
    assert (await client.get("/console/health")).status_code == 200
    gate.shut()
    away = await client.get("/console/health")
    assert away.status_code == 200
    assert 'class="dot bad"' in away.text


def test_a_layer_is_as_well_as_the_worst_that_was_found_of_it() -> None:
    found = layers(
        [
            Finding("speed", "problem", "It is behind."),
            Finding("new-items", "notice", "Some wait."),
            Finding("postgres", "ok", "PostgreSQL answers."),
            Finding("worker", "ok", "It is connected."),
        ]
    )
    assert (found["speed"].dot, found["speed"].says) == ("bad", "2 things to look at")
    assert (found["store"].dot, found["store"].says) == ("good", "as it should be")
    assert found["batch"].says == "not looked at"


def test_the_page_of_health_keeps_nobody_from_using_it(
    visit: Visit, seeds: Seeds, engine: Engine
) -> None:
    with engine.begin() as connection:
        publish_small_run(connection, seeds.film_nos, popular=seeds.film_nos[:5])
    page = visit.page("/console/health", "viewer")
    expect(page.locator("svg.layers.wide")).to_be_visible()
    page.click("details.more summary")
    expect(page.locator("details .findings")).to_contain_text("PostgreSQL answers.")
    assert serious(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("svg.layers.narrow")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.errors == []  # type: ignore[attr-defined]


def test_how_soon_lists_follow_is_shown_over_a_day(visit: Visit, engine: Engine) -> None:
    statement = text(
        "insert into freshness_checks (event_id, began_at, outcome, seconds)"
        " select cast(n as text), now() - n * interval '1 minute',"
        " case when n = 7 then 'late' else 'fresh' end,"
        " case when n <> 7 then 0.04 + 0.0001 * (n % 100) end from generate_series(1, 1500) as n"
    )
    with engine.begin() as connection:
        connection.execute(statement)
    page = visit.page("/console/health", "viewer")
    freshness = page.locator("section", has=page.locator("#freshness"))
    expect(freshness).to_contain_text("Half within45 ms")
    expect(freshness).to_contain_text("1 saw no change")
    # Spans of half an hour by the clock; a day touches 48 of them, or 49.
    expect(freshness.locator(".chart.wide .p95 circle").first).to_be_visible()
    assert freshness.locator(".chart.wide .p95 circle").count() in {48, 49}
    assert serious(page) == []
    assert page.errors == []  # type: ignore[attr-defined]


async def test_without_a_canary_the_page_says_how_to_have_one(signed_in: SignedIn) -> None:
    client = await signed_in("viewer")
    assert "TANDEM_CANARY_SECONDS=60" in (await client.get("/console/health")).text
