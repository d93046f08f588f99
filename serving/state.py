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
from serving.services.following import Follower
from serving.services.startup_probe import startup_probe
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
        for name, probe, seconds in (
            ("postgres_probe", store.probe, settings.postgres_probe_seconds),
            ("exclusions_probe", patient.probe, settings.postgres_probe_seconds),
            ("redis_heartbeat", link.heartbeat, settings.redis_heartbeat_seconds),
        ):
            work = repeated(name, probe, parts.failures, seconds=seconds)
            await stack.enter_async_context(work)
        services = make_services(parts)
        probed = await _startup_probe(parts)
        await store.warm_up()
        await patient.warm_up()
        await stack.enter_async_context(_working(parts, services, probed=probed))
        yield services


async def _startup_probe(parts: Parts) -> bool:
    """Wait for what requests need, and tell whether all is there.

    A process that never saw PostgreSQL cannot answer any.
    """
    probes = (
        parts.access.refresh,
        parts.live_runs.refresh,
        parts.kinds.refresh,
        parts.fallback.refresh,
    )
    return await startup_probe(
        probes,
        parts.fallback.can_answer,
        parts.failures,
        seconds=parts.settings.startup_wait_seconds,
        probe_seconds=parts.settings.postgres_wait_seconds,
    )


@asynccontextmanager
async def _working(parts: Parts, services: Services, *, probed: bool) -> AsyncIterator[None]:
    """The work beside the requests; impressions are written out at the end.

    What the startup probe read (`probed`) is read again when it is due, and not twice at the start.
    """
    settings = parts.settings
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.impressions.flush_for_good)
        for name, action, seconds in (
            ("keys", parts.access.refresh, settings.api_key_seconds / 4),
            ("live_run", parts.live_runs.refresh, settings.live_run_poll_seconds),
            ("kinds", parts.kinds.refresh, settings.popular_refresh_seconds),
            ("popular", parts.fallback.refresh, settings.popular_refresh_seconds),
        ):
            work = repeated(name, action, parts.failures, seconds=seconds, at_once=not probed)
            await stack.enter_async_context(work)
        for name, action, seconds in (
            ("shelves", services.browser.refresh, settings.popular_refresh_seconds),
            ("replica", parts.replica.watch, settings.replica_poll_seconds),
            (
                "exclusion_cache",
                parts.exclusion_cache.catch_up,
                settings.exclusion_cache_poll_seconds,
            ),
            ("forgotten", services.forgetter.forget_again, settings.write_budget_seconds / 2),
            ("impressions", parts.impressions.flush, settings.impression_flush_seconds),
        ):
            work = repeated(name, action, parts.failures, seconds=seconds)
            await stack.enter_async_context(work)
        # The subscription begins before the log is read, so that nothing falls between the two; a
        # process that connects only later reads first what came last.
        await stack.enter_async_context(_follower(parts, services).following())
        catch_up, seconds = parts.exclusion_warmer.catch_up, settings.exclusion_cache_poll_seconds
        work = repeated("exclusion_warming", catch_up, parts.failures, seconds=seconds)
        await stack.enter_async_context(work)
        yield


def _follower(parts: Parts, services: Services) -> Follower:
    """Learns of switches at once; polling makes up for missed notifications."""
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
        exclusion_cache=parts.exclusion_cache,
        exclusion_warmer=parts.exclusion_warmer,
        subscription=parts.subscription,
        warmer=warmer,
        failures=parts.failures,
    )
