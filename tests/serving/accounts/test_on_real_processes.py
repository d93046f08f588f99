"""Signing in, renewing and being locked out, on two real processes that share only their stores."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving.accounts.people import (
    PASSWORD,
    People,
    bearer,
    me,
    refreshed,
    register,
    sign_in,
    signed_in,
)
from tests.serving.conftest import Seeds, until
from tests.serving.process import RunApi, RunningApi, run_api

__all__ = ["run_api"]


@pytest.fixture
def api(run_api: RunApi, signing_keys_file: Path) -> RunningApi:
    return run_api(
        api_workers=2,
        api_key_seconds=1,
        redis_timeout_seconds=5,
        registration="open",
        signing_keys_file=signing_keys_file,
        limit_address_per_minute=0,
        # An address has an eighth of them.
        api_bodies_at_once=256,
        trusted_proxies="127.0.0.1",
    )


def fresh(api: RunningApi, address: str = "203.0.113.1") -> httpx.AsyncClient:
    """A client whose requests take connections of their own, and so reach both processes."""
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{api.port}",
        headers={"X-Forwarded-For": address, "Connection": "close"},
        timeout=120,
    )


async def statuses(asked: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in await asyncio.gather(*asked))


async def test_an_end_user_registers_signs_in_and_acts_as_one_user(
    api: RunningApi, seeds: Seeds
) -> None:
    async with fresh(api) as client:
        made = await register(client, "eve@example.org")
        assert (made.status_code, made.json()["role"]) == (201, "user")
        tokens = await signed_in(client, "EVE@example.org")
        event = {"user_id": "me", "item_id": "film-1", "kind": "like"}
        sent = await client.post("/v1/events", json={"events": [event]}, headers=bearer(tokens))
        assert sent.status_code == 202, sent.text
        own = await client.get("/v1/users/me/recommendations", headers=bearer(tokens))
        assert own.json()["user_id"] == made.json()["user_id"]
        other = await client.get("/v1/users/ann/recommendations", headers=bearer(tokens))
        assert other.status_code == 403
    assert seeds.count(f"users where user_id = '{made.json()['user_id']}'") == 1


async def test_a_refresh_token_that_is_used_twice_ends_the_session_in_both_processes(
    api: RunningApi, people: People
) -> None:
    people.add("ann")
    async with fresh(api) as client:
        first = await signed_in(client, "ann")
        second = (await refreshed(client, first["refresh_token"])).json()
        assert await statuses([me(client, second) for _ in range(10)]) == {200: 10}
        assert (await refreshed(client, first["refresh_token"])).status_code == 400

        async def ended_everywhere() -> bool:
            return await statuses([me(client, second) for _ in range(10)]) == {401: 10}

        await until(ended_everywhere)
        assert (await refreshed(client, second["refresh_token"])).status_code == 400


async def test_of_many_who_renew_at_once_no_two_get_a_token(
    api: RunningApi, people: People
) -> None:
    people.add("ann")
    async with fresh(api) as client:
        token = (await signed_in(client, "ann"))["refresh_token"]
        found = await statuses([refreshed(client, token) for _ in range(12)])
        assert found[200] <= 1
        assert found[200] + found[400] == 12, found


async def test_who_guesses_waits_and_the_owner_signs_in_from_elsewhere(
    api: RunningApi, people: People
) -> None:
    people.add("ann")
    async with fresh(api, "203.0.113.66") as guesser, fresh(api, "198.51.100.9") as owner:
        found: Counter[int] = Counter()
        for _ in range(4):
            found += await statuses([sign_in(guesser, "ann", f"guess {n}") for n in range(4)])
        assert found[400] == 10, "in both processes together"
        assert found[429] == 6
        assert (await sign_in(guesser, "ann", PASSWORD)).status_code == 429
        assert (await sign_in(owner, "ann", PASSWORD)).status_code == 200
