"""The page Access: a key is made, shown once and revoked; somebody is invited and disabled."""

import re

import httpx
from playwright.sync_api import expect

from tests.serving.conftest import Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious


async def test_only_admins_see_who_is_let_in(signed_in: SignedIn) -> None:
    client = await signed_in("operator")
    assert (await client.get("/console/access")).status_code == 403
    assert "/console/access" not in (await client.get("/")).text


def test_a_key_is_made_shown_once_and_revoked(visit: Visit) -> None:
    page = visit.page("/console/access", "admin")
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill("[name=name]", "shop")
    page.click("text=Make a key")
    key = page.locator("#secret-text")
    expect(key).to_have_text(re.compile("^tdm_"))
    headers = {"X-API-Key": key.inner_text()}
    url = f"http://127.0.0.1:{visit.port}/v1/popular"
    assert httpx.get(url, headers=headers).status_code == 200
    page.click("text=Done")
    expect(page.locator(".keys")).to_contain_text("shop")
    assert headers["X-API-Key"] not in page.content()
    assert serious(page) == []
    page.click("[aria-label='Revoke shop']")
    expect(page.locator(".keys tr", has_text="shop")).to_contain_text("revoked")
    assert httpx.get(url, headers=headers).status_code == 401
    assert page.errors == []  # type: ignore[attr-defined]


def test_somebody_is_invited_by_a_link_and_disabled(visit: Visit) -> None:
    visit.people.add("vera", "viewer")
    page = visit.page("/console/access", "admin")
    page.select_option("[name=role]", "operator")
    page.click("text=Make a link")
    expect(page.locator("#secret-text")).to_contain_text("/sign-in#invitation=")
    page.click("text=Done")
    page.click("[aria-label='Disable vera']")
    expect(page.locator("[aria-label='Enable vera']")).to_be_visible()
    assert visit.people.find("vera").disabled_at is not None
    expect(page.locator("[aria-label='Disable admin']")).to_have_count(0)
    assert page.errors == []  # type: ignore[attr-defined]


def test_a_key_is_given_a_limit_and_loses_it(visit: Visit, seeds: Seeds) -> None:
    key = {"X-API-Key": seeds.key("read", name="shop")}
    url = f"http://127.0.0.1:{visit.port}/v1/popular"
    page = visit.page("/console/access", "admin")
    limit = "[aria-label='Requests a minute of shop']"
    page.fill(limit, "7")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(limit)).to_have_value("7")
    assert httpx.get(url, headers=key).headers["RateLimit-Policy"].startswith('"key";q=7')
    page.fill(limit, "")
    with page.expect_navigation():
        page.click("[aria-label='Limit of shop'] button")
    expect(page.locator(limit)).to_have_value("")
    assert serious(page) == []
    assert page.errors == []  # type: ignore[attr-defined]


def test_somebody_is_given_another_role_and_a_link_for_a_new_password(visit: Visit) -> None:
    visit.people.add("vera", "viewer")
    page = visit.page("/console/access", "admin")
    page.select_option("select[aria-label='Role of vera']", "operator")
    with page.expect_navigation():
        page.click("form[aria-label='Role of vera'] button")
    expect(page.locator("select[aria-label='Role of vera']")).to_have_value("operator")
    assert visit.people.find("vera").role == "operator"
    page.click("[aria-label='New password for vera']")
    expect(page.locator("#secret-text")).to_contain_text("/sign-in#reset=")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.errors == []  # type: ignore[attr-defined]
