"""The parts that lists are made of, each made once of what it needs."""

from functools import cached_property

from serving.account_parts import AccountParts
from serving.answering.cache import AnswerCache
from serving.answering.catalogue_changes import CatalogueChanges
from serving.answering.fields import ItemFields
from serving.answering.pipeline import AnswerPipeline
from serving.answering.replica_reading import ReplicaReading
from serving.candidates.live_vector_inputs import ProfileReader
from serving.datastores import make_exclusion_store
from serving.exclusions.exclusion_cache import ExclusionCache, Subscription
from serving.exclusions.exclusion_lookup import ExclusionLookup
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.exclusions.exclusions import ExcludedItems
from serving.exclusions.redis_exclusions import ExclusionNotifier, RedisExclusions
from serving.exclusions.user_memory import UserMemory
from serving.fallback.category_fallback import CategoryFallback, FallbackReader
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.list_maker import ListMaker
from serving.lists.ruled_lists import ListRuler
from serving.non_personalized.non_personalized_list import FallbackLists
from serving.non_personalized.non_personalized_list_maker import (
    NonPersonalizedListMaker,
    NonPersonalizedLists,
)
from serving.non_personalized.non_personalized_service import NonPersonalizedService
from serving.placements.exposures import Exposures
from serving.postgres.store import Store
from serving.recommendations.recommend import Recommender
from serving.recommendations.warming import RecentRequests
from serving.relations.active_users import ActiveUsersReader
from serving.relations.pair_similarity import PairSimilarity
from serving.relations.related_users import UserRelations
from serving.relations.surprising import Surprising
from serving.relations.together import Together
from serving.rows.own_items import OwnItems
from serving.rows.page_maker import PageMaker
from serving.rules.rule_items import RuleItems
from serving.runtime.metrics import ServingMetrics
from serving.search.search import Searcher
from serving.search.unruled_search import SearchStores
from serving.search.words import Search
from serving.settings import ServingSettings
from serving.similar.similar import Similar


class ListParts(AccountParts):
    """What is known in memory, and how lists are made and answered of it."""

    def __init__(self, settings: ServingSettings, metrics: ServingMetrics) -> None:
        super().__init__(settings, metrics)
        self.subscription = Subscription()
        self.fallback_lists = FallbackLists()
        self.recent_requests = RecentRequests(settings.warmed_answers)

    @cached_property
    def exclusion_store(self) -> Store:
        # Two reads that fail are enough: nobody waits for those under way any longer.
        return make_exclusion_store(self.settings, self.metrics, self._abandon_exclusions)

    def _abandon_exclusions(self) -> None:
        self.exclusions.abandon()

    # --- what is known in memory

    @cached_property
    def exclusion_cache(self) -> ExclusionCache:
        settings = self.settings
        return ExclusionCache(
            UserMemory(
                most_users=settings.exclusion_cache_users,
                most_items=settings.exclusion_cache_items,
            ),
            RedisExclusions(self.redis, seconds=settings.exclusion_cache_seconds),
            ExclusionNotifier(self.store),
            self.subscription,
        )

    @cached_property
    def exclusions(self) -> ExclusionLookup:
        return ExclusionLookup(
            self.exclusion_cache,
            ExcludedItems(self.exclusion_store),
            seconds=self.settings.exclusions_patience_seconds,
        )

    @cached_property
    def exclusion_warmer(self) -> ExclusionWarmer:
        return ExclusionWarmer(
            excluded_items=self.excluded_items,
            answers=self.answers,
            exclusion_cache=self.exclusion_cache,
            recent_users=self.settings.exclusion_cache_recent_users,
        )

    @cached_property
    def fallback(self) -> FallbackCatalogue:
        settings = self.settings
        reader = FallbackReader(self.store)
        return FallbackCatalogue(
            self.live_runs,
            self.lists,
            reader,
            CategoryFallback(reader, most=settings.fallback_category_items),
            self.copies,
            most=settings.fallback_items,
        )

    # --- how lists are made and answered

    @cached_property
    def lists(self) -> ListMaker:
        return ListMaker(
            self.recommendations,
            ProfileReader(self.store),
            self.rule_items,
            self.settings.blend(),
            recall_bound=self.settings.index_recall_bound,
            new_item_users=self.settings.new_item_users,
            on_candidates=self.metrics.candidates.observe,
        )

    @cached_property
    def replica_reading(self) -> ReplicaReading:
        return ReplicaReading(
            self.replica,
            primary=self.store,
            answers=self.answers,
            live_runs=self.live_runs,
            exclusion_cache=self.exclusion_cache,
            catalogue=self.catalogue_changes,
            metrics=self.metrics,
            most_lag_seconds=self.settings.replica_lag_seconds,
        )

    @cached_property
    def rule_items(self) -> RuleItems:
        return RuleItems(self.store)

    @cached_property
    def ruler(self) -> ListRuler:
        return ListRuler(self.rule_items)

    @cached_property
    def exposures(self) -> Exposures:
        return Exposures(self.impressions)

    @cached_property
    def catalogue_changes(self) -> CatalogueChanges:
        return CatalogueChanges(self.store, self.rule_items.note_changes)

    @cached_property
    def pipeline(self) -> AnswerPipeline:
        return AnswerPipeline(
            cache=AnswerCache(self.answers, self.redis, seconds=self.settings.answer_cache_seconds),
            catalogue=self.catalogue_changes,
            entry_seconds=self.settings.answer_entry_seconds,
            live_runs=self.live_runs,
            recommendations=self.recommendations,
            users=self.users,
            fallback=self.fallback,
            exclusion_cache=self.exclusion_cache,
            exclusions=self.exclusions,
            replica=self.replica_reading,
            metrics=self.metrics,
        )

    # --- the services

    @cached_property
    def item_fields(self) -> ItemFields:
        return ItemFields(self.store, self.fallback)

    @cached_property
    def recommender(self) -> Recommender:
        return Recommender(
            pipeline=self.pipeline,
            lists=self.lists,
            fallback=self.fallback,
            impressions=self.impressions,
            policy=self.settings.blend(),
            reranking=self.settings.reranking(),
            recent_requests=self.recent_requests,
            categories=self.categories,
            item_fields=self.item_fields,
            rule_items=self.rule_items,
        )

    @cached_property
    def non_personalized(self) -> NonPersonalizedService:
        lists = NonPersonalizedLists(self.store)
        return NonPersonalizedService(
            pipeline=self.pipeline,
            live_runs=self.live_runs,
            lists=lists,
            maker=NonPersonalizedListMaker(lists, self.lists, self.ruler),
            fallback=self.fallback,
            fallback_lists=self.fallback_lists,
            replica=self.replica_reading,
            categories=self.categories,
            ruler=self.ruler,
            exposures=self.exposures,
        )

    @cached_property
    def similar(self) -> Similar:
        return Similar(
            self.pipeline,
            self.similar_items,
            self.fallback,
            self.categories,
            self.ruler,
            self.exposures,
            recall_bound=self.settings.index_recall_bound,
            fresh_seconds=self.settings.search_fresh_seconds,
        )

    @property
    def relations(self) -> tuple[object, ...]:
        return (
            Together(pipeline=self.pipeline, store=self.store),
            Surprising(
                pipeline=self.pipeline,
                recommendations=self.recommendations,
                impressions=self.impressions,
                recall_bound=self.settings.index_recall_bound,
            ),
            UserRelations(self.store, self.live_runs),
            PairSimilarity(self.store, self.live_runs),
            ActiveUsersReader(self.store),
        )

    @cached_property
    def searcher(self) -> Searcher:
        return Searcher(
            self.pipeline,
            SearchStores(
                Search(self.store),
                self.similar_items,
                self.categories,
                self.settings.index_recall_bound,
            ),
            self.fallback,
            ruler=self.ruler,
            exposures=self.exposures,
            fresh_seconds=self.settings.search_fresh_seconds,
        )

    @cached_property
    def page_maker(self) -> PageMaker:
        return PageMaker(
            pipeline=self.pipeline,
            recommender=self.recommender,
            similar=self.similar,
            non_personalized=self.non_personalized.maker,
            own_items=OwnItems(self.store),
            kinds=self.kinds,
            fallback=self.fallback,
            impressions=self.impressions,
        )
