"""Answers are dropped whatever happens to Redis, or none counts once it is back."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis

from domain.identifiers import UserNo
from domain.redis_keys import user_entry
from serving.redis.answers import Answers
from serving.redis.redis_link import GENERATION, RedisLink
from serving.runtime.breaker import Breaker, BreakerRules
from serving.runtime.metrics import ServingMetrics
from tests.serving.conftest import OwnRedis, until

ANN = UserNo(1)


@asynccontextmanager
async def linked(server: OwnRedis, *, seconds: float) -> AsyncIterator[RedisLink]:
    """`seconds`: how long Redis may take, and a heartbeat."""
    link = RedisLink(
        server.url,
        ServingMetrics(),
        Breaker(BreakerRules()),
        timeout_seconds=seconds,
        heartbeat_seconds=seconds,
    )
    yield link
    await link.close()


async def test_a_drop_whose_batch_was_not_answered_is_made_on_a_connection_of_its_own(
    own_redis: OwnRedis,
) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        async with linked(own_redis, seconds=60) as link:
            answers = Answers(link, ServingMetrics(), seconds=60)
            assert await answers.drop([ANN]) == 0
            client.client_kill_filter(skipme=True, _type="normal")
            client.hset(user_entry(ANN), "list", "kept")
            assert await answers.drop([ANN]) == 1
            assert not client.exists(user_entry(ANN))
            assert link.invalidations_due == 0


async def test_after_a_drop_that_redis_did_not_answer_no_older_answer_counts(
    own_redis: OwnRedis,
) -> None:
    assert own_redis.process is not None
    with redis.Redis.from_url(own_redis.url) as client:
        async with linked(own_redis, seconds=0.1) as link:
            answers = Answers(link, ServingMetrics(), seconds=60)
            client.set(GENERATION, "before")
            own_redis.process.send_signal(signal.SIGSTOP)
            try:
                assert await answers.drop([ANN]) is None
            finally:
                own_redis.process.send_signal(signal.SIGCONT)

            async def dropped() -> bool:
                await link.heartbeat()
                return client.get(GENERATION) != b"before"

            await until(dropped)
