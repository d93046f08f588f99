"""The pages of placements: made, looked at before, saved, rolled back and deleted."""

from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.serving.conftest import Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious


def save(visit: Visit, seeds: Seeds, base_version: int, **definition: Any) -> httpx.Response:
    """Save as an app does, while somebody looks at the page."""
    body = {"definition": definition, "base_version": base_version}
    headers = {"X-API-Key": seeds.key("admin", name=f"other-{base_version}")}
    url = f"http://127.0.0.1:{visit.port}/v1/placements/home"
    return httpx.put(url, json=body, headers=headers, timeout=60)


def fits_a_phone(page: Page) -> bool:
    page.set_viewport_size({"width": 390, "height": 844})
    return bool(page.evaluate("document.documentElement.scrollWidth") == 390)


def fault_of(field: Locator) -> Locator:
    return field.locator("xpath=..").locator(".fault")


async def test_who_may_only_look_sees_what_is_decided_and_no_form(signed_in: SignedIn) -> None:
    client = await signed_in("viewer")
    page = (await client.get("/console/placements")).text
    assert "lists are as the settings say" in page
    assert "New placement" not in page
    shown = (await client.get("/console/placements/default")).text
    assert "<form" not in shown
    assert "placement.js" not in shown
    missing = await client.get("/console/placements/home")
    assert missing.status_code == 404
    assert "There is no placement" in missing.text
    preview = await client.post("/console/placements/default/preview", json={"definition": {}})
    assert preview.status_code == 403


async def test_a_placement_is_shown_with_who_decided_it(signed_in: SignedIn) -> None:
    client = await signed_in("operator")
    body = {"definition": {"limit": 7}, "base_version": 0, "note": "<b>short</b>"}
    assert (await client.put("/v1/placements/home", json=body)).status_code == 200
    for path in ("/console/placements", "/console/placements/home"):
        page = (await client.get(path)).text
        assert "&lt;b&gt;short" in page
        assert "operator" in page
        assert "<b>short" not in page
    assert (await client.get("/console/placements?name=Home")).status_code == 422


def test_a_placement_is_made_previewed_and_saved(visit: Visit, seeds: Seeds) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    page = visit.page("/console/placements")
    page.fill("[name=name]", "home")
    page.click("text=New placement")
    expect(page.locator(".lead")).to_contain_text("does not exist yet")
    page.wait_for_load_state("load")
    page.fill("[name=limit]", "4")
    page.fill("[name=users]", "ann")
    page.fill("[name=drawn]", "0")
    page.click("#preview")
    expect(page.locator("#previewed h3")).to_contain_text("ann")
    expect(page.locator("#previewed .both > div >> nth=1 >> li")).to_have_count(4)
    expect(page.locator("#previewed .moves.down").first).to_have_text("gone")
    expect(page.locator("#previewed")).to_contain_text("one list is shorter")
    expect(page.locator(".unsaved")).to_be_visible()
    assert serious(page) == []
    page.fill("[name=note]", "short")
    page.click("text=Save version 1")
    expect(page.locator(".notice")).to_contain_text("Version 1 is in force.")
    page.fill("[name=limit]", "6")
    page.click("text=Weights and more")
    page.select_option("[name=exclude_seen]", "false")
    page.fill("[name=fields]", "title, categories")
    page.click("[data-adds=variants]")
    variant = page.locator(".variant")
    variant.locator("[name=when]").fill("device: phone")
    variant.locator("[name=limit]").fill("2")
    variant.locator("[name=rest]").fill('{"diversity": 0.3}')
    page.fill("[name=context]", "device:phone")
    page.keyboard.press("Enter")
    expect(page.locator("#previewed .both > div >> nth=1 >> li")).to_have_count(2)
    assert serious(page) == []
    page.click("text=Save version 2")
    expect(page.locator(".notice")).to_contain_text("Version 2 is in force.")
    expect(page.locator("[name=exclude_seen]")).to_have_value("false")
    expect(page.locator("[name=fields]")).to_have_value("title, categories")
    expect(variant.locator("[name=when]")).to_have_value("device: phone")
    expect(variant.locator("[name=rest]")).to_have_value('{\n  "diversity": 0.3\n}')
    assert fits_a_phone(page)
    assert page.errors == []  # type: ignore[attr-defined]


def test_a_placement_is_rolled_back_and_deleted(visit: Visit, seeds: Seeds) -> None:
    for version, limit in enumerate((4, 6)):
        assert save(visit, seeds, version, limit=limit).status_code == 200
    page = visit.page("/console/placements/home")
    newest = page.locator(".versions tbody tr").first
    expect(newest).to_contain_text("limit: 4 \N{RIGHTWARDS ARROW} 6")
    newest.locator("summary").click()
    expect(newest.locator("pre")).to_contain_text('"limit": 6')
    page.click("[aria-label='Roll back to version 1']")
    page.click("#roll-back-1 .primary")
    expect(page.locator(".notice")).to_contain_text("decides as version 1 did")
    expect(page.locator(".lead")).to_contain_text("Version 3")
    expect(page.locator("[name=limit]")).to_have_value("4")
    assert serious(page) == []
    assert fits_a_phone(page)
    page.goto("/console/placements")
    assert fits_a_phone(page)
    assert serious(page) == []
    page.goto("/console/placements/home")
    page.click("[data-opens=delete]")
    page.click("#delete .primary")
    expect(page.locator(".notice")).to_contain_text("home is deleted.")
    expect(page.locator(".placements")).not_to_contain_text("home")
    assert page.errors == []  # type: ignore[attr-defined]


def test_what_is_wrong_is_said_beside_the_field_and_what_others_saved_is_kept(
    visit: Visit, seeds: Seeds
) -> None:
    page = visit.page("/console/placements/home")
    page.click("text=Weights and more")
    page.click("[data-adds=variants]")
    rest = page.locator(".variant [name=rest]")
    page.fill(".variant [name=when]", "device: phone")
    rest.fill("{")
    page.click("text=Save version 1")
    expect(fault_of(rest)).to_contain_text("This is no JSON")
    rest.fill("[]")
    page.locator("[name='weights.batch']").press_sequentially("e")
    page.click("text=Save version 1")
    expect(page.locator(".weights .fault")).to_have_text("This is no number.")
    page.fill("[name='weights.batch']", "")
    page.click("text=Save version 1")
    expect(fault_of(rest)).to_contain_text("This is to be an object")
    page.locator("[name=limit]").first.fill("4")
    rest.fill('{"limit": 5}')
    page.click("text=Save version 1")
    expect(fault_of(rest)).to_contain_text("limit has a field of its own")
    rest.fill('{"diversity": 3}')
    page.locator("[name=filter]").first.fill("of_no_sense =")
    page.fill("[name=not_again]", "a week")
    page.click("text=Save version 1")
    expect(fault_of(page.locator("[name=filter]").first)).to_contain_text("missing")
    expect(fault_of(page.locator("[name=not_again]"))).to_contain_text("12h")
    expect(fault_of(rest)).to_contain_text("/diversity: ")
    assert serious(page) == []
    page.click("[aria-label='Remove the variant']")
    for name in ("filter", "not_again"):
        page.fill(f"[name={name}]", "")
    page.fill("[name=context]", "phone")
    page.click("#preview")
    expect(fault_of(page.locator("[name=context]"))).to_contain_text("device:phone")
    page.fill("[name=context]", "device:phone, device:tv")
    page.click("#preview")
    expect(fault_of(page.locator("[name=context]"))).to_contain_text("device stands")
    page.fill("[name=context]", "")
    assert save(visit, seeds, 0, limit=9).status_code == 200
    page.click("text=Save version 1")
    expect(page.locator(".conflict")).to_contain_text(
        "Version 1 is in force meanwhile. key other-0 saved it at"
    )
    expect(page.locator("[name=limit]")).to_have_value("4")
    with page.expect_popup() as shown:
        page.click("text=Show what is in force")
    expect(shown.value.locator("[name=limit]")).to_have_value("9")
    page.click("text=Save mine over it")
    expect(page.locator(".notice")).to_contain_text("Version 2 is in force.")
    expect(page.locator("[name=limit]")).to_have_value("4")
    # The browser notes each refused request by itself.
    unexpected = [each for each in page.errors if "422" not in each and "409" not in each]  # type: ignore[attr-defined]
    assert unexpected == []
