"""The page Import: a file is previewed, loaded and taken back; what it asks is answered."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import browser
from tests.serving.accounts.people import People
from tests.serving.conftest import Seeds
from tests.serving.console.conftest import SignedIn, Visit, serious
from tests.serving.test_loads import Worker, upload, worker
from tests.serving.threaded import ServeApi

__all__ = ["browser", "worker"]

ASKS = b"user_id,item_id,date\nann,film-1,3/4/2026\nbob,film-2,4/5/2026\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def visit(browser: object, serve_api: ServeApi, people: People, folder: Path) -> Visit:
    return Visit(browser, serve_api(uploads=folder), people)  # type: ignore[arg-type]


async def test_who_may_only_look_imports_nothing(signed_in: SignedIn) -> None:
    client = await signed_in("viewer")
    assert (await client.get("/console/import")).status_code == 403
    assert "/console/import" not in (await client.get("/")).text


def test_a_file_is_previewed_loaded_and_taken_back(
    visit: Visit, seeds: Seeds, worker: Worker, tmp_path: Path
) -> None:
    file = tmp_path / "events.csv"
    file.write_text("user_id,item_id,timestamp\nann,film-1,1600000000\nbob,<b>,1600000001\n")
    page = visit.page("/console/import")
    page.set_input_files("#file", file)
    expect(page.locator("#load-title")).to_have_text("events.csv")
    worker.work()
    expect(page.locator(".understood")).to_contain_text("2 rows of events")
    assert seeds.count("interactions") == 0, "it is a preview"
    assert serious(page) == []
    # The list below follows by itself.
    expect(page.locator("#loads tbody")).to_contain_text("Previewed")
    page.click("text=Load it")
    expect(page.locator(".load .state")).to_contain_text("Waiting")
    worker.work()
    expect(page.locator(".load .facts")).to_contain_text("1")
    assert seeds.count("interactions") == 1
    expect(page.locator("#loads tbody tr >> nth=0")).to_contain_text("Complete")
    page.click("[data-opens^=undo]")
    page.click("dialog .primary")
    expect(page.locator(".load .state")).to_contain_text("Undoing")
    worker.work()
    expect(page.locator(".load .state")).to_contain_text("Undone")
    assert seeds.count("interactions") == 0
    assert page.errors == []  # type: ignore[attr-defined]


async def test_what_only_the_owner_of_a_file_knows_is_asked_and_answered(
    signed_in: SignedIn, seeds: Seeds, worker: Worker, folder: Path
) -> None:
    client = await signed_in("operator", uploads=folder)
    load = await upload(client, ASKS, filename="events.csv", preview="true")
    worker.work()
    asked = (await client.get(f"/console/loads/{load['id']}")).text
    assert "may begin with the day or with the month" in asked
    body = {"parameters": '{"day_first": ["true"]}', "preview": "true"}
    again = await client.post(f"/console/loads/{load['id']}/again", json=body)
    assert again.status_code == 200, again.text
    worker.work()
    previewed = (await client.get(f"/console/loads/{load['id']}")).text
    assert "2 rows of events" in previewed
    missing = await client.get("/console/loads/99")
    assert missing.status_code == 404
