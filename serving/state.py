"""What lives as long as the app: the stores, the services and the work beside the requests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypedDict

from serving.metrics import ServingMetrics
from serving.repositories.answers import Answers
from serving.repositories.api_keys import ApiKeys
from serving.repositories.catalogue import Catalogue
from serving.repositories.events import Events
from serving.repositories.grounds import GroundsOfLists
from serving.repositories.impressions import Impressions
from serving.repositories.recommendations import Recommendations
from serving.repositories.runs import Runs
from serving.repositories.store import Store
from serving.services.access import Access
from serving.services.background import repeated
from serving.services.catalogue import CatalogueKeeping
from serving.services.explaining import Explainer
from serving.services.held_popular import HeldPopular
from serving.services.impression_queue import ImpressionQueue
from serving.services.kinds import Kinds
from serving.services.list_making import ListMaker
from serving.services.live_runs import LiveRuns
from serving.services.popular import Popular
from serving.services.readiness import Readiness
from serving.services.recommend import Recommender
from serving.services.record_events import EventRecorder
from serving.services.user_numbers import UserNumbers
from serving.settings import ServingSettings


@dataclass(frozen=True, slots=True)
class Services:
    """What routes may call."""

    access: Access
    recommender: Recommender
    popular: Popular
    recorder: EventRecorder
    catalogue: CatalogueKeeping
    readiness: Readiness
    metrics: ServingMetrics


@dataclass(frozen=True, slots=True)
class BesideRequests:
    """What goes on beside the requests."""

    live_runs: LiveRuns
    kinds: Kinds
    held: HeldPopular
    impressions: ImpressionQueue


class LifespanState(TypedDict):
    """What every request finds in its state."""

    services: Services


@asynccontextmanager
async def living(settings: ServingSettings, metrics: ServingMetrics) -> AsyncIterator[Services]:
    """The services with everything under them, for the time of the block.

    Nothing has to be reachable at the start: what is not there yet is looked for again and again.
    """
    store = Store.at(
        settings.database_url.get_secret_value(),
        connections=settings.postgres_connections,
        wait_seconds=settings.postgres_wait_seconds,
    )
    answers = Answers.at(
        settings.redis_url.get_secret_value(),
        metrics,
        seconds=settings.answer_cache_seconds,
        timeout_seconds=settings.redis_timeout_seconds,
        rest_seconds=settings.redis_rest_seconds,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        stack.push_async_callback(answers.close)
        services, beside = _built(store, answers, settings, metrics)
        await stack.enter_async_context(_working(beside, settings))
        yield services


def _built(
    store: Store, answers: Answers, settings: ServingSettings, metrics: ServingMetrics
) -> tuple[Services, BesideRequests]:
    runs, recommendations = Runs(store), Recommendations(store)
    live_runs, kinds = LiveRuns(runs, metrics), Kinds(runs)
    policy = settings.blend()
    lists = ListMaker(
        recommendations,
        Explainer(GroundsOfLists(store)),
        policy,
        log_events=settings.popular_log_events,
        recall_bound=settings.index_recall_bound,
    )
    held = HeldPopular(live_runs, lists)
    impressions = ImpressionQueue(Impressions(store), metrics, most=settings.impression_queue)
    recommender = Recommender(
        live_runs=live_runs,
        lists=lists,
        users=UserNumbers(recommendations),
        answers=answers,
        held=held,
        impressions=impressions,
        metrics=metrics,
        policy=policy,
    )
    recorder = EventRecorder(
        events=Events(store),
        kinds=kinds,
        answers=answers,
        metrics=metrics,
        future_seconds=settings.event_future_seconds,
    )
    services = Services(
        access=Access(ApiKeys(store), seconds=settings.api_key_seconds),
        recommender=recommender,
        popular=Popular(live_runs, lists, held),
        recorder=recorder,
        catalogue=CatalogueKeeping(Catalogue(store), answers),
        readiness=Readiness(runs, kinds, answers),
        metrics=metrics,
    )
    return services, BesideRequests(live_runs, kinds, held, impressions)


@asynccontextmanager
async def _working(beside: BesideRequests, settings: ServingSettings) -> AsyncIterator[None]:
    """The work beside the requests; impressions are written out at the end."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(beside.impressions.flush_for_good)
        for name, action, seconds in (
            ("live_run", beside.live_runs.refresh, settings.live_run_poll_seconds),
            ("kinds", beside.kinds.refresh, settings.popular_refresh_seconds),
            ("popular", beside.held.refresh, settings.popular_refresh_seconds),
            ("impressions", beside.impressions.flush, settings.impression_flush_seconds),
        ):
            await stack.enter_async_context(repeated(name, action, seconds=seconds))
        yield
