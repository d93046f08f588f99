"""What may be needed in the end is looked for only by a request that is late."""

import asyncio

from serving.runtime.budget import Budget, spending
from serving.runtime.tasks import HedgedRead


class Reading:
    """Counts how often it was begun and ended."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.begun = self.ended = 0

    async def __call__(self) -> str:
        self.begun += 1
        await asyncio.sleep(self.seconds)
        self.ended += 1
        return "found"


async def test_a_request_that_is_not_late_never_looks() -> None:
    read = Reading()
    with spending(Budget.of("reads", 30.0)), HedgedRead(read):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert read.begun == 0


async def test_a_late_request_finds_what_was_looked_for_meanwhile_and_once() -> None:
    read = Reading()
    with spending(Budget.of("reads", 0.2)), HedgedRead(read) as hedged:
        await asyncio.sleep(0.2)
        assert read.ended == 1
        assert await hedged.result() == "found"
    assert read.begun == 1


async def test_without_a_budget_it_is_looked_for_when_it_is_asked_for() -> None:
    read = Reading()
    with HedgedRead(read) as hedged:
        assert await hedged.result() == "found"


async def test_what_is_not_needed_after_all_is_given_up() -> None:
    read = Reading(seconds=30.0)
    with spending(Budget.of("reads", 0.02)), HedgedRead(read):
        await asyncio.sleep(0.1)
    await asyncio.sleep(0)
    assert (read.begun, read.ended) == (1, 0)
