"""What Redis could not be sent waits in bounded memory, the oldest first."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from domain.identifiers import ItemNo, UserId
from serving.exclusions import exclusion_cache
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.exclusions.user_memory import UserMemory


class RedisThatComesBack:
    """Takes nothing while it is away; another event comes in while it is tried."""

    flapping = False

    def __init__(self) -> None:
        self.away = True
        self.published: list[tuple[UserId, UserExclusions]] = []
        self.meanwhile: Mapping[UserId, UserExclusions] = {}
        self.users: ExclusionCache

    async def add(self, users: Mapping[UserId, UserExclusions], *, publish: bool = True) -> bool:
        del publish
        if not self.away:
            self.published += users.items()
        elif self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, {}
            await self.users.publish(meanwhile)
        return not self.away

    async def load_changes(self, since: str) -> tuple[tuple[()], str]:
        return (), since

    async def find_marker(self) -> None:
        return None


class NoNotifier:
    async def publish(self, users: Mapping[UserId, UserExclusions]) -> None:
        pass


def redis_of_an_outage() -> RedisThatComesBack:
    redis, memory = RedisThatComesBack(), UserMemory(most_users=9, most_items=99)
    redis.users = ExclusionCache(
        memory, cast("Any", redis), cast("Any", NoNotifier()), cast("Any", None)
    )
    return redis


def seen(**users: int) -> dict[UserId, UserExclusions]:
    return {
        UserId(user): UserExclusions(exclusions=Exclusions(frozenset({ItemNo(item)})))
        for user, item in users.items()
    }


async def test_all_of_it_is_sent_once_redis_is_back_the_oldest_first() -> None:
    redis = redis_of_an_outage()
    await redis.users.publish(seen(ann=1, bob=2))
    redis.meanwhile = seen(ann=3, carol=4)
    await redis.users.catch_up()
    redis.away = False
    await redis.users.catch_up()
    assert [user for user, _ in redis.published] == ["bob", "ann", "carol"]
    assert dict(redis.published)[UserId("ann")].exclusions.seen == {1, 3}
    await redis.users.catch_up()
    assert len(redis.published) == 3


async def test_of_too_many_those_that_wait_longest_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exclusion_cache, "_MOST_UNSAVED", 2)
    redis = redis_of_an_outage()
    for user in ("ann", "bob", "ann", "carol"):
        await redis.users.publish(seen(**{user: 1}))
    await redis.users.catch_up()
    redis.away = False
    await redis.users.catch_up()
    assert [user for user, _ in redis.published] == ["ann", "carol"]
