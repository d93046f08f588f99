"""The page Watch in a real browser: a click changes the lists, and is measured."""

from playwright.sync_api import expect
from sqlalchemy import Engine

from tests.serving.conftest import Seeds
from tests.serving.console.conftest import Visit, serious
from tests.serving.console.test_watch import publish


def items(page: object, name: str) -> list[str]:
    return page.eval_on_selector_all(  # type: ignore[attr-defined,no-any-return]
        f"[data-list={name}] [data-item]", "rows => rows.map((row) => row.dataset.item)"
    )


def test_a_click_moves_the_speed_list_and_the_blend_and_is_measured(
    visit: Visit, seeds: Seeds, engine: Engine, speed: None
) -> None:
    publish(engine, seeds, "ann")
    page = visit.page("/?user=ann")
    expect(page.locator("#timing")).to_contain_text("Nothing clicked yet")
    before = {name: items(page, name) for name in ("batch", "speed", "blend")}
    page.click("[data-list=batch] .item >> nth=1")
    expect(page.locator(".total")).to_contain_text("ms from click to change")
    after = {name: items(page, name) for name in ("batch", "speed", "blend")}
    assert after["batch"][:4] == [item for item in before["batch"][:5] if item != "film-21"]
    assert after["speed"] != before["speed"]
    assert after["blend"] != before["blend"]
    expect(page.locator(".history li")).to_have_count(1)
    # The keyboard goes on in the list where it was.
    assert page.evaluate("document.activeElement.closest('[data-list]').dataset.list") == "batch"
    page.click(".history button")
    expect(page.locator(".history li")).to_have_count(0)
    # Popular items follow these, which the speed worker may just have counted anew.
    assert items(page, "batch")[:5] == before["batch"][:5]
    assert page.errors == []  # type: ignore[attr-defined]


def test_a_new_visitor_has_a_list_of_their_own_after_a_search_and_a_click(
    visit: Visit, seeds: Seeds, engine: Engine, speed: None
) -> None:
    publish(engine, seeds, "ann")
    page = visit.page("/")
    page.click("text=New visitor >> nth=0")
    expect(page.locator("[data-list=speed] .note")).to_contain_text("begins with the first click")
    page.keyboard.press("/")
    page.keyboard.type("film 3")
    page.click("#found button >> nth=0")
    expect(page.locator(".total")).to_contain_text("ms from click to change")
    expect(page.locator("[data-list=speed] > .note")).to_have_count(0)
    expect(page.locator("#found li")).to_have_count(0)
    assert page.errors == []  # type: ignore[attr-defined]


def test_a_slider_weighs_the_sources_anew(visit: Visit, seeds: Seeds, engine: Engine) -> None:
    publish(engine, seeds, "ann")
    page = visit.page("/?user=ann", "viewer")
    slider = page.locator(".slider.batch input")
    slider.fill("0")
    expect(page.locator(".slider.speed output")).to_have_text("100 %")
    expect(page.locator("[data-list=blend] > .note")).to_contain_text("popular stands in")
    page.click("text=Reset")
    expect(page.locator(".slider.speed output")).to_have_text("30 %")
    expect(page.locator("[data-list=blend] > .note")).to_have_count(0)
    assert page.errors == []  # type: ignore[attr-defined]


def test_pages_keep_nobody_from_using_them(visit: Visit, seeds: Seeds, engine: Engine) -> None:
    publish(engine, seeds, "ann")
    page = visit.page("/?user=ann")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert serious(page) == [], scheme
    page.goto("/")
    assert serious(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/?user=ann")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_theme_is_chosen_and_kept_and_a_person_signs_out(visit: Visit) -> None:
    page = visit.page("/", "viewer")
    page.click("#theme")
    theme = page.evaluate("document.documentElement.dataset.theme")
    assert theme == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.click("#sign-out")
    page.wait_for_url("**/sign-in")
    page.goto("/")
    page.wait_for_url("**/sign-in#next=*")
    expect(page.locator("#form")).to_be_visible()
    assert page.errors == []  # type: ignore[attr-defined]
