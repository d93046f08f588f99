"""Limits on real processes: one bucket for all of them, whoever answers."""

import asyncio
import time
from collections import Counter

import httpx

from serving.access.keys import generate_key
from tests.serving.conftest import Seeds
from tests.serving.process import RunApi, RunningApi, run_api

__all__ = ["run_api"]

CLIENTS, EACH = 50, 8
WORKERS = 2


async def asked(port: int, headers: dict[str, str]) -> tuple[Counter[int], float]:
    """Statuses of what many clients ask at once, and the seconds it took."""

    async def client() -> list[int]:
        # Connections of its own, so that all processes take part. There are no certificates, and
        # each client would load those of the machine.
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=120, verify=False) as http:
            answers = [await http.get("/v1/event-kinds", headers=headers) for _ in range(EACH)]
        for answer in answers:
            if answer.status_code == 429:
                assert answer.json()["type"] == "urn:tandem:problem:rate-limited"
                assert int(answer.headers["retry-after"]) >= 1
        return [answer.status_code for answer in answers]

    began_at = time.monotonic()
    statuses = await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return Counter(status for found in statuses for status in found), time.monotonic() - began_at


def buckets(api: RunningApi) -> int:
    """How many there were: each process has its own while Redis does not answer in time."""
    return WORKERS if api.lines("redis_away") else 1


async def test_a_key_has_one_limit_for_all_processes(run_api: RunApi, seeds: Seeds) -> None:
    per_minute, lot = 120, 6
    api = run_api(api_workers=WORKERS, redis_timeout_seconds=5)
    key = seeds.key("read", name="busy", per_minute=per_minute)
    statuses, seconds = await asked(api.port, {"X-API-Key": key})
    assert set(statuses) == {200, 429}
    most = (per_minute + seconds * per_minute / 60) * buckets(api) + WORKERS * lot
    assert per_minute - WORKERS * lot <= statuses[200] <= most
    other = seeds.key("read", name="calm", per_minute=per_minute)
    assert api.get("/v1/event-kinds", **{"X-API-Key": other}).status_code == 200


async def test_whoever_has_no_key_is_counted_by_address_whatever_is_claimed(
    run_api: RunApi, seeds: Seeds
) -> None:
    api = run_api(api_workers=WORKERS, redis_timeout_seconds=5)
    spoofed = {"X-API-Key": generate_key().key, "X-Forwarded-For": "203.0.113.7"}
    statuses, seconds = await asked(api.port, spoofed)
    assert set(statuses) == {401, 429}
    most = (100 + seconds * 100 / 60) * buckets(api) + WORKERS * 5
    assert 100 - WORKERS * 5 <= statuses[401] <= most
    spoofed["X-Forwarded-For"] = "203.0.113.8"
    statuses, seconds = await asked(api.port, spoofed)
    most = (seconds + 1) * 100 / 60 + WORKERS * 5
    assert statuses[401] <= most or buckets(api) > 1, "no bucket of its own"
    # A key in force is none of the address's business, and a probe needs none.
    key = seeds.key("read", name="app")
    assert api.get("/v1/event-kinds", **{"X-API-Key": key}).status_code == 200
    assert api.get("/healthz").status_code == 200


async def test_behind_a_proxy_that_is_trusted_each_client_has_its_own(
    run_api: RunApi, seeds: Seeds
) -> None:
    api = run_api(trusted_proxies="127.0.0.1", limit_address_per_minute=2)
    for client, statuses in (("203.0.113.7", [401, 401, 429]), ("203.0.113.8", [401, 401, 429])):
        headers = {"X-Forwarded-For": f"198.51.100.1, {client}"}
        found = [api.get("/v1/event-kinds", **headers).status_code for _ in statuses]
        assert found == statuses
