"""What is given up is given up quietly."""

import asyncio
import gc
import signal
from typing import Any

from serving.redis.redis_link import RedisLink
from serving.runtime.breaker import Breaker, BreakerRules
from serving.runtime.metrics import ServingMetrics
from tests.serving.conftest import OwnRedis, until


async def test_a_question_to_a_frozen_redis_that_nobody_waits_for_any_more_is_not_logged(
    own_redis: OwnRedis,
) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    link = RedisLink(
        own_redis.url,
        ServingMetrics(),
        Breaker(BreakerRules()),
        timeout_seconds=0.3,
        heartbeat_seconds=0.1,
        connections=10,
    )

    async def answers() -> bool:
        return bool(await link.ask_unchecked("PING"))

    await until(answers)
    assert own_redis.process is not None
    own_redis.process.send_signal(signal.SIGSTOP)
    try:
        asking = [asyncio.create_task(link.ask_unchecked("PING")) for _ in range(5)]
        await asyncio.sleep(0.02)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        del asking, task
        await asyncio.sleep(1.0)
    finally:
        own_redis.process.send_signal(signal.SIGCONT)
    await link.close()
    gc.collect()
    await asyncio.sleep(0)
    assert reported == []
