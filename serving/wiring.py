"""The services that routes call, each made of the parts it needs."""

from dataclasses import dataclass
from typing import Any

from serving.budget import RequestBudgets
from serving.exposure import Exposure
from serving.metrics import ServingMetrics
from serving.parts import Parts
from serving.repositories.catalogue import Catalogue
from serving.repositories.diagnosis import Diagnosis
from serving.repositories.events import Events
from serving.repositories.search import Search
from serving.repositories.shared_answers import SharedAnswers
from serving.repositories.shelves import Shelves
from serving.repositories.similar_items import SimilarItems
from serving.repositories.stated_users import StatedUsers
from serving.services.access import Access
from serving.services.catalogue import CatalogueKeeping
from serving.services.diagnosis.diagnose import Diagnoser
from serving.services.forgetting import UserForgetter
from serving.services.interests import UserKeeping
from serving.services.kinds import Kinds
from serving.services.lists.meant_categories import MeantCategories
from serving.services.readiness import Readiness
from serving.services.recommend import Recommender
from serving.services.record_events import EventRecorder
from serving.services.searching.finding import Finder
from serving.services.searching.search import Searcher
from serving.services.searching.similar import Similar
from serving.services.shelves.browsing import Browser
from serving.services.shelves.making import ShelfMaker
from serving.services.undoing import EventUndoer
from serving.settings import ServingSettings


@dataclass(frozen=True, slots=True)
class Services:
    """What routes may call."""

    access: Access
    recommender: Recommender
    browser: Browser
    similar: Similar
    searcher: Searcher
    recorder: EventRecorder
    kinds: Kinds
    undoer: EventUndoer
    forgetter: UserForgetter
    user_keeping: UserKeeping
    catalogue: CatalogueKeeping
    readiness: Readiness
    diagnoser: Diagnoser
    budgets: RequestBudgets
    metrics: ServingMetrics
    exposure: Exposure


def make_services(parts: Parts) -> Services:
    """All of them; nothing is read yet."""
    store, answers, settings = parts.store, parts.answers, parts.settings
    similar_items, recall_bound = SimilarItems(store, parts.indexes), settings.index_recall_bound
    return Services(
        access=parts.access,
        recommender=_recommender(parts),
        browser=_browser(parts),
        similar=Similar(_finder(parts), similar_items, parts.held, recall_bound=recall_bound),
        searcher=Searcher(
            _finder(parts), Search(store), similar_items, parts.held, recall_bound=recall_bound
        ),
        recorder=_recorder(parts),
        kinds=parts.kinds,
        undoer=EventUndoer(removals=parts.removals, answers=answers, remembering=parts.remembering),
        forgetter=UserForgetter(
            removals=parts.removals,
            users=parts.users,
            answers=answers,
            remembered=parts.remembered,
            write_seconds=settings.write_budget_seconds,
        ),
        user_keeping=UserKeeping(
            users=StatedUsers(store),
            events=Events(store),
            answers=answers,
            remembered=parts.remembered,
            remembering=parts.remembering,
        ),
        catalogue=CatalogueKeeping(Catalogue(store), answers, (parts.held, parts.held_shelves)),
        readiness=Readiness(
            parts.runs, parts.kinds, answers, seconds=settings.request_budget_seconds
        ),
        diagnoser=Diagnoser(
            Diagnosis(store),
            answers,
            parts.hearing,
            settings.bounds(),
            dropped=parts.impressions.dropped,
            replica=parts.replica.figures,
            failing=parts.failures.failing,
            damages=lambda: parts.indexes.damages(parts.live_runs.current),
        ),
        budgets=_budgets(settings),
        metrics=parts.metrics,
        exposure=settings.exposure(),
    )


def _recommender(parts: Parts) -> Recommender:
    return Recommender(
        live_runs=parts.live_runs,
        lists=parts.lists,
        recommendations=parts.recommendations,
        users=parts.users,
        answers=parts.answers,
        shared=SharedAnswers(parts.answers, seconds=parts.settings.answer_cache_seconds),
        held=parts.held,
        remembered=parts.remembered,
        exclusions=parts.exclusions,
        replica=parts.replica,
        impressions=parts.impressions,
        metrics=parts.metrics,
        policy=parts.settings.blend(),
        slots=parts.settings.slots(),
        asked=parts.asked,
        categories=MeantCategories(SimilarItems(parts.store)),
    )


def _browser(parts: Parts) -> Browser:
    shelves = Shelves(parts.store)
    return Browser(
        live_runs=parts.live_runs,
        shelves=shelves,
        maker=ShelfMaker(shelves, parts.lists),
        users=parts.users,
        held=parts.held,
        held_shelves=parts.held_shelves,
        exclusions=parts.exclusions,
        replica=parts.replica,
        metrics=parts.metrics,
        categories=MeantCategories(SimilarItems(parts.store)),
    )


def _finder(parts: Parts) -> Finder[Any]:
    settings = parts.settings
    return Finder(
        live_runs=parts.live_runs,
        recommendations=parts.recommendations,
        users=parts.users,
        answers=parts.answers,
        shared=SharedAnswers(parts.answers, seconds=settings.answer_cache_seconds),
        held=parts.held,
        remembered=parts.remembered,
        exclusions=parts.exclusions,
        replica=parts.replica,
        metrics=parts.metrics,
        fresh_seconds=settings.search_fresh_seconds,
    )


def _recorder(parts: Parts) -> EventRecorder:
    return EventRecorder(
        events=Events(parts.store),
        kinds=parts.kinds,
        answers=parts.answers,
        remembered=parts.remembered,
        metrics=parts.metrics,
        future_seconds=parts.settings.event_future_seconds,
    )


def _budgets(settings: ServingSettings) -> RequestBudgets:
    return RequestBudgets(
        read_seconds=settings.request_budget_seconds,
        write_seconds=settings.write_budget_seconds,
        admin_seconds=settings.postgres_wait_seconds,
    )
