"""What lives as long as the app: the stores, the services and the work beside the requests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

from serving.container import Container, make_container
from serving.datastores import make_redis_link, make_replica, make_store
from serving.following import ChangeFeed, Follower
from serving.recommendations.warming import Warmer
from serving.redis.answers import Answers
from serving.runtime.background import repeated, startup_probe
from serving.runtime.metrics import ServingMetrics
from serving.server.figures import Figures
from serving.server.refusing import Edge
from serving.settings import ServingSettings
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
        container = make_container(store, replica, answers, settings, metrics)
        exclusion_store = container.exclusion_store
        stack.push_async_callback(exclusion_store.close)
        for name, probe, seconds in (
            ("postgres_probe", store.probe, settings.postgres_probe_seconds),
            ("exclusions_probe", exclusion_store.probe, settings.postgres_probe_seconds),
            ("redis_heartbeat", link.heartbeat, settings.redis_heartbeat_seconds),
        ):
            work = repeated(name, probe, container.failures, seconds=seconds)
            await stack.enter_async_context(work)
        services = make_services(container)
        probed = await _startup_probe(container)
        await store.warm_up()
        await exclusion_store.warm_up()
        await stack.enter_async_context(_working(container, services, probed=probed))
        yield services


async def _startup_probe(container: Container) -> bool:
    """Wait for what requests need; whether all is there.

    A process that never saw PostgreSQL cannot answer any.
    """
    probes = (
        container.access.refresh,
        container.live_runs.refresh,
        container.kinds.refresh,
        container.fallback.refresh,
    )
    return await startup_probe(
        probes,
        container.fallback.can_answer,
        container.failures,
        seconds=container.settings.startup_wait_seconds,
        probe_seconds=container.settings.postgres_wait_seconds,
    )


@asynccontextmanager
async def _working(
    container: Container, services: Services, *, probed: bool
) -> AsyncIterator[None]:
    """The work beside the requests; impressions are written out at the end.

    What the startup probe read (`probed`) is read again when it is due, and not twice at the start.
    """
    settings = container.settings
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.impressions.flush_for_good)
        for name, action, seconds in (
            ("keys", container.access.refresh, settings.api_key_seconds / 4),
            ("live_run", container.live_runs.refresh, settings.live_run_poll_seconds),
            ("kinds", container.kinds.refresh, settings.popular_refresh_seconds),
            ("popular", container.fallback.refresh, settings.popular_refresh_seconds),
        ):
            work = repeated(name, action, container.failures, seconds=seconds, at_once=not probed)
            await stack.enter_async_context(work)
        for name, action, seconds in (
            (
                "non_personalized",
                services.non_personalized.refresh,
                settings.popular_refresh_seconds,
            ),
            ("replica", container.replica.watch, settings.replica_poll_seconds),
            (
                "exclusion_cache",
                container.exclusion_cache.catch_up,
                settings.exclusion_cache_poll_seconds,
            ),
            ("forgotten", services.forgetter.forget_again, settings.write_budget_seconds / 2),
            ("impressions", container.impressions.flush, settings.impression_flush_seconds),
        ):
            work = repeated(name, action, container.failures, seconds=seconds)
            await stack.enter_async_context(work)
        # The subscription begins before the log is read, so that nothing falls between the two; a
        # process that connects only later reads first what came last.
        await stack.enter_async_context(_follower(container, services).following())
        catch_up, seconds = (
            container.exclusion_warmer.catch_up,
            settings.exclusion_cache_poll_seconds,
        )
        work = repeated("exclusion_warming", catch_up, container.failures, seconds=seconds)
        await stack.enter_async_context(work)
        yield


def _follower(container: Container, services: Services) -> Follower:
    """Learns of promotions at once; polling makes up for missed notifications."""
    warmer = Warmer(
        container.recent_requests,
        container.runs,
        container.live_runs,
        services.recommender.prepare,
        metrics=container.metrics,
        failures=container.failures,
        per_second=container.settings.warmed_per_second,
    )
    return Follower(
        ChangeFeed(container.settings.database_url.get_secret_value()),
        container.live_runs,
        exclusion_cache=container.exclusion_cache,
        exclusion_warmer=container.exclusion_warmer,
        subscription=container.subscription,
        warmer=warmer,
        failures=container.failures,
    )
