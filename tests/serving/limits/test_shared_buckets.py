"""The buckets in a real Redis: they are shared, reckon as ours do, and come and go with it."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from serving.limits.limiter import Limiter
from serving.limits.shared_buckets import LEASE, SharedBuckets, redis_key
from serving.limits.token_bucket import RateLimit, TokenBucket
from serving.redis.redis_link import RedisLink
from serving.runtime.breaker import Breaker, BreakerRules
from serving.runtime.metrics import ServingMetrics
from tests.serving.conftest import OwnRedis
from tests.toxic import toxic

TIMEOUT_SECONDS = 5.0
SLOW = RateLimit("key", per_minute=1, burst=200)
"""Hardly refilled while a test lasts."""
Connect = Callable[[str], RedisLink]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    links = []

    def connect(url: str) -> RedisLink:
        breaker = Breaker(BreakerRules())
        link = RedisLink(
            url,
            ServingMetrics(),
            breaker,
            timeout_seconds=TIMEOUT_SECONDS,
            heartbeat_seconds=TIMEOUT_SECONDS,
        )
        links.append(link)
        return link

    yield connect
    for link in links:
        await link.close()


def limiter_on(link: RedisLink) -> Limiter:
    return Limiter(SharedBuckets(link), timeout_seconds=TIMEOUT_SECONDS)


async def test_two_processes_share_one_bucket_among_fifty_clients(
    connect: Connect, redis_url: str
) -> None:
    processes = [limiter_on(connect(redis_url)) for _ in "ab"]

    async def client(limiter: Limiter) -> int:
        return sum([(await limiter.take(SLOW, 1)).allowed for _ in range(20)])

    began_at = time.monotonic()
    granted = sum(
        await asyncio.gather(*map(client, itertools.islice(itertools.cycle(processes), 50)))
    )
    refilled = (time.monotonic() - began_at) * SLOW.per_second
    assert SLOW.burst - 2 * SLOW.lot <= granted <= SLOW.burst + refilled + 2 * SLOW.lot


steps = st.lists(
    st.tuples(
        st.integers(0, 10_000).map(lambda ticks: ticks / 64),
        st.integers(0, 300),
        st.integers(0, 20),
    ),
    max_size=20,
)
numbers = itertools.count()


@given(st.integers(1, 100).map(lambda rate: 60 * rate), st.integers(1, 200), steps)
def test_the_script_reckons_as_the_bucket_in_memory_does(
    redis_server_url: str,
    per_minute: int,
    burst: int,
    steps: list[tuple[float, int, int]],
) -> None:
    limit = RateLimit("key", per_minute, burst)
    at_time = LEASE.replace("redis.call('TIME')", "{ARGV[5], 0}")
    key, now = f"reckoned-{next(numbers)}", 1_700_000_000.0
    in_memory = TokenBucket(limit.burst, now)
    with redis.Redis.from_url(redis_server_url) as client:
        for passed, wanted, returned in steps:
            now += passed
            granted, left = client.eval(
                at_time, 1, key, burst, limit.per_second, wanted, returned, now
            )
            # What is full is gone after a while; here no time passes for Redis.
            assert granted == in_memory.take(limit, wanted, now, returned=returned)
            assert abs(float(left) - in_memory.tokens) < 1e-6
        client.delete(key)


async def test_a_bucket_is_gone_by_itself_when_it_is_full_again(
    connect: Connect, redis_url: str
) -> None:
    limit = RateLimit("address", per_minute=6000, burst=100)
    lease = await SharedBuckets(connect(redis_url)).lease(limit, "here", wanted=50, returned=0)
    assert lease is not None
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < int(client.pttl(redis_key(limit, "here"))) <= 1500


async def test_redis_is_given_no_address_and_no_name(connect: Connect, redis_url: str) -> None:
    limiter = limiter_on(connect(redis_url))
    for bucket_key in ("203.0.113.9", "ann@example.com", 17):
        await limiter.take(SLOW, bucket_key)
    with redis.Redis.from_url(redis_url) as client:
        keys = [key.decode() for key in client.keys("tandem:limit:*")]
    assert len(keys) == 3
    assert "tandem:limit:key:17" in keys
    assert not any("203" in key or "ann" in key for key in keys)


async def test_without_redis_each_process_counts_alone_and_with_it_together_again(
    connect: Connect, own_redis: OwnRedis
) -> None:
    links = [connect(own_redis.url) for _ in "ab"]
    first, second = map(limiter_on, links)
    assert (await first.take(SLOW, 1)).allowed
    own_redis.kill()
    for limiter in (first, second):
        granted = [(await limiter.take(SLOW, 1)).allowed for _ in range(SLOW.burst + SLOW.lot + 1)]
        assert not granted[-1]
        assert sum(granted) >= SLOW.burst - 1
    own_redis.start()
    for link in links:
        await link.heartbeat()
    # Redis begins with nothing, so there is one full bucket for both.
    granted = [(await limiter.take(SLOW, 1)).allowed for limiter in (first, second) * SLOW.burst]
    assert sum(granted) <= SLOW.burst + 2 * SLOW.lot + 1


async def test_a_redis_that_answers_nothing_holds_requests_up_only_once(
    connect: Connect, own_redis: OwnRedis, socket_folder: Path
) -> None:
    through = socket_folder / "through"
    async with toxic(str(through), f"{own_redis.folder}/redis.sock") as proxy:
        limiter = Limiter(SharedBuckets(connect(f"unix://{through}")), timeout_seconds=0.05)
        assert (await limiter.take(SLOW, 1)).allowed
        proxy.freeze()
        for bucket_key in range(10):
            assert (await limiter.take(SLOW, bucket_key)).allowed
