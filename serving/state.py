"""What lives as long as the app: the stores, the services and the work beside the requests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

from serving.metrics import ServingMetrics
from serving.parts import Parts, make_parts
from serving.repositories.answers import Answers
from serving.repositories.switches import Switches
from serving.server.figures import Figures
from serving.server.limits import Edge
from serving.services.background import repeated
from serving.services.first_sight import first_sight
from serving.services.following import Follower
from serving.services.warming import Warmer
from serving.settings import ServingSettings
from serving.stores import make_redis_link, make_replica, make_store
from serving.wiring import Services, make_services


class LifespanState(TypedDict):
    """What every request finds in its state."""

    services: Services
    edge: Edge
    figures: Figures


@asynccontextmanager
async def living(settings: ServingSettings, metrics: ServingMetrics) -> AsyncIterator[Services]:
    """The services with everything under them, for the time of the block.

    Nothing has to be reachable at the start: what is not there yet is looked for again and again.
    """
    replica = make_replica(settings)
    store, link = make_store(settings, metrics, replica), make_redis_link(settings, metrics)
    answers = Answers(link, metrics, seconds=settings.answer_cache_seconds)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        stack.push_async_callback(link.close)
        parts = make_parts(store, replica, answers, settings, metrics)
        patient = parts.exclusion_store
        stack.push_async_callback(patient.close)
        for name, look, seconds in (
            ("postgres_probe", store.probe, settings.postgres_probe_seconds),
            ("exclusions_probe", patient.probe, settings.postgres_probe_seconds),
            ("redis_heartbeat", link.heartbeat, settings.redis_heartbeat_seconds),
        ):
            work = repeated(name, look, parts.failures, seconds=seconds)
            await stack.enter_async_context(work)
        services = make_services(parts)
        seen = await _first_sight(parts)
        await store.warm_up()
        await patient.warm_up()
        await stack.enter_async_context(_working(parts, services, seen=seen))
        yield services


async def _first_sight(parts: Parts) -> bool:
    """Wait for what requests need, and tell whether all is there.

    A process that never saw PostgreSQL cannot answer any.
    """
    looks = (
        parts.access.refresh,
        parts.live_runs.refresh,
        parts.kinds.refresh,
        parts.held.refresh,
    )
    return await first_sight(
        looks,
        parts.held.can_answer,
        parts.failures,
        seconds=parts.settings.startup_wait_seconds,
        look_seconds=parts.settings.postgres_wait_seconds,
    )


@asynccontextmanager
async def _working(parts: Parts, services: Services, *, seen: bool) -> AsyncIterator[None]:
    """The work beside the requests; impressions are written out at the end.

    What was `seen` at first sight is looked at again when it is due, and not twice at the start.
    """
    settings = parts.settings
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.impressions.flush_for_good)
        for name, action, seconds in (
            ("keys", parts.access.refresh, settings.api_key_seconds / 4),
            ("live_run", parts.live_runs.refresh, settings.live_run_poll_seconds),
            ("kinds", parts.kinds.refresh, settings.popular_refresh_seconds),
            ("popular", parts.held.refresh, settings.popular_refresh_seconds),
        ):
            work = repeated(name, action, parts.failures, seconds=seconds, at_once=not seen)
            await stack.enter_async_context(work)
        for name, action, seconds in (
            ("shelves", services.browser.refresh, settings.popular_refresh_seconds),
            ("replica", parts.replica.watch, settings.replica_poll_seconds),
            ("remembered", parts.remembered.catch_up, settings.remembered_poll_seconds),
            ("forgotten", services.forgetter.forget_again, settings.write_budget_seconds / 2),
            ("impressions", parts.impressions.flush, settings.impression_flush_seconds),
        ):
            work = repeated(name, action, parts.failures, seconds=seconds)
            await stack.enter_async_context(work)
        # What others record is heard before the log is read, so that nothing falls between the two;
        # a process that hears only later reads first what came last.
        await stack.enter_async_context(_follower(parts, services).following())
        catch_up, seconds = parts.remembering.catch_up, settings.remembered_poll_seconds
        work = repeated("remembering", catch_up, parts.failures, seconds=seconds)
        await stack.enter_async_context(work)
        yield


def _follower(parts: Parts, services: Services) -> Follower:
    """Hears of switches at once; polling makes up for what it does not hear."""
    warmer = Warmer(
        parts.asked,
        parts.runs,
        parts.live_runs,
        services.recommender.prepare,
        metrics=parts.metrics,
        failures=parts.failures,
        per_second=parts.settings.warmed_per_second,
    )
    return Follower(
        Switches(parts.settings.database_url.get_secret_value()),
        parts.live_runs,
        remembered=parts.remembered,
        remembering=parts.remembering,
        hearing=parts.hearing,
        warmer=warmer,
        failures=parts.failures,
    )
