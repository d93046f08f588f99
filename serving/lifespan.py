"""What goes on as long as the app lives: its stores are open, and work is done beside requests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

from serving.container import Container
from serving.http.routing import Services
from serving.placements.current_placements import POLL_SECONDS
from serving.runtime.background import repeated, startup_probe
from serving.runtime.performance import SLOT_SECONDS
from serving.server.figures import Figures
from serving.server.refusing import Edge

_USE_SECONDS = 30.0
"""How often it is written when keys were used last."""
_RULES_SECONDS = 0.1
"""How often it is looked whether the items of rules are to be read again."""
_TIMED_RULES_SECONDS = 30.0
"""How often the items are read of rules that ask for `now`."""


class LifespanState(TypedDict):
    """What every request finds in its state."""

    services: Services
    edge: Edge
    figures: Figures


@asynccontextmanager
async def living(container: Container) -> AsyncIterator[Services]:
    """The services with everything under them, for the time of the block.

    Nothing has to be reachable at the start: what is not there yet is looked for again and again.
    """
    settings, services = container.settings, container.services
    stores = (container.store, container.exclusion_store)
    async with AsyncExitStack() as stack:
        for closable in (container.store, container.redis, container.exclusion_store):
            stack.push_async_callback(closable.close)
        stack.push_async_callback(container.reset_requests.close)
        stack.push_async_callback(container.group_commit.close)
        stack.push_async_callback(container.item_memory.close)
        for name, probe, seconds in (
            ("postgres_probe", container.store.probe, settings.postgres_probe_seconds),
            ("exclusions_probe", container.exclusion_store.probe, settings.postgres_probe_seconds),
            ("redis_heartbeat", container.redis.heartbeat, settings.redis_heartbeat_seconds),
        ):
            work = repeated(name, probe, container.failures, seconds=seconds)
            await stack.enter_async_context(work)
        probed = await _startup_probe(container)
        for store in stores:
            await store.warm_up()
        await stack.enter_async_context(_working(container, probed=probed))
        yield services


async def _startup_probe(container: Container) -> bool:
    """Wait for what requests need; whether all is there.

    A process that never saw PostgreSQL cannot answer any.
    """
    probes = (
        container.refresh_access,
        container.live_runs.refresh,
        container.kinds.refresh,
        container.placements.refresh,
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
async def _working(container: Container, *, probed: bool) -> AsyncIterator[None]:
    """The work beside the requests; impressions are written out at the end.

    What the startup probe read (`probed`) is read again when it is due, and not twice at the start.
    """
    settings = container.settings
    polled_seconds = settings.exclusion_cache_poll_seconds
    works = (
        ("keys", container.refresh_access, settings.api_key_seconds / 4, not probed),
        ("live_run", container.live_runs.refresh, settings.live_run_poll_seconds, not probed),
        ("catalogue", container.catalogue_changes.refresh, settings.live_run_poll_seconds, True),
        ("rules", container.rule_items.catch_up, _RULES_SECONDS, False),
        ("rules_of_time", container.rule_items.follow_time, _TIMED_RULES_SECONDS, False),
        ("kinds", container.kinds.refresh, settings.popular_refresh_seconds, not probed),
        ("placements", container.placements.refresh, POLL_SECONDS, not probed),
        ("popular", container.fallback.refresh, settings.popular_refresh_seconds, not probed),
        (
            "non_personalized",
            container.non_personalized.refresh,
            settings.popular_refresh_seconds,
            True,
        ),
        ("replica", container.replica_reading.watch, settings.replica_poll_seconds, True),
        ("exclusion_cache", container.exclusion_cache.catch_up, polled_seconds, True),
        ("forgotten", container.forgetter.forget_again, settings.write_budget_seconds / 2, True),
        ("use_of_keys", container.known_keys.write_use, _USE_SECONDS, False),
        ("performance", container.metrics.performance.turn, SLOT_SECONDS, False),
        ("impressions", container.impressions.flush, settings.impression_flush_seconds, True),
        ("experiments", container.experiment_counting.count, settings.experiment_seconds, False),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.impressions.flush_for_good)
        for name, action, seconds, at_once in works:
            work = repeated(name, action, container.failures, seconds=seconds, at_once=at_once)
            await stack.enter_async_context(work)
        if container.canary.is_on:
            check, seconds = container.canary.check, settings.canary_seconds
            work = repeated("canary", check, container.failures, seconds=seconds, at_once=False)
            await stack.enter_async_context(work)
        # The subscription begins before the log is read, so that nothing falls between the two; a
        # process that connects only later reads first what came last.
        await stack.enter_async_context(container.follower.following())
        catch_up = container.exclusion_warmer.catch_up
        work = repeated("exclusion_warming", catch_up, container.failures, seconds=polled_seconds)
        await stack.enter_async_context(work)
        yield
