"""Asking a running app for its diagnosis, and a run that leaves nothing to be said."""

import asyncio
from typing import Any

import httpx
from sqlalchemy import Engine

from tests.events import event, record
from tests.serving.conftest import Seeds, Start
from tests.small_run import publish_small_run


async def start_for_admin(
    start: Start, seeds: Seeds, *scopes: str, **settings: Any
) -> httpx.AsyncClient:
    """A client of an app of these settings, with a key of the scope admin and of these scopes."""
    client = await start(**settings)
    client.headers["X-API-Key"] = seeds.key(*scopes, "admin", name="operator")
    return client


async def diagnosed(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/v1/admin/diagnose")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["well"] == all(finding["severity"] != "problem" for finding in body["findings"])
    return body


async def finding(client: httpx.AsyncClient, check: str) -> dict[str, Any]:
    """What is found by a check; asked again while PostgreSQL is too busy to be asked."""
    async with asyncio.timeout(60):
        while True:
            for found in (await diagnosed(client))["findings"]:
                if found["check"] == check:
                    return dict(found)


async def severity(client: httpx.AsyncClient, check: str) -> str:
    return str((await finding(client, check))["severity"])


def published(engine: Engine, film_nos: list[int]) -> int:
    """Two users with events, then a run that knows them."""
    users = ("ann", "bob", "ann")
    with engine.begin() as connection:
        record(connection, [event(user, film_nos[n]) for n, user in enumerate(users)])
    with engine.begin() as connection:
        return publish_small_run(connection, film_nos)
