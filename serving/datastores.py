"""The ways to PostgreSQL and Redis as the settings want them, each behind a watched breaker."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Literal

import structlog

from serving.access.access import Access
from serving.access.console_sessions import ConsoleSessions
from serving.access.known_keys import ApiKeys, KnownKeys
from serving.access.revocations import Revocations
from serving.access.signing_keys import SigningKeys
from serving.access.tokens import Tokens
from serving.answering.impressions import ImpressionQueue, Impressions
from serving.candidates.item_memory import ItemMemory
from serving.candidates.recommendations import Recommendations
from serving.candidates.users import UserNumbers
from serving.events.event_log import Events
from serving.events.kinds import Kinds
from serving.exclusions.exclusions import ExcludedItems
from serving.fallback.fallback_catalogue import FallbackCopies
from serving.limits.limiter import Limiter
from serving.limits.limits import Limits
from serving.limits.shared_buckets import SharedBuckets
from serving.lists.meant_categories import MeantCategories
from serving.placements.current_placements import CurrentPlacements
from serving.postgres.limits import StoreLimits
from serving.postgres.replica import Replica
from serving.postgres.store import Store
from serving.redis.answers import Answers
from serving.redis.redis_link import RedisLink
from serving.runs.live_runs import LiveRuns, Runs
from serving.runs.vector_indexes import VectorIndexes
from serving.runtime.breaker import Breaker
from serving.runtime.budget import RequestBudgets
from serving.runtime.metrics import ServingMetrics
from serving.settings import ServingSettings
from serving.similar.similar_items import SimilarItems
from serving.users.user_profiles import UserProfiles

log = structlog.get_logger()

Dependency = Literal["postgres", "postgres_exclusions", "redis"]

_NUMBERS = {"closed": 0.0, "half_open": 1.0, "open": 2.0}


class Datastores:
    """The ways to the stores, and what stands on them alone; several services share it."""

    def __init__(self, settings: ServingSettings, metrics: ServingMetrics) -> None:
        self.settings = settings
        self.metrics = metrics

    @cached_property
    def replica(self) -> Replica | None:
        if (
            self.settings.read_database_url is None
            or not self.settings.read_database_url.get_secret_value()
        ):
            return None
        limits = replace(_store_limits(self.settings), pooled=False)
        reads = limits.pool(
            limits.connections,
            limits.read_seconds,
            overflow=limits.overflow_connections,
            silence_seconds=limits.silence_seconds,
        )
        return Replica.at(self.settings.read_database_url.get_secret_value(), reads)

    @cached_property
    def store(self) -> Store:
        breaker = _watched_breaker("postgres", self.settings, self.metrics)
        limits = _store_limits(self.settings)
        store = Store.at(self.settings.transactions_url, limits, breaker, self.replica)
        store.watch(self.metrics)
        return store

    @cached_property
    def redis(self) -> RedisLink:
        settings = self.settings
        return RedisLink(
            settings.redis_url.get_secret_value(),
            self.metrics,
            _watched_breaker("redis", settings, self.metrics),
            timeout_seconds=settings.redis_timeout_seconds,
            heartbeat_seconds=settings.redis_heartbeat_seconds,
        )

    @cached_property
    def answers(self) -> Answers:
        return Answers(self.redis, self.metrics, seconds=self.settings.answer_cache_seconds)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.store)

    @cached_property
    def indexes(self) -> VectorIndexes:
        return VectorIndexes(self.store)

    @cached_property
    def recommendations(self) -> Recommendations:
        return Recommendations(self.store, self.indexes, self.item_memory)

    @cached_property
    def item_memory(self) -> ItemMemory:
        return ItemMemory(
            self.store,
            lambda: self.live_runs.run_id,
            longest_seconds=self.settings.postgres_wait_seconds,
        )

    @cached_property
    def similar_items(self) -> SimilarItems:
        return SimilarItems(self.store, self.indexes)

    @cached_property
    def excluded_items(self) -> ExcludedItems:
        return ExcludedItems(self.store)

    @cached_property
    def events(self) -> Events:
        return Events(self.store)

    @cached_property
    def user_profiles(self) -> UserProfiles:
        return UserProfiles(self.store)

    @cached_property
    def copies(self) -> FallbackCopies:
        return FallbackCopies(self.redis, seconds=self.settings.exclusion_cache_seconds)

    @cached_property
    def live_runs(self) -> LiveRuns:
        return LiveRuns(self.runs, self.metrics)

    @cached_property
    def kinds(self) -> Kinds:
        return Kinds(self.runs)

    @cached_property
    def placements(self) -> CurrentPlacements:
        return CurrentPlacements(self.store, self.copies)

    @cached_property
    def users(self) -> UserNumbers:
        return UserNumbers(self.recommendations, self.redis)

    @cached_property
    def known_keys(self) -> KnownKeys:
        return KnownKeys(ApiKeys(self.store), self.copies, seconds=self.settings.api_key_seconds)

    @cached_property
    def signing_keys(self) -> SigningKeys:
        return SigningKeys(self.settings.signing_keys_file)

    @cached_property
    def revocations(self) -> Revocations:
        return Revocations(self.store)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.signing_keys, self.revocations)

    @cached_property
    def console_sessions(self) -> ConsoleSessions:
        return ConsoleSessions(self.store, seconds=self.settings.api_key_seconds)

    @cached_property
    def access(self) -> Access:
        return Access(self.known_keys, self.tokens, self.console_sessions)

    async def refresh_access(self) -> None:
        """Read again who may do what: signing keys, revocations and API keys.

        Neither a damaged file nor an absent store keeps the others from being read.
        """
        try:
            self.signing_keys.refresh()
        finally:
            await self.known_keys.refresh()
            await self.revocations.refresh()

    @cached_property
    def limiter(self) -> Limiter:
        return Limiter(
            SharedBuckets(self.redis), timeout_seconds=self.settings.redis_timeout_seconds
        )

    @cached_property
    def limits(self) -> Limits:
        return Limits(self.limiter, self.settings.requests_per_minute(), self.metrics)

    @cached_property
    def impressions(self) -> ImpressionQueue:
        return ImpressionQueue(
            Impressions(self.store),
            self.metrics,
            most=self.settings.impression_queue,
            kept_context=self.settings.context(),
        )

    @cached_property
    def categories(self) -> MeantCategories:
        return MeantCategories(self.store)

    @cached_property
    def budgets(self) -> RequestBudgets:
        return RequestBudgets(
            read_seconds=self.settings.request_budget_seconds,
            write_seconds=self.settings.write_budget_seconds,
            admin_seconds=self.settings.postgres_wait_seconds,
        )


def _store_limits(settings: ServingSettings) -> StoreLimits:
    return StoreLimits(
        connections=settings.postgres_connections,
        overflow_connections=settings.postgres_overflow_connections,
        write_connections=settings.postgres_write_connections,
        background_connections=settings.postgres_background_connections,
        waiting=settings.postgres_waiting,
        read_seconds=settings.request_budget_seconds,
        silence_seconds=settings.postgres_silence_seconds,
        write_seconds=settings.write_budget_seconds,
        wait_seconds=settings.postgres_wait_seconds,
        connection_seconds=settings.postgres_connection_seconds,
        slow_statement_seconds=settings.slow_statement_seconds,
        pooled=settings.pooled_database_url is not None,
    )


def make_exclusion_store(
    settings: ServingSettings, metrics: ServingMetrics, on_opening: Callable[[], None]
) -> Store:
    """A way of its own for what users have seen, which is asked for when lists are late.

    Two reads that do not come back within the patience, one after the other, are enough to tell
    that PostgreSQL does not answer; `on_opening` is called then.
    """
    breaker = _watched_breaker(
        "postgres_exclusions", settings, metrics, errors_in_row=2, on_opening=on_opening
    )
    return Store.for_small_reads(
        settings.transactions_url,
        breaker,
        connections=settings.postgres_exclusion_connections,
        seconds=settings.exclusions_patience_seconds,
        pooled=settings.pooled_database_url is not None,
    )


def _watched_breaker(
    dependency: Dependency,
    settings: ServingSettings,
    metrics: ServingMetrics,
    *,
    errors_in_row: int | None = None,
    on_opening: Callable[[], None] = lambda: None,
) -> Breaker:
    """A breaker whose state is a metric, and whose openings are counted and logged."""
    openings = metrics.breaker_openings.labels(dependency)
    is_reported = False

    def opening() -> None:
        nonlocal is_reported
        openings.inc()
        if not is_reported:
            log.warning("breaker_opened", dependency=dependency)
        is_reported = True
        on_opening()

    def closing() -> None:
        nonlocal is_reported
        log.info("breaker_closed", dependency=dependency)
        is_reported = False

    rules = settings.breaker_rules()
    if errors_in_row is not None:
        rules = replace(rules, errors_in_row=errors_in_row)
    breaker = Breaker(rules, on_opening=opening, on_closing=closing)
    state = metrics.breaker_state.labels(dependency)
    state.set_function(lambda: _NUMBERS[breaker.state])
    return breaker
