"""The page to sign in on, in a real browser."""

from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from stack.accounts import first_admin_link
from tests.browser import browser
from tests.serving.accounts.people import PASSWORD, People
from tests.serving.threaded import ServeApi, serve_api

__all__ = ["browser", "serve_api"]


def test_the_first_admin_comes_by_a_link_stays_signed_in_and_signs_out(
    browser: Browser, serve_api: ServeApi, people: People, engine: Engine
) -> None:
    port = serve_api()
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    address = f"http://127.0.0.1:{port}"
    with engine.begin() as connection:
        link = first_admin_link(connection)
    assert link is not None
    page.goto(address + link.path)
    expect(page.locator("#purpose")).to_contain_text("Choose a name and a password")
    assert link.token not in page.url
    page.fill("#name", "Boss")
    page.fill("#password", "short")
    page.click("#submit")
    expect(page.locator("#signed-in")).to_be_hidden()
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    # On to the console, which whoever comes first has not seen yet.
    expect(page.locator("h1")).to_have_text("Watch it learn")
    page.goto(f"{address}/sign-in")
    expect(page.locator("#who")).to_have_text("Boss")
    expect(page.locator("#role")).to_have_text("admin")
    page.click("#sign-out")
    expect(page.locator("#form")).to_be_visible()
    page.fill("#name", "Boss")
    page.fill("#password", "not the password")
    page.click("#submit")
    expect(page.locator("#alert")).not_to_be_empty()
    page.goto(address + link.path)
    expect(page.locator("#purpose")).to_contain_text("Choose a name and a password")
    page.fill("#name", "Second")
    page.fill("#password", PASSWORD)
    page.click("#submit")
    expect(page.locator("#alert")).not_to_be_empty()
    assert people.find("Second") is None, "a link is good once"
    assert problems == []
