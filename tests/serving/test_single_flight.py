"""Concurrent calls for the same thing: one piece of work, with time and a log of its own."""

import asyncio
import time
from dataclasses import replace

import pytest
import structlog

from domain.errors import StoreUnavailableError
from serving.runtime.budget import Budget, current, in_time, spending, until
from serving.runtime.tasks import SingleFlight
from tests.serving.conftest import happened


async def test_who_has_much_time_does_not_join_a_flight_that_has_little() -> None:
    flights: SingleFlight[float] = SingleFlight()
    begun, go_on = asyncio.Event(), asyncio.Event()
    nearly_spent = replace(Budget.of("reads", 100.0), ends_at=time.monotonic() + 10.0)

    async def left() -> float:
        with until(1.0):
            own = current()
        assert own is not None
        begun.set()
        await go_on.wait()
        return own.left()

    async def ask(budget: Budget) -> float:
        with spending(budget):
            return await flights.run("list", left)

    first = asyncio.create_task(ask(nearly_spent))
    await happened(begun)
    begun.clear()
    second = asyncio.create_task(ask(Budget.of("reads", 100.0)))
    await happened(begun)
    go_on.set()
    assert await first <= 10.0
    assert await second > 50.0


async def test_whoever_comes_while_a_flight_has_time_enough_for_them_joins_the_newest() -> None:
    flights: SingleFlight[int] = SingleFlight()
    go_on, times = asyncio.Event(), 0

    async def compute() -> int:
        nonlocal times
        times += 1
        mine = times
        await go_on.wait()
        return mine

    async def ask(seconds: float) -> int:
        with spending(Budget.of("reads", seconds)):
            return await flights.run("list", compute)

    asked = [asyncio.create_task(ask(seconds)) for seconds in (10.0, 15.0, 100.0, 90.0, 5.0)]
    async with asyncio.timeout(60):
        while times < 2:  # noqa: ASYNC110 -- both flights begin at the next turns of the loop
            await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*asked) == [1, 1, 2, 2, 2]


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
    await happened(begun)
    with pytest.raises(StoreUnavailableError) as raised:
        await first
    assert raised.value.reason == "budget"
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
    assert [type(error) for error in found] == [LookupError] * 3


async def test_a_flight_that_is_cancelled_is_no_cancellation_of_those_who_wait() -> None:
    flights: SingleFlight[str] = SingleFlight()
    flying: asyncio.Future[asyncio.Task[object] | None] = asyncio.Future()

    async def compute() -> str:
        flying.set_result(asyncio.current_task())
        await asyncio.Event().wait()
        return "never"

    waiting = [asyncio.create_task(flights.run("list", compute)) for _ in range(2)]
    flight = await flying
    assert flight is not None
    flight.cancel()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in found] == [StoreUnavailableError] * 2


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
    await happened(begun)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(flights.run("list", compute))
    go_on.set()
    assert (await second, times) == ("list", 1)
