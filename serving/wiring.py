"""The services that routes call, each made of the parts it needs."""

from dataclasses import dataclass

from serving.answering.cache import AnswerCache
from serving.answering.pipeline import AnswerPipeline
from serving.budget import RequestBudgets
from serving.exposure import Exposure
from serving.metrics import ServingMetrics
from serving.parts import Parts
from serving.repositories.catalogue import Catalogue
from serving.repositories.diagnosis import Diagnosis
from serving.repositories.events import Events
from serving.repositories.search import Search
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
    pipeline, similar_items = _pipeline(parts), SimilarItems(store, parts.indexes)
    categories = MeantCategories(SimilarItems(store))
    return Services(
        access=parts.access,
        recommender=_recommender(parts, pipeline, categories),
        browser=_browser(parts, pipeline, categories),
        similar=Similar(
            pipeline,
            similar_items,
            parts.fallback,
            recall_bound=settings.index_recall_bound,
            fresh_seconds=settings.search_fresh_seconds,
        ),
        searcher=Searcher(
            pipeline,
            Search(store),
            similar_items,
            parts.fallback,
            recall_bound=settings.index_recall_bound,
            fresh_seconds=settings.search_fresh_seconds,
        ),
        recorder=_recorder(parts),
        kinds=parts.kinds,
        undoer=EventUndoer(
            removals=parts.removals, answers=answers, exclusion_warmer=parts.exclusion_warmer
        ),
        forgetter=UserForgetter(
            removals=parts.removals,
            users=parts.users,
            answers=answers,
            exclusion_cache=parts.exclusion_cache,
            write_seconds=settings.write_budget_seconds,
        ),
        user_keeping=UserKeeping(
            users=StatedUsers(store),
            events=Events(store),
            answers=answers,
            exclusion_cache=parts.exclusion_cache,
            exclusion_warmer=parts.exclusion_warmer,
        ),
        catalogue=CatalogueKeeping(
            Catalogue(store), answers, (parts.fallback, parts.fallback_lists)
        ),
        readiness=Readiness(
            parts.runs, parts.kinds, answers, seconds=settings.request_budget_seconds
        ),
        diagnoser=Diagnoser(
            Diagnosis(store),
            answers,
            parts.subscription,
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


def _pipeline(parts: Parts) -> AnswerPipeline:
    return AnswerPipeline(
        cache=AnswerCache(parts.answers, seconds=parts.settings.answer_cache_seconds),
        live_runs=parts.live_runs,
        recommendations=parts.recommendations,
        users=parts.users,
        fallback=parts.fallback,
        exclusion_cache=parts.exclusion_cache,
        exclusions=parts.exclusions,
        replica=parts.replica,
        metrics=parts.metrics,
    )


def _recommender(
    parts: Parts, pipeline: AnswerPipeline, categories: MeantCategories
) -> Recommender:
    return Recommender(
        pipeline=pipeline,
        lists=parts.lists,
        fallback=parts.fallback,
        impressions=parts.impressions,
        policy=parts.settings.blend(),
        slots=parts.settings.slots(),
        asked=parts.asked,
        categories=categories,
    )


def _browser(parts: Parts, pipeline: AnswerPipeline, categories: MeantCategories) -> Browser:
    shelves = Shelves(parts.store)
    return Browser(
        pipeline=pipeline,
        live_runs=parts.live_runs,
        shelves=shelves,
        maker=ShelfMaker(shelves, parts.lists),
        fallback=parts.fallback,
        fallback_lists=parts.fallback_lists,
        replica=parts.replica,
        categories=categories,
    )


def _recorder(parts: Parts) -> EventRecorder:
    return EventRecorder(
        events=Events(parts.store),
        kinds=parts.kinds,
        answers=parts.answers,
        exclusion_cache=parts.exclusion_cache,
        metrics=parts.metrics,
        future_seconds=parts.settings.event_future_seconds,
    )


def _budgets(settings: ServingSettings) -> RequestBudgets:
    return RequestBudgets(
        read_seconds=settings.request_budget_seconds,
        write_seconds=settings.write_budget_seconds,
        admin_seconds=settings.postgres_wait_seconds,
    )
