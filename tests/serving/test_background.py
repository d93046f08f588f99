"""Work beside the requests: a defect in it is reported, counted, seen and does not end it."""

import asyncio
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import text

from domain.errors import StoreUnavailableError
from serving.diagnosis.process import judge_background
from serving.runtime.background import BackgroundFailures, repeated, startup_probe
from serving.runtime.metrics import ServingMetrics
from tests.serving.conftest import Seeds, Start, happened, until
from tests.serving.diagnosing import finding, severity, start_for_admin


@pytest.fixture
def metrics() -> ServingMetrics:
    return ServingMetrics()


@pytest.fixture
def failures(metrics: ServingMetrics) -> BackgroundFailures:
    return BackgroundFailures(metrics)


def counted(metrics: ServingMetrics, work: str, cause: str = "error") -> float:
    labels = {"work": work, "cause": cause}
    return metrics.registry.get_sample_value("serving_background_failures_total", labels) or 0.0


class Flaky:
    """Work that goes wrong for so many turns."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = [*errors]
        self.done = asyncio.Event()

    async def __call__(self) -> None:
        if self._errors:
            raise self._errors.pop(0)
        self.done.set()


async def test_a_defect_is_reported_with_its_traceback_counted_and_the_work_goes_on(
    metrics: ServingMetrics, failures: BackgroundFailures
) -> None:
    defect = KeyError("kind")
    work = Flaky(*[defect] * 5)
    with structlog.testing.capture_logs() as logs:
        async with repeated("kinds", work, failures, seconds=0.001):
            (failing,) = failures.failing()
            assert (failing.work, failing.error) == ("kinds", "KeyError: 'kind'")
            await happened(work.done)
    assert counted(metrics, "kinds") == 5
    records = [log for log in logs if log["event"] == "background_work_failed"]
    assert [(log["times"], log["exc_info"]) for log in records] == [(n, defect) for n in (1, 2, 4)]
    assert failures.failing() == ()
    assert logs[-1]["event"] == "background_work_well_again"


async def test_another_defect_later_is_reported_again(failures: BackgroundFailures) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            failures.failed("kinds", ValueError("once"))
            failures.succeeded("kinds")
    assert [log["event"] for log in logs].count("background_work_failed") == 2


async def test_an_outage_is_reported_once_and_is_no_finding_of_its_own(
    metrics: ServingMetrics, failures: BackgroundFailures
) -> None:
    work = Flaky(*[StoreUnavailableError()] * 4)
    with structlog.testing.capture_logs() as logs:
        async with repeated("kinds", work, failures, seconds=0.001):
            assert failures.failing() == ()
            await happened(work.done)
    assert [log["event"] for log in logs] == ["background_work_failed"]
    assert counted(metrics, "kinds", "outage") == 4


def test_rests_get_longer_with_each_defect_and_never_with_an_outage(
    failures: BackgroundFailures,
) -> None:
    rests = []
    for _ in range(8):
        failures.failed("kinds", ValueError())
        rests.append(failures.rest("kinds", 1.0, 30.0))
    assert rests == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
    assert failures.rest("kinds", 3600.0, 30.0) == 3600.0
    failures.failed("keys", StoreUnavailableError())
    assert failures.rest("keys", 1.0, 30.0) == 1.0


def test_failing_work_is_a_problem_that_names_it(failures: BackgroundFailures) -> None:
    assert judge_background(failures.failing()).severity == "ok"
    failures.failed("kinds", ValueError("not foreseen"))
    found = judge_background(failures.failing())
    assert found.severity == "problem"
    assert "kinds (the last 1 time: ValueError: not foreseen)" in found.what
    assert found.since == failures.failing()[0].since


async def test_a_defect_at_the_startup_probe_is_not_reported_as_postgres_that_is_away(
    metrics: ServingMetrics, failures: BackgroundFailures
) -> None:
    def answerless() -> bool:
        return False

    with structlog.testing.capture_logs() as logs:
        probed = await startup_probe(
            [Flaky(*[KeyError("kind")] * 9)], answerless, failures, seconds=0.0, probe_seconds=1.0
        )
    assert not probed
    assert [log["event"] for log in logs] == [
        "background_work_failed",
        "started_after_failed_probe",
    ]
    assert failures.failing() == ()
    assert counted(metrics, "startup_probe") == 1


async def is_reported(client: httpx.AsyncClient, work: str) -> bool:
    found: dict[str, Any] = await finding(client, "background")
    return found["severity"] == "problem" and work in found["what"]


async def test_a_diagnosis_reports_failing_work_until_it_is_well_again(
    start: Start, seeds: Seeds
) -> None:
    client = await start_for_admin(start, seeds, popular_refresh_seconds=0.05)
    assert await severity(client, "background") == "ok"
    seeds.write(text("alter table event_kinds rename column half_life_days to another"))
    await until(lambda: is_reported(client, "kinds"))
    metrics = (await client.get("/metrics")).text
    assert 'serving_background_failures_total{cause="error",work="kinds"}' in metrics
    seeds.write(text("alter table event_kinds rename column another to half_life_days"))

    async def well() -> bool:
        return await severity(client, "background") == "ok"

    await until(well)


async def test_a_message_nobody_understands_is_reported_and_later_ones_are_heard(
    start: Start, seeds: Seeds
) -> None:
    client = await start_for_admin(start, seeds, "read", live_run_poll_seconds=3600)
    with structlog.testing.capture_logs() as logs:
        seeds.write(text("select pg_notify('tandem_coming', 'not a number')"))

        async def logged() -> bool:
            return any(log.get("work") == "change_feed" and log.get("exc_info") for log in logs)

        await until(logged)
    run_id = seeds.run()

    async def served() -> bool:
        seeds.write(text("select pg_notify('tandem_promotion', '1')"))
        return f"serving_live_run {float(run_id)}" in (await client.get("/metrics")).text

    await until(served)
