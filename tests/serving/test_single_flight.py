"""Concurrent calls for the same thing: one piece of work, with time and a log of its own."""

import asyncio

import pytest
import structlog

from domain.errors import StoreUnavailableError
from serving.budget import Budget, current, in_time, spending, until
from serving.services.single_flight import SingleFlight


async def test_a_flight_has_all_the_time_of_a_request_though_its_first_caller_has_little_left() -> (
    None
):
    flights: SingleFlight[float] = SingleFlight()
    budget = Budget.of("reads", 100.0)
    nearly_spent = Budget("reads", budget.began_at - 99.0, 100.0, budget.began_at + 1.0)

    async def left() -> float:
        with until(0.7):
            own = current()
            assert own is not None
            return own.left()

    with spending(nearly_spent):
        assert await flights.run("list", left) > 50.0


async def test_a_flight_ends_no_later_than_the_part_its_caller_was_spending_would_from_now() -> (
    None
):
    flights: SingleFlight[float] = SingleFlight()

    async def left() -> float:
        own = current()
        assert own is not None
        return own.left()

    with spending(Budget.of("reads", 100.0)), until(0.5):
        assert 40.0 < await flights.run("list", left) <= 50.0


async def test_without_a_budget_a_flight_has_none() -> None:
    flights: SingleFlight[Budget | None] = SingleFlight()

    async def budget() -> Budget | None:
        return current()

    assert await flights.run("list", budget) is None


async def test_who_has_no_time_left_gives_up_by_itself_and_the_others_get_the_list() -> None:
    flights: SingleFlight[str] = SingleFlight()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def compute() -> str:
        begun.set()
        await go_on.wait()
        return "list"

    async def hurried() -> str:
        with spending(Budget.of("reads", 0.02)):
            return await in_time(flights.run("list", compute))

    async def patient() -> str:
        with spending(Budget.of("reads", 100.0)):
            return await in_time(flights.run("list", compute))

    first, second = asyncio.create_task(hurried()), asyncio.create_task(patient())
    await begun.wait()
    with pytest.raises(StoreUnavailableError) as told:
        await first
    assert told.value.reason == "budget"
    go_on.set()
    assert await second == "list"


async def test_what_a_flight_logs_carries_no_callers_request_id_and_each_keeps_its_own() -> None:
    flights: SingleFlight[dict[str, object]] = SingleFlight()

    async def context() -> dict[str, object]:
        await asyncio.sleep(0)
        return structlog.contextvars.get_contextvars()

    async def ask(request_id: str) -> tuple[dict[str, object], object]:
        structlog.contextvars.bind_contextvars(request_id=request_id)
        found = await flights.run("list", context)
        return found, structlog.contextvars.get_contextvars()["request_id"]

    asked = [asyncio.create_task(ask(name)) for name in ("first", "second")]
    assert await asyncio.gather(*asked) == [({}, "first"), ({}, "second")]


async def test_an_error_reaches_all_who_wait() -> None:
    flights: SingleFlight[str] = SingleFlight()

    async def fail() -> str:
        await asyncio.sleep(0)
        raise LookupError

    found = await asyncio.gather(
        *(flights.run("list", fail) for _ in range(3)), return_exceptions=True
    )
    assert [type(one) for one in found] == [LookupError] * 3


async def test_a_flight_that_is_cancelled_is_no_cancellation_of_those_who_wait() -> None:
    flights: SingleFlight[str] = SingleFlight()
    flying: list[asyncio.Task[object] | None] = []

    async def compute() -> str:
        flying.append(asyncio.current_task())
        await asyncio.Event().wait()
        return "never"

    waiting = [asyncio.create_task(flights.run("list", compute)) for _ in range(2)]
    while not flying:
        await asyncio.sleep(0)
    assert flying[0] is not None
    flying[0].cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in found] == [StoreUnavailableError] * 2


async def test_the_work_goes_on_though_all_have_given_up_and_who_comes_then_joins_it() -> None:
    flights: SingleFlight[str] = SingleFlight()
    begun, go_on, times = asyncio.Event(), asyncio.Event(), 0

    async def compute() -> str:
        nonlocal times
        times += 1
        begun.set()
        await go_on.wait()
        return "list"

    first = asyncio.create_task(flights.run("list", compute))
    await begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(flights.run("list", compute))
    go_on.set()
    assert (await second, times) == ("list", 1)
