"""Tokens are leased in lots, and a limit is exceeded by one lot of each process at the most."""

import asyncio
from itertools import accumulate

from hypothesis import example, given
from hypothesis import strategies as st

from serving.limits.limiter import LAPSE_SECONDS, Limiter
from serving.limits.token_bucket import RateLimit, Taken
from tests.serving.limits.lending import Clock, LenderInMemory, limiter_on, others_go_on

PROCESSES = 3
KEY = 7
LIMIT = RateLimit("key", per_minute=600, burst=600)
ALL_BUT_NOTHING = 1e-6
"""Sums of floats are not exact."""

limits = st.builds(
    RateLimit,
    st.just("key"),
    per_minute=st.integers(1, 6000),
    burst=st.integers(1, 200),
)
asked = st.tuples(st.integers(0, PROCESSES - 1), st.integers(1, 60))
"""A process, and how many requests it gets at once."""
passed = st.floats(0, 2 * LAPSE_SECONDS)
HOARDED = [(number, 1) for number in range(PROCESSES)]
"""Each process has a lot of which it needs no more than a token."""
toggled = st.booleans()
"""Whether those who lend are away."""


def run(limit: RateLimit, steps: list[object]) -> list[tuple[float, int]]:
    """Do the steps; when how many requests were granted."""
    return asyncio.run(_granted(limit, steps))


async def _granted(limit: RateLimit, steps: list[object]) -> list[tuple[float, int]]:
    clock = Clock()
    lender = LenderInMemory(clock)
    processes = [limiter_on(lender) for _ in range(PROCESSES)]
    granted = []
    for step in steps:
        match step:
            case bool(away):
                lender.away = away
            case (int(number), int(requests)):
                takes = (processes[number].take(limit, KEY) for _ in range(requests))
                taken = await asyncio.gather(*takes)
                granted.append((clock.now, sum(answer.allowed for answer in taken)))
            case float(seconds):
                clock.now += seconds
    return granted


@given(limits, st.lists(st.one_of(asked, passed), max_size=40))
@example(
    RateLimit("key", 6000, 200), [*HOARDED, LAPSE_SECONDS - 1, *[(0, 60), (1, 60), (2, 60)] * 2]
)
def test_no_time_sees_more_than_the_burst_the_refill_and_one_lot_of_each_process(
    limit: RateLimit, steps: list[object]
) -> None:
    granted = run(limit, steps)
    for start in range(len(granted)):
        began_at = granted[start][0]
        totals = accumulate(count for _, count in granted[start:])
        for (now, _), total in zip(granted[start:], totals, strict=True):
            refilled = (now - began_at) * limit.per_second
            most = limit.burst + refilled + PROCESSES * limit.lot
            assert total <= most + ALL_BUT_NOTHING


@given(limits, st.lists(st.one_of(asked, passed, toggled), max_size=40))
def test_whatever_comes_and_goes_no_process_grants_more_than_the_whole_limit_besides(
    limit: RateLimit, steps: list[object]
) -> None:
    granted = run(limit, steps)
    refilled = (granted[-1][0] - granted[0][0]) * limit.per_second if granted else 0.0
    by_all = (1 + PROCESSES) * (limit.burst + refilled) + PROCESSES * limit.lot
    assert sum(count for _, count in granted) <= by_all + ALL_BUT_NOTHING


@given(limits, st.lists(st.one_of(asked, passed), max_size=20))
def test_who_waits_until_the_bucket_is_full_can_ask_the_whole_burst(
    limit: RateLimit, steps: list[object]
) -> None:
    seconds = limit.burst / limit.per_second + LAPSE_SECONDS + 1
    whole = (0, limit.burst)
    *_, (_, granted) = run(limit, [*steps, seconds, whole])
    assert granted == limit.burst


@given(limits, st.lists(asked, min_size=1, max_size=20))
def test_who_comes_back_when_told_to_is_let_in(
    limit: RateLimit, steps: list[tuple[int, int]]
) -> None:
    async def scenario() -> None:
        clock = Clock()
        lender = LenderInMemory(clock)
        first, second = limiter_on(lender), limiter_on(lender)
        for _, requests in steps:
            await asyncio.gather(*(second.take(limit, KEY) for _ in range(requests)))
        refused = await drained(first, limit)
        assert 0 < refused.reset_seconds <= 1 / limit.per_second + ALL_BUT_NOTHING
        clock.now += refused.reset_seconds + ALL_BUT_NOTHING
        assert (await first.take(limit, KEY)).allowed

    asyncio.run(scenario())


async def drained(limiter: Limiter, limit: RateLimit) -> Taken:
    """The first refusal."""
    while (taken := await limiter.take(limit, KEY)).allowed:
        await others_go_on()
    return taken


async def test_a_steady_caller_waits_only_once() -> None:
    clock = Clock()
    limiter = limiter_on(LenderInMemory(clock))
    assert limiter.try_take(LIMIT, KEY) is None
    assert (await limiter.take(LIMIT, KEY)).allowed
    for _ in range(LIMIT.burst - 1):
        await others_go_on()
        taken = limiter.try_take(LIMIT, KEY)
        assert taken is not None
        assert taken.allowed
    refused = limiter.try_take(LIMIT, KEY)
    assert refused is not None
    assert not refused.allowed
    assert abs(refused.reset_seconds - 0.1) < ALL_BUT_NOTHING


async def test_what_remains_is_what_is_leased_and_what_is_left() -> None:
    clock = Clock()
    limiter = limiter_on(LenderInMemory(clock))
    for remaining in range(LIMIT.burst - 1, -1, -1):
        taken = await limiter.take(LIMIT, KEY)
        assert taken.remaining == remaining
        assert abs(taken.reset_seconds - (LIMIT.burst - remaining) / 10) < ALL_BUT_NOTHING


async def test_many_at_once_are_served_by_few_leases() -> None:
    clock = Clock()
    lender = LenderInMemory(clock)
    limiter = limiter_on(lender)
    taken = await asyncio.gather(*(limiter.take(LIMIT, KEY) for _ in range(500)))
    assert all(answer.allowed for answer in taken)
    assert len(lender.asked) <= 3


async def test_refused_requests_ask_nobody_until_there_is_a_token_again() -> None:
    clock = Clock()
    lender = LenderInMemory(clock)
    limiter = limiter_on(lender)
    refused = await drained(limiter, LIMIT)
    asked_before = len(lender.asked)
    for _ in range(1000):
        assert limiter.try_take(LIMIT, KEY) == refused
    assert len(lender.asked) == asked_before
    clock.now += refused.reset_seconds
    assert limiter.try_take(LIMIT, KEY) is None


async def test_tokens_that_nobody_takes_are_given_back() -> None:
    clock = Clock()
    lender = LenderInMemory(clock)
    limiter = limiter_on(lender)
    await limiter.take(LIMIT, KEY)
    clock.now += LAPSE_SECONDS
    assert (await limiter.take(LIMIT, KEY)).remaining == LIMIT.burst - 1
    assert lender.asked == [(LIMIT.lot, 0), (LIMIT.lot, LIMIT.lot - 1)]


async def test_a_lot_of_one_token_is_leased_only_for_who_waits() -> None:
    rare = RateLimit("address", per_minute=10, burst=10)
    lender = LenderInMemory(Clock())
    first, second = limiter_on(lender), limiter_on(lender)
    assert rare.lot == 1
    for limiter in (first, second) * (rare.burst // 2):
        assert (await limiter.take(rare, "there")).allowed
        await others_go_on()
    assert not (await second.take(rare, "there")).allowed


async def test_while_nobody_lends_each_process_grants_the_whole_limit() -> None:
    clock = Clock()
    lender = LenderInMemory(clock, away=True)
    first, second = limiter_on(lender), limiter_on(lender)
    for limiter in (first, second):
        taken = [limiter.try_take(LIMIT, KEY) for _ in range(LIMIT.burst + 1)]
        assert [answer.allowed for answer in taken if answer] == [True] * LIMIT.burst + [False]
    lender.away = False
    assert first.try_take(LIMIT, KEY) is None
    assert (await first.take(LIMIT, KEY)).remaining == LIMIT.burst - 1


async def test_an_outage_is_no_new_burst_for_who_has_just_used_one() -> None:
    clock = Clock()
    lender = LenderInMemory(clock)
    limiter = limiter_on(lender)
    await drained(limiter, LIMIT)
    lender.away = True
    clock.now += 1.0
    taken = [limiter.try_take(LIMIT, KEY) for _ in range(20)]
    assert sum(answer.allowed for answer in taken if answer) == 10


async def test_a_flood_of_addresses_takes_no_memory_and_frees_no_abuser() -> None:
    lender = LenderInMemory(Clock())
    limiter = limiter_on(lender, most_buckets=10)
    address, key = RateLimit("address", 100, 100), LIMIT
    while (await limiter.take(address, "abuser")).allowed:
        pass
    await limiter.take(key, KEY)
    for number in range(1000):
        assert (await limiter.take(address, f"other-{number}")).allowed
    await others_go_on()
    assert sum(len(buckets) for buckets in limiter._buckets.values()) <= 2 * 10
    assert limiter.try_take(key, KEY) is not None
    assert not (await limiter.take(address, "abuser")).allowed


@given(limits, st.lists(st.one_of(asked, passed, toggled), max_size=40))
def test_what_is_known_to_be_empty_refuses_and_looking_takes_nothing(
    limit: RateLimit, steps: list[object]
) -> None:
    async def scenario() -> None:
        clock = Clock()
        lender = LenderInMemory(clock)
        limiter = limiter_on(lender)
        assert not limiter.is_empty(limit, KEY), "nothing is known yet"
        for step in steps:
            match step:
                case bool(away):
                    lender.away = away
                case (_, int(requests)):
                    for _ in range(requests):
                        foretold = limiter.is_empty(limit, KEY)
                        assert limiter.is_empty(limit, KEY) == foretold
                        taken = await limiter.take(limit, KEY)
                        assert not (foretold and taken.allowed)
                case float(seconds):
                    clock.now += seconds

    asyncio.run(scenario())


async def test_who_asks_again_and_again_is_known_to_be_refused() -> None:
    limiter = limiter_on(LenderInMemory(Clock()))
    await drained(limiter, LIMIT)
    assert limiter.is_empty(LIMIT, KEY)
    assert not limiter.is_empty(LIMIT, KEY + 1)
