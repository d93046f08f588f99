"""What lives as long as the app: the stores, the services and the work beside the requests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

from serving.budget import RequestBudgets
from serving.metrics import ServingMetrics
from serving.repositories.answers import Answers
from serving.repositories.api_keys import ApiKeys
from serving.repositories.catalogue import Catalogue
from serving.repositories.diagnosis import Diagnosis
from serving.repositories.events import Events
from serving.repositories.excluded_items import ExcludedItems
from serving.repositories.grounds import GroundsOfLists
from serving.repositories.held_copies import HeldCopies
from serving.repositories.impressions import Impressions
from serving.repositories.primary import Primary
from serving.repositories.recommendations import Recommendations
from serving.repositories.remembered import ExclusionNews, Remembered
from serving.repositories.removals import Removals
from serving.repositories.replica import Replica
from serving.repositories.runs import Runs
from serving.repositories.search import Search
from serving.repositories.shared_answers import SharedAnswers
from serving.repositories.shelves import Shelves
from serving.repositories.similar_items import SimilarItems
from serving.repositories.stated_users import StatedUsers
from serving.repositories.store import Store
from serving.repositories.switches import Switches
from serving.services.access import Access
from serving.services.background import repeated
from serving.services.browsing import Browser
from serving.services.catalogue import CatalogueKeeping
from serving.services.diagnosis.diagnose import Diagnoser
from serving.services.explaining import Explainer
from serving.services.finding import Finder
from serving.services.first_sight import first_sight
from serving.services.following import Follower
from serving.services.forgetting import UserForgetter
from serving.services.held_popular import HeldPopular
from serving.services.held_shelves import HeldShelves
from serving.services.impression_queue import ImpressionQueue
from serving.services.interests import UserKeeping
from serving.services.kinds import Kinds
from serving.services.list_making import ListMaker
from serving.services.live_runs import LiveRuns
from serving.services.readiness import Readiness
from serving.services.recommend import Recommender
from serving.services.record_events import EventRecorder
from serving.services.remembered_users import RememberedUsers
from serving.services.remembering import Remembering
from serving.services.replica_reading import ReplicaReading
from serving.services.search import Searcher
from serving.services.shelf_making import ShelfMaker
from serving.services.similar import Similar
from serving.services.stating import Stating
from serving.services.undoing import EventUndoer
from serving.services.user_memory import UserMemory
from serving.services.user_numbers import UserNumbers
from serving.settings import ServingSettings
from serving.stores import make_redis_link, make_replica, make_store


@dataclass(frozen=True, slots=True)
class Services:
    """What routes may call."""

    access: Access
    recommender: Recommender
    browser: Browser
    similar: Similar
    searcher: Searcher
    recorder: EventRecorder
    undoer: EventUndoer
    forgetter: UserForgetter
    user_keeping: UserKeeping
    catalogue: CatalogueKeeping
    readiness: Readiness
    diagnoser: Diagnoser
    budgets: RequestBudgets
    metrics: ServingMetrics


@dataclass(frozen=True, slots=True)
class BesideRequests:
    """What goes on beside the requests."""

    live_runs: LiveRuns
    kinds: Kinds
    held: HeldPopular
    browser: Browser
    impressions: ImpressionQueue
    access: Access
    remembered: RememberedUsers
    remembering: Remembering
    replica: ReplicaReading
    forgetter: UserForgetter


class LifespanState(TypedDict):
    """What every request finds in its state."""

    services: Services


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
        for name, look, seconds in (
            ("postgres_probe", store.probe, settings.postgres_probe_seconds),
            ("redis_heartbeat", link.heartbeat, settings.redis_heartbeat_seconds),
        ):
            await stack.enter_async_context(repeated(name, look, seconds=seconds))
        services, beside = _built(store, replica, answers, settings, metrics)
        await _first_sight(beside, settings)
        await store.warm_up()
        await stack.enter_async_context(_working(beside, settings))
        yield services


async def _first_sight(beside: BesideRequests, settings: ServingSettings) -> None:
    """Wait for what requests need; a process that never saw PostgreSQL cannot answer any."""
    looks = (
        beside.access.refresh,
        beside.live_runs.refresh,
        beside.kinds.refresh,
        beside.held.refresh,
    )
    await first_sight(
        looks,
        beside.held.can_answer,
        seconds=settings.startup_wait_seconds,
        look_seconds=settings.postgres_wait_seconds,
    )


def _built(
    store: Store,
    replica: Replica | None,
    answers: Answers,
    settings: ServingSettings,
    metrics: ServingMetrics,
) -> tuple[Services, BesideRequests]:
    runs, recommendations = Runs(store), Recommendations(store)
    live_runs, kinds = LiveRuns(runs, metrics), Kinds(runs)
    policy, grounds = settings.blend(), GroundsOfLists(store)
    lists = ListMaker(
        recommendations,
        Explainer(grounds),
        Stating(grounds),
        policy,
        log_events=settings.popular_log_events,
        recall_bound=settings.index_recall_bound,
        new_item_users=settings.new_item_users,
    )
    copies = HeldCopies(answers, seconds=settings.remembered_seconds)
    held = HeldPopular(live_runs, lists, copies, most=settings.held_items)
    remembered = _remembered(store, answers, settings)
    remembering = Remembering(
        excluded_items=ExcludedItems(store),
        answers=answers,
        remembered=remembered,
        recent_users=settings.remembered_recent_users,
    )
    access = Access(ApiKeys(store), copies, seconds=settings.api_key_seconds)
    impressions = ImpressionQueue(Impressions(store), metrics, most=settings.impression_queue)
    users, removals = UserNumbers(recommendations), Removals(store)
    reading = ReplicaReading(
        replica,
        primary=Primary(store),
        answers=answers,
        live_runs=live_runs,
        remembered=remembered,
        metrics=metrics,
        most_lag_seconds=settings.replica_lag_seconds,
    )
    recommender = Recommender(
        live_runs=live_runs,
        lists=lists,
        users=users,
        answers=answers,
        held=held,
        remembered=remembered,
        replica=reading,
        impressions=impressions,
        metrics=metrics,
        policy=policy,
        slots=settings.slots(),
    )
    forgetter = UserForgetter(
        removals=removals,
        users=users,
        answers=answers,
        remembered=remembered,
        write_seconds=settings.write_budget_seconds,
    )
    recorder = EventRecorder(
        events=Events(store),
        kinds=kinds,
        answers=answers,
        remembered=remembered,
        metrics=metrics,
        future_seconds=settings.event_future_seconds,
    )
    shelves, held_shelves = Shelves(store), HeldShelves()
    browser = Browser(
        live_runs=live_runs,
        shelves=shelves,
        maker=ShelfMaker(shelves, lists),
        users=users,
        held=held,
        held_shelves=held_shelves,
        remembered=remembered,
        replica=reading,
        metrics=metrics,
    )
    similar_items = SimilarItems(store)

    def finder() -> Finder[Any]:
        return Finder(
            live_runs=live_runs,
            recommendations=recommendations,
            users=users,
            answers=answers,
            shared=SharedAnswers(answers, seconds=settings.answer_cache_seconds),
            held=held,
            remembered=remembered,
            replica=reading,
            metrics=metrics,
            fresh_seconds=settings.search_fresh_seconds,
        )

    services = Services(
        access=access,
        recommender=recommender,
        browser=browser,
        similar=Similar(finder(), similar_items, held, recall_bound=settings.index_recall_bound),
        searcher=Searcher(
            finder(), Search(store), similar_items, held, recall_bound=settings.index_recall_bound
        ),
        recorder=recorder,
        undoer=EventUndoer(removals=removals, answers=answers, remembering=remembering),
        forgetter=forgetter,
        user_keeping=UserKeeping(
            users=StatedUsers(store),
            events=Events(store),
            answers=answers,
            remembered=remembered,
            remembering=remembering,
        ),
        catalogue=CatalogueKeeping(Catalogue(store), answers, (held, held_shelves)),
        readiness=Readiness(runs, kinds, answers, seconds=settings.request_budget_seconds),
        diagnoser=Diagnoser(
            Diagnosis(store),
            answers,
            settings.bounds(),
            dropped=impressions.dropped,
            replica=reading.figures,
        ),
        budgets=_budgets(settings),
        metrics=metrics,
    )
    return services, BesideRequests(
        live_runs,
        kinds,
        held,
        browser,
        impressions,
        access,
        remembered,
        remembering,
        reading,
        forgetter,
    )


def _budgets(settings: ServingSettings) -> RequestBudgets:
    return RequestBudgets(
        read_seconds=settings.request_budget_seconds,
        write_seconds=settings.write_budget_seconds,
        admin_seconds=settings.postgres_wait_seconds,
    )


def _remembered(store: Store, answers: Answers, settings: ServingSettings) -> RememberedUsers:
    memory = UserMemory(most_users=settings.remembered_users, most_items=settings.remembered_items)
    remembered = Remembered(answers, seconds=settings.remembered_seconds)
    return RememberedUsers(memory, remembered, ExclusionNews(store))


@asynccontextmanager
async def _working(beside: BesideRequests, settings: ServingSettings) -> AsyncIterator[None]:
    """The work beside the requests; impressions are written out at the end."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(beside.impressions.flush_for_good)
        for name, action, seconds in (
            ("keys", beside.access.refresh, settings.api_key_seconds / 4),
            ("live_run", beside.live_runs.refresh, settings.live_run_poll_seconds),
            ("kinds", beside.kinds.refresh, settings.popular_refresh_seconds),
            ("popular", beside.held.refresh, settings.popular_refresh_seconds),
            ("shelves", beside.browser.refresh, settings.popular_refresh_seconds),
            ("replica", beside.replica.watch, settings.replica_poll_seconds),
            ("remembered", beside.remembered.catch_up, settings.remembered_poll_seconds),
            ("remembering", beside.remembering.catch_up, settings.remembered_poll_seconds),
            ("forgotten", beside.forgetter.forget_again, settings.write_budget_seconds / 2),
            ("impressions", beside.impressions.flush, settings.impression_flush_seconds),
        ):
            await stack.enter_async_context(repeated(name, action, seconds=seconds))
        await stack.enter_async_context(_follower(beside, settings).following())
        yield


def _follower(beside: BesideRequests, settings: ServingSettings) -> Follower:
    """Hears of switches at once; polling makes up for what it does not hear."""
    switches = Switches(settings.database_url.get_secret_value())
    rest_seconds = settings.live_run_poll_seconds
    return Follower(switches, beside.live_runs, beside.remembered, rest_seconds=rest_seconds)
