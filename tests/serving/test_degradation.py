"""Whatever is away or slow, there is an answer in time; when it is back, so is the best one."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from sqlalchemy import update

from tests import tables
from tests.serving.conftest import Seeds, Start, event, ids, recommended, send, until
from tests.toxic import Toxic, toxic, toxic_postgres

Fault = Literal["down", "slow", "frozen", "flapping"]

FAULTS: tuple[Fault, ...] = ("down", "slow", "frozen", "flapping")
LATENCY_SECONDS = 8.0
BUDGET_SECONDS = {"redis": 3.0, "postgres": 1.0, "both": 0.25}
"""By what is away; the more must succeed, the more a busy machine is given."""
REDIS_SECONDS = {"redis": 0.05, "postgres": 0.5, "both": 0.05}
SILENCE_SECONDS = {"redis": 3.0, "postgres": 0.25, "both": 0.25}
"""So long PostgreSQL on a busy machine may say nothing before it is taken for one that is away."""
SLACK_SECONDS = 5.0
"""What a busy machine may add; still, who waits for what is slow would be later than that."""
NON_PERSONALIZED = {
    "popular_week": "/v1/popular?window=week&limit=8",
    "trending": "/v1/trending?limit=8",
    "latest": "/v1/latest?limit=8",
    "starter": "/v1/starter?limit=8",
    "starter_of_ann": "/v1/starter?limit=8&user_id=ann",
}


FINDING = {
    "popular": (
        "/v1/items/film-3/similar?limit=8",
        "/v1/similar?item_id=film-3&item_id=film-4&limit=8&user_id=ann",
    ),
    "words": (
        "/v1/search?q=film&limit=8",
        "/v1/search?q=film&limit=8&user_id=ann&exclude_seen=true",
    ),
}
"""By their strategy while PostgreSQL is well; the run knows no similarities and no words."""


@dataclass
class Proxies:
    """What stands before the stores."""

    postgres: Toxic
    redis: Toxic
    database_url: str
    redis_url: str

    def of(self, away: str) -> list[Toxic]:
        return {
            "postgres": [self.postgres],
            "redis": [self.redis],
            "both": [self.postgres, self.redis],
        }[away]


@pytest.fixture
async def proxies(socket_folder: Path, database_url: str, redis_url: str) -> AsyncIterator[Proxies]:
    socket = str(socket_folder / "redis.sock")
    async with (
        toxic_postgres(socket_folder, database_url) as (postgres, url),
        toxic(socket, redis_url.removeprefix("unix://")) as redis,
    ):
        yield Proxies(postgres, redis, url, f"unix://{socket}")


@pytest.fixture
def run(seeds: Seeds) -> int:
    """Ann and Bob have a batch list and a vector; Ann has seen the most popular film."""
    films, users = seeds.film_nos, [seeds.user("ann"), seeds.user("bob")]
    seeds.write(
        update(tables.items).where(tables.items.c.item_no.in_(films[:5])).values(categories=["war"])
    )
    seeds.write(
        update(tables.items).where(tables.items.c.item_no == films[29]).values(categories=["noir"])
    )
    return seeds.run(
        batch={user: [(films[n], 10.0 - n) for n in range(5)] for user in users},
        vectors={films[n]: (1.0, float(n)) for n in range(10)},
        users=dict.fromkeys(users, ((0.0, 1.0), 0)),
        popular={
            "": [(films[n], 30.0 - n) for n in range(30)],
            "war": [(films[n], 9.0 - n) for n in range(5)],
        },
    )


async def bring(fault: Fault, *proxies: Toxic) -> None:
    for proxy in proxies:
        if fault == "down":
            await proxy.cut()
        elif fault == "slow":
            proxy.slow(LATENCY_SECONDS)
        elif fault == "frozen":
            proxy.freeze()
        else:
            proxy.flap()


async def timed(asking: Any) -> tuple[httpx.Response, float]:
    began_at = time.monotonic()
    answer = await asking
    return answer, time.monotonic() - began_at


async def well(client: httpx.AsyncClient) -> bool:
    """Everything is as good as it gets."""
    for limit in range(6, 10):
        fresh = await recommended(client, "bob", limit=limit)
        if fresh.json()["strategy"] != "blend" or fresh.json()["degraded"]:
            return False
    ready = await client.get("/readyz")
    again = await recommended(client, "bob", limit=9)
    states = [
        line for line in (await client.get("/metrics")).text.splitlines()
        if line.startswith("serving_breaker_state")
    ]  # fmt: skip
    return (
        again.json()["source"] == "cache"
        and ready.json().get("redis") == "reachable"
        and all(line.endswith(" 0.0") for line in states)
    )


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("away", ["postgres", "redis", "both"])
async def test_every_read_is_answered_in_time_with_the_best_strategy_there_is_and_all_is_well_after(
    start: Start, run: int, proxies: Proxies, away: str, fault: Fault
) -> None:
    budget = BUDGET_SECONDS[away]
    client = await start(
        database_url=proxies.database_url,
        redis_url=proxies.redis_url,
        request_budget_seconds=budget,
        startup_wait_seconds=30,
        popular_refresh_seconds=0.2,
        redis_timeout_seconds=REDIS_SECONDS[away],
        postgres_silence_seconds=SILENCE_SECONDS[away],
    )
    assert (await send(client, event("ann", 0))).status_code == 202

    async def warm() -> bool:
        asked = [await recommended(client, user, limit=5) for user in ("ann", "bob")]
        listed = await client.get("/v1/popular?category=war&limit=4")
        for path in NON_PERSONALIZED.values():
            await client.get(path)
        return all(answer.json()["degraded"] is None for answer in (*asked, listed))

    await until(warm)
    await bring(fault, *proxies.of(away))
    for _ in range(3):
        await check(client, run, away, fault, budget)
        await check_non_personalized(client, away, fault, budget)
        await check_finding(client, run, away, fault, budget)
    for proxy in proxies.of(away):
        await proxy.heal()
    await until(lambda: well(client))


async def check(
    client: httpx.AsyncClient, run: int, away: str, fault: Fault, budget: float
) -> None:
    """Ask for everything once."""
    asked = {
        "known": recommended(client, "ann", limit=8),
        "unknown": recommended(client, "nobody", limit=8),
        "cached": recommended(client, "bob", limit=5),
        "popular": client.get("/v1/popular?limit=8"),
        "category": client.get("/v1/popular?category=war&limit=4"),
        "rare": recommended(client, "ann", limit=4, category="noir"),
        "item": client.get("/v1/items/film-3"),
        "health": client.get("/healthz"),
        "ready": client.get("/readyz"),
    }
    answers = dict(zip(asked, await asyncio.gather(*map(timed, asked.values())), strict=True))
    # Redis holds a request up by a few of its timeouts, never for as long as it is slow.
    longest = min(budget, 1.0) + SLACK_SECONDS
    for name, (answer, seconds) in answers.items():
        assert seconds < longest, (name, seconds, answer.text)
    strategies = {}
    for name in ("known", "unknown", "cached", "popular", "category"):
        answer = answers[name][0]
        assert answer.status_code == 200, (name, answer.text)
        assert answer.json()["run"]["id"] == run
        assert len(ids(answer)) == (4 if name == "category" else 5 if name == "cached" else 8)
        strategies[name] = answer.json()["strategy"]
    assert "film-0" not in ids(answers["known"][0]), "she has seen it"
    assert ids(answers["rare"][0]) == ["film-29"], "it is in no popular list of its category"
    assert answers["health"][0].status_code == 200
    if fault != "flapping":
        check_strategies(away, strategies, answers["cached"][0].json()["source"])
        check_others(away, answers["item"][0], answers["ready"][0])


async def check_non_personalized(
    client: httpx.AsyncClient, away: str, fault: Fault, budget: float
) -> None:
    """Ask for the lists that are the same for everybody."""
    answers = await asyncio.gather(*(timed(client.get(path)) for path in NON_PERSONALIZED.values()))
    for name, (answer, seconds) in zip(NON_PERSONALIZED, answers, strict=True):
        assert seconds < min(budget, 1.0) + SLACK_SECONDS, (name, seconds, answer.text)
        assert answer.status_code == 200, (name, answer.text)
        assert len(ids(answer)) == 8
        assert (answer.json()["strategy"] == "fallback") == (answer.json()["degraded"] is not None)
        assert away == "redis" or fault == "flapping" or answer.json()["strategy"] == "fallback"
        assert name != "starter_of_ann" or "film-0" not in ids(answer), "she has seen it"


async def check_finding(
    client: httpx.AsyncClient, run: int, away: str, fault: Fault, budget: float
) -> None:
    """Search, and ask for similar items, for a user and for nobody."""
    asked = {path: client.get(path) for paths in FINDING.values() for path in paths}
    answers = dict(zip(asked, await asyncio.gather(*map(timed, asked.values())), strict=True))
    for strategy, paths in FINDING.items():
        for path in paths:
            answer, seconds = answers[path]
            assert seconds < min(budget, 1.0) + SLACK_SECONDS, (path, seconds, answer.text)
            assert answer.status_code == 200, (path, answer.text)
            assert answer.json()["run"]["id"] == run
            assert len(ids(answer)) == 8
            assert "user_id" not in path or "film-0" not in ids(answer), "she has seen it"
            if fault != "flapping":
                expected = strategy if away == "redis" else "fallback"
                assert answer.json()["strategy"] == expected, (path, answer.text)


def check_strategies(away: str, strategies: dict[str, str], cached_source: str) -> None:
    if away == "redis":
        expected = ("blend", "popular", "blend", "popular", "popular")
        assert cached_source == "blend"
    elif away == "postgres":
        expected = ("fallback", "fallback", "blend", "fallback", "fallback")
        assert cached_source == "cache"
    else:
        expected = ("fallback", "fallback", "fallback", "fallback", "fallback")
    assert tuple(strategies.values()) == expected


def check_others(away: str, item: httpx.Response, ready: httpx.Response) -> None:
    if away == "redis":
        assert (item.status_code, ready.status_code) == (200, 200)
        return
    assert (item.status_code, ready.status_code) == (503, 503)
    assert item.headers["retry-after"] == "1"
    assert item.json()["type"] == "urn:tandem:problem:store-unavailable"
