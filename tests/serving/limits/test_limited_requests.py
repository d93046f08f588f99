"""What a caller is told of a limit, and who is counted for which."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from serving.limits.limits import Limits
from tests.serving.conftest import Start

PATH = "/v1/limited"


async def check_caller(request: Request, key: int | None = None, user: str | None = None) -> None:
    """As who a request comes is said in its query here."""
    limits: Limits = request.state.services[Limits]
    if key is not None:
        per_minute = request.headers.get("per-minute")
        most = None if per_minute is None else int(per_minute)
        await limits.check_key(request.scope["state"], key, most)
    elif user is not None:
        await limits.check_user(request.scope["state"], user)
    else:
        await limits.check_address(request.scope)


@pytest.fixture
def limited(start: Start) -> Start:
    """An app with one more path, which does nothing but count."""

    async def start_limited(**settings: Any) -> httpx.AsyncClient:
        client = await start(**settings)
        app: FastAPI = client.app  # type: ignore[attr-defined]
        app.add_api_route(PATH, check_caller)
        return client

    return start_limited


async def statuses(client: httpx.AsyncClient, times: int, **headers: str) -> list[int]:
    return [(await client.get(PATH, headers=headers)).status_code for _ in range(times)]


async def test_an_answer_says_how_much_of_the_limit_is_left(limited: Start) -> None:
    client = await limited(limit_user_token_per_minute=600)
    answer = await client.get(PATH, params={"user": "ann"})
    assert answer.status_code == 200
    assert answer.headers["ratelimit-policy"] == '"user";q=600;w=60'
    assert answer.headers["ratelimit"] == '"user";r=599;t=1'
    assert "retry-after" not in answer.headers


async def test_nothing_is_said_to_who_has_no_limit(limited: Start) -> None:
    client = await limited(limit_address_per_minute=0, limit_user_token_per_minute=0)
    for query in ({}, {"key": "1"}, {"user": "ann"}):
        answer = await client.get(PATH, params=query)
        assert answer.status_code == 200
        assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()
    unlimited = await client.get(PATH, params={"key": "1"}, headers={"per-minute": "0"})
    assert "ratelimit" not in unlimited.headers


async def test_one_request_too_many_is_told_when_to_come_back(limited: Start) -> None:
    client = await limited(limit_address_per_minute=2)
    assert await statuses(client, 2) == [200, 200]
    answer = await client.get(PATH)
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    seconds = answer.headers["retry-after"]
    # A token comes back every half minute.
    assert 1 <= int(seconds) <= 30
    assert answer.headers["ratelimit"] == f'"address";r=0;t={seconds}'
    body = answer.json()
    assert body["type"] == "urn:tandem:problem:rate-limited"
    assert body["detail"] == (
        "Requests without a valid key or token from this address are limited to 2 a minute."
        f" Come back in {seconds} s."
    )
    metrics = (await client.get("/metrics")).text
    assert re.search(r'^serving_rate_limited_total\{limit="address"\} 1.0$', metrics, re.MULTILINE)


async def test_a_limit_of_a_key_goes_before_that_of_the_settings(limited: Start) -> None:
    client = await limited(limit_key_per_minute=1)
    key = {"key": "1"}
    own = [await client.get(PATH, params=key, headers={"per-minute": "3"}) for _ in range(4)]
    assert [answer.status_code for answer in own] == [200, 200, 200, 429]
    assert own[0].headers["ratelimit-policy"] == '"key";q=3;w=60'
    assert "this API key" in own[-1].json()["detail"]
    other = [(await client.get(PATH, params={"key": "2"})).status_code for _ in range(2)]
    assert other == [200, 429]


async def test_processes_share_what_they_count(limited: Start) -> None:
    first = await limited(limit_address_per_minute=4)
    second = await limited(limit_address_per_minute=4)
    assert await statuses(first, 2) == await statuses(second, 2) == [200, 200]
    assert await statuses(first, 1) == await statuses(second, 1) == [429]


async def test_who_asks_is_whom_a_trusted_proxy_names(limited: Start) -> None:
    # The test's own requests come from 127.0.0.1.
    client = await limited(limit_address_per_minute=1, trusted_proxies="127.0.0.0/8,10.0.0.0/8")
    assert await statuses(client, 2, **{"X-Forwarded-For": "203.0.113.1"}) == [200, 429]
    assert await statuses(client, 2, **{"X-Forwarded-For": "203.0.113.2, 10.0.0.1"}) == [200, 429]
    # What a client writes itself stands further left than what the proxy adds.
    spoofed = {"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}
    assert await statuses(client, 1, **spoofed) == [429]
    assert await statuses(client, 2, **{"X-Forwarded-For": "2001:db8::1"}) == [200, 429]
    assert await statuses(client, 1, **{"X-Forwarded-For": "2001:db8::2"}) == [429]


async def test_what_others_say_of_themselves_is_not_read(limited: Start) -> None:
    for proxies in ("", "10.0.0.0/8"):
        client = await limited(limit_address_per_minute=1, trusted_proxies=proxies)
        sent = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(3)]
        answers = [(await statuses(client, 1, **headers))[0] for headers in sent]
        assert answers.count(429) >= 2
