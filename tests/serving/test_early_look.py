"""What may be needed in the end is looked for only by a request that is late."""

import asyncio

from serving.budget import Budget, spending
from serving.services.memory.early_look import EarlyLook


class Looking:
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
    look = Looking()
    with spending(Budget.of("reads", 30.0)), EarlyLook(look):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert look.begun == 0


async def test_a_late_request_finds_what_was_looked_for_meanwhile_and_once() -> None:
    look = Looking()
    with spending(Budget.of("reads", 0.2)), EarlyLook(look) as early:
        await asyncio.sleep(0.2)
        assert look.ended == 1
        assert await early.found() == "found"
    assert look.begun == 1


async def test_without_a_budget_it_is_looked_for_when_it_is_asked_for() -> None:
    look = Looking()
    with EarlyLook(look) as early:
        assert await early.found() == "found"


async def test_what_is_not_needed_after_all_is_given_up() -> None:
    look = Looking(seconds=30.0)
    with spending(Budget.of("reads", 0.02)), EarlyLook(look):
        await asyncio.sleep(0.1)
    await asyncio.sleep(0)
    assert (look.begun, look.ended) == (1, 0)
