"""What a user has seen is waited for with patience, and no longer, whatever takes so long."""

import asyncio
from types import SimpleNamespace

import pytest

from domain.identifiers import ItemNo, UserId, UserNo
from serving.exclusions import exclusion_lookup
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusion_lookup import ExclusionLookup
from serving.exclusions.exclusions import ExcludedItems, Exclusions, UserExclusions

ANN = UserId("ann")
PATIENCE_SECONDS = 100.0
SEEN = UserExclusions(UserNo(1), Exclusions(frozenset({ItemNo(7)})), complete=True)


class SlowRedis(ExclusionCache):
    """It takes all of the patience, by the clock that the lookup reads, and knows nobody."""

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock

    async def find(self, _user_id: UserId) -> UserExclusions:
        self._clock[0] += PATIENCE_SECONDS
        return UserExclusions()


class Postgres(ExcludedItems):
    """It answers as soon as it is told to."""

    def __init__(self, answers: asyncio.Event) -> None:
        self._answers = answers

    async def find_exclusions(self, _user_id: UserId) -> UserExclusions:
        await self._answers.wait()
        return SEEN


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(exclusion_lookup, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


async def test_what_redis_took_is_part_of_the_patience_with_postgresql(clock: list[float]) -> None:
    postgres = Postgres(asyncio.Event())
    lookup = ExclusionLookup(SlowRedis(clock), postgres, seconds=PATIENCE_SECONDS)
    async with asyncio.timeout(PATIENCE_SECONDS / 10):
        found = await lookup.find(ANN)
    assert found.knowledge == "unknown"


async def test_what_postgresql_sent_while_redis_took_its_time_counts(clock: list[float]) -> None:
    answers = asyncio.Event()
    answers.set()
    lookup = ExclusionLookup(SlowRedis(clock), Postgres(answers), seconds=PATIENCE_SECONDS)
    assert await lookup.find(ANN) == SEEN
