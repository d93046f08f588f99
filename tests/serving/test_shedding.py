"""Who can be answered at once is not told to come again."""

import asyncio

from tests.serving.conftest import Seeds, Start, recommended

PATH = "/v1/users/ann/recommendations"


async def test_cached_lists_are_given_while_others_are_told_to_come_again(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    client = await start(api_requests_at_once=1, redis_timeout_seconds=5.0)
    await recommended(client, "ann")
    statuses: set[int] = set()
    has_ended = asyncio.Event()

    async def ask_for_new_ones() -> None:
        while not has_ended.is_set():
            answer = await client.get(PATH, params={"use_cache": False})
            statuses.add(answer.status_code)

    others = [asyncio.create_task(ask_for_new_ones()) for _ in range(4)]
    try:
        for _ in range(20):
            assert (await recommended(client, "ann")).json()["source"] == "cache"
    finally:
        has_ended.set()
        await asyncio.gather(*others)
    assert statuses == {200, 503}
