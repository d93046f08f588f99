"""The services that routes call, each made of what it needs of the container."""

from dataclasses import dataclass

from serving.access.access import Access
from serving.access.exposure import Exposure
from serving.answering.cache import AnswerCache
from serving.answering.pipeline import AnswerPipeline
from serving.catalogue.catalogue import Catalogue, CatalogueKeeping
from serving.container import Container
from serving.diagnosis.diagnose import Diagnoser
from serving.diagnosis.diagnosis_figures import Diagnosis
from serving.events.event_log import Events
from serving.events.kinds import Kinds
from serving.events.record_events import EventRecorder, EventUndoer
from serving.lists.meant_categories import MeantCategories
from serving.non_personalized.non_personalized_list_maker import (
    NonPersonalizedListMaker,
    NonPersonalizedLists,
)
from serving.non_personalized.non_personalized_service import NonPersonalizedService
from serving.operation.readiness import Readiness
from serving.recommendations.recommend import Recommender
from serving.runtime.budget import RequestBudgets
from serving.runtime.metrics import ServingMetrics
from serving.search.search import Searcher
from serving.search.words import Search
from serving.settings import ServingSettings
from serving.similar.similar import Similar
from serving.similar.similar_items import SimilarItems
from serving.users.user_keeping import UserForgetter, UserKeeping
from serving.users.user_profiles import UserProfiles


@dataclass(frozen=True, slots=True)
class Services:
    """What routes may call."""

    access: Access
    recommender: Recommender
    non_personalized: NonPersonalizedService
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


def make_services(container: Container) -> Services:
    """All of them; nothing is read yet."""
    store, answers, settings = container.store, container.answers, container.settings
    pipeline, similar_items = _pipeline(container), SimilarItems(store, container.indexes)
    categories = MeantCategories(store)
    return Services(
        access=container.access,
        recommender=_recommender(container, pipeline, categories),
        non_personalized=_non_personalized(container, pipeline, categories),
        similar=Similar(
            pipeline,
            similar_items,
            container.fallback,
            categories,
            recall_bound=settings.index_recall_bound,
            fresh_seconds=settings.search_fresh_seconds,
        ),
        searcher=Searcher(
            pipeline,
            Search(store),
            similar_items,
            container.fallback,
            categories,
            recall_bound=settings.index_recall_bound,
            fresh_seconds=settings.search_fresh_seconds,
        ),
        recorder=_recorder(container),
        kinds=container.kinds,
        undoer=EventUndoer(
            events=Events(store),
            answers=answers,
            exclusion_warmer=container.exclusion_warmer,
        ),
        forgetter=UserForgetter(
            profiles=UserProfiles(store),
            users=container.users,
            answers=answers,
            exclusion_cache=container.exclusion_cache,
            write_seconds=settings.write_budget_seconds,
        ),
        user_keeping=UserKeeping(
            users=UserProfiles(store),
            events=Events(store),
            answers=answers,
            exclusion_cache=container.exclusion_cache,
            exclusion_warmer=container.exclusion_warmer,
        ),
        catalogue=CatalogueKeeping(
            Catalogue(store), answers, (container.fallback, container.fallback_lists)
        ),
        readiness=Readiness(
            container.runs, container.kinds, answers, seconds=settings.request_budget_seconds
        ),
        diagnoser=Diagnoser(
            Diagnosis(store),
            answers,
            container.subscription,
            settings.bounds(),
            dropped=container.impressions.dropped,
            replica=container.replica.figures,
            failing=container.failures.failing,
            damages=lambda: container.indexes.damages(container.live_runs.current),
        ),
        budgets=_budgets(settings),
        metrics=container.metrics,
        exposure=settings.exposure(),
    )


def _pipeline(container: Container) -> AnswerPipeline:
    return AnswerPipeline(
        cache=AnswerCache(container.answers, seconds=container.settings.answer_cache_seconds),
        live_runs=container.live_runs,
        recommendations=container.recommendations,
        users=container.users,
        fallback=container.fallback,
        exclusion_cache=container.exclusion_cache,
        exclusions=container.exclusions,
        replica=container.replica,
        metrics=container.metrics,
    )


def _recommender(
    container: Container, pipeline: AnswerPipeline, categories: MeantCategories
) -> Recommender:
    return Recommender(
        pipeline=pipeline,
        lists=container.lists,
        fallback=container.fallback,
        impressions=container.impressions,
        policy=container.settings.blend(),
        reranking=container.settings.reranking(),
        recent_requests=container.recent_requests,
        categories=categories,
    )


def _non_personalized(
    container: Container, pipeline: AnswerPipeline, categories: MeantCategories
) -> NonPersonalizedService:
    lists = NonPersonalizedLists(container.store)
    return NonPersonalizedService(
        pipeline=pipeline,
        live_runs=container.live_runs,
        lists=lists,
        maker=NonPersonalizedListMaker(lists, container.lists),
        fallback=container.fallback,
        fallback_lists=container.fallback_lists,
        replica=container.replica,
        categories=categories,
    )


def _recorder(container: Container) -> EventRecorder:
    return EventRecorder(
        events=Events(container.store),
        kinds=container.kinds,
        answers=container.answers,
        exclusion_cache=container.exclusion_cache,
        metrics=container.metrics,
        future_seconds=container.settings.event_future_seconds,
    )


def _budgets(settings: ServingSettings) -> RequestBudgets:
    return RequestBudgets(
        read_seconds=settings.request_budget_seconds,
        write_seconds=settings.write_budget_seconds,
        admin_seconds=settings.postgres_wait_seconds,
    )
