"""In a real browser, pages of the origins that are set act as the user of their token."""

import json
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser

from tests.browser import browser, fetched, opened, origin, other_origin
from tests.serving.conftest import Seeds
from tests.serving.threaded import ServeApi, serve_api

__all__ = ["browser", "origin", "other_origin", "serve_api"]

OWN = "/v1/users/me/recommendations?limit=3"


def of_user(address: str, key: str, user: str) -> dict[str, Any]:
    """The options of a page's requests, with the token that a backend gave it."""
    answer = httpx.post(f"{address}/v1/tokens", json={"user_id": user}, headers={"X-API-Key": key})
    return {"headers": {"Authorization": f"Bearer {answer.json()['token']}"}}


def test_a_page_of_an_origin_that_is_set_reads_and_writes_as_its_user_and_no_other_page_does(
    *,
    browser: Browser,
    origin: str,
    other_origin: str,
    serve_api: ServeApi,
    seeds: Seeds,
    signing_keys_file: Path,
) -> None:
    seeds.listed_user("ann", popular=range(5))
    seeds.user("bob")
    port = serve_api(cors_origins=origin, signing_keys_file=signing_keys_file)
    address = f"http://127.0.0.1:{port}"
    ann = of_user(address, seeds.key("token", name="backend"), "ann")

    page = opened(browser, origin)
    answer = fetched(page, address + OWN, **ann)
    assert (answer["status"], answer["body"]["user_id"]) == (200, "ann")
    assert len(answer["body"]["items"]) == 3
    assert answer["headers"]["x-request-id"]
    assert answer["headers"]["ratelimit"].startswith('"user"')
    others = fetched(page, f"{address}/v1/users/bob/recommendations", **ann)
    assert (others["status"], others["body"]["title"]) == (403, "Forbidden")

    seen = answer["body"]["items"][0]["item_id"]
    event = {"user_id": "me", "item_id": seen, "kind": "view"}
    posting = {
        "method": "POST",
        "body": json.dumps({"events": [event]}),
        "headers": {**ann["headers"], "Content-Type": "application/json"},
    }
    assert fetched(page, f"{address}/v1/events", **posting)["status"] == 202
    after = fetched(page, address + OWN, **ann)["body"]["items"]
    assert seen not in [item["item_id"] for item in after]

    foreign = opened(browser, other_origin)
    assert "failed" in fetched(foreign, address + OWN, **ann)
    assert "failed" in fetched(foreign, f"{address}/v1/events", **posting)
    assert "failed" in fetched(foreign, f"{address}/healthz")


def test_a_page_reads_why_it_was_refused_and_can_send_no_key(
    browser: Browser, origin: str, serve_api: ServeApi
) -> None:
    port = serve_api(cors_origins=origin)
    page = opened(browser, origin)
    url = f"http://127.0.0.1:{port}{OWN}"
    refused = fetched(page, url, headers={"Authorization": "Bearer of-the-page"})
    assert refused["status"] == refused["body"]["status"] == 401
    assert "failed" in fetched(page, url, headers={"X-API-Key": "tdm_a-key-in-a-page"})
