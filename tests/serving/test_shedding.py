"""Who is let in does not wait long, and who can be answered at once is not told to come again."""

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http import shedding
from serving.http.shedding import RequestSlots
from tests.serving.conftest import Seeds, Start, recommended

PATH = "/v1/users/ann/recommendations"
MOST, FEW = 64, 16


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


def fill(slots: RequestSlots, most: int = 1_000) -> tuple[ExitStack, int]:
    """Takes slots while there is room; gives back what frees them, and how many they are."""
    stack, count = ExitStack(), 0
    while count < most and not slots.full():
        stack.enter_context(slots.taken())
        count += 1
    return stack, count


@given(st.integers(1, 200))
def test_no_more_than_the_most_are_let_in_at_once(most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shedding, "time", Clock())
        slots = RequestSlots(most)
        stack, count = fill(slots)
        assert (count, slots.full()) == (most, True)
        stack.close()
        assert not slots.full()


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_beyond_a_few_one_more_is_let_in_while_half_came_a_moment_ago(
    earlier: int, later: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(shedding, "time", clock)
        slots = RequestSlots(MOST)
        old_ones, old = fill(slots, earlier)
        clock.now += 1.0
        young_ones, young = fill(slots, later)
        assert slots.full() == (
            old + young >= MOST or (old + young >= FEW and old > (old + young) // 2)
        )
        # Whatever is slow, a few are let in.
        assert old + young >= min(FEW, earlier + later)
        old_ones.close()
        young_ones.close()


def test_who_ends_makes_room_for_others() -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(shedding, "time", clock)
        slots = RequestSlots(MOST)
        oldest, _ = fill(slots, FEW)
        clock.now += 1.0
        assert slots.full()
        oldest.close()
        younger, count = fill(slots)
        assert count == MOST
        younger.close()


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
