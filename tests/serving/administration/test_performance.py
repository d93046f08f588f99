"""Percentiles of the last minutes from sketches, against all that was observed."""

import asyncio

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.runtime.performance import (
    BOUNDS,
    LONGEST_SECONDS,
    SLOT_SECONDS,
    Performance,
    errors_in,
    from_dict,
    percentile,
    requests_in,
    sum_of,
    to_dict,
)
from tests.serving.conftest import Seeds
from tests.serving.process import RunApi, run_api
from tests.serving.test_workers import until_all_are_up

__all__ = ["run_api"]

ROUTE = ("/v1/popular", "GET")
times = st.lists(st.floats(0.0002, 60.0), min_size=1, max_size=200)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.hits = 0.0
        self.turns_at = self.now + SLOT_SECONDS

    def pass_time(self, performance: Performance, seconds: float) -> None:
        """As the work beside the requests turns slots."""
        ends_at = self.now + seconds
        while self.turns_at <= ends_at:
            self.now = self.turns_at
            asyncio.run(performance.turn())
            self.turns_at += SLOT_SECONDS
        self.now = ends_at

    def performance(self) -> Performance:
        return Performance(lambda: {"hits": self.hits}, lambda: self.now)


@given(times, st.floats(0.01, 1.0))
def test_a_percentile_is_at_most_an_eighth_above_the_true_one(
    seconds: list[float], share: float
) -> None:
    clock = Clock()
    performance = clock.performance()
    for each in seconds:
        performance.observe(*ROUTE, 200, each)
    found = percentile(performance.window(60).routes[ROUTE], share)
    true = float(np.quantile(seconds, share, method="inverted_cdf"))
    assert found is not None
    assert true * 0.999 <= found <= true * 1.126


steps = st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=80)


@given(steps, st.sampled_from([60, 300]))
def test_a_window_has_what_happened_in_it_give_or_take_a_slot(
    steps: list[tuple[float, bool]], seconds: int
) -> None:
    clock = Clock()
    performance = clock.performance()
    happened: list[tuple[float, bool]] = []
    for pause, fails in steps:
        clock.pass_time(performance, pause)
        clock.hits += 1
        happened.append((clock.now, fails))
        performance.observe(*ROUTE, 500 if fails else 200, 0.01)
    window = performance.window(seconds)
    counts = window.routes.get(ROUTE, [0] * (len(BOUNDS) + 2))
    for found, only_errors in ((requests_in(counts), False), (errors_in(counts), True)):
        ages = [clock.now - at for at, fails in happened if fails or not only_errors]
        assert found >= sum(age < seconds - SLOT_SECONDS for age in ages)
        assert found <= sum(age <= seconds + SLOT_SECONDS for age in ages)
    assert window.counted["hits"] == requests_in(counts)


def test_what_is_kept_is_bounded_and_looking_changes_nothing() -> None:
    clock = Clock()
    performance = clock.performance()
    for _ in range(500):
        clock.pass_time(performance, SLOT_SECONDS / 3)
        performance.observe(*ROUTE, 200, 0.01)
        performance.window(60)
    assert len(performance._slots) <= LONGEST_SECONDS / SLOT_SECONDS
    assert requests_in(performance.window(60).routes[ROUTE]) == pytest.approx(12, abs=3)
    assert requests_in(performance.window(900).routes[ROUTE]) == pytest.approx(180, abs=4)


def test_processes_are_added_up() -> None:
    clock = Clock()
    processes = [clock.performance() for _ in range(2)]
    clock.now += 20.0
    for n, process in enumerate(processes):
        for _ in range(n + 1):
            process.observe(*ROUTE, 503, 0.01)
    sent = [orjson.loads(orjson.dumps(to_dict(process.window(60)))) for process in processes]
    total = sum_of(map(from_dict, sent))
    assert (requests_in(total.routes[ROUTE]), errors_in(total.routes[ROUTE])) == (3, 3)
    assert total.seconds == 20.0


def test_performance_is_that_of_every_process_whichever_is_asked(
    run_api: RunApi, seeds: Seeds
) -> None:
    api, key = run_api(api_workers=2), seeds.key("read", "admin")
    until_all_are_up(api)
    for _ in range(40):
        api.get("/v1/popular", **{"X-API-Key": key})
    for _ in range(4):
        answer = api.get("/v1/admin/performance", **{"X-API-Key": key}).json()
        assert (answer["processes"], answer["answering"]) == (2, 2)
        routes = {each["route"]: each for each in answer["windows"][2]["routes"]}
        assert routes["/v1/popular"]["requests"] == 40
