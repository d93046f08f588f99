"""What several services share: made once, handed to each that needs it."""

from dataclasses import dataclass

from serving.access.access import Access, ApiKeys
from serving.answering.replica_reading import Primary, ReplicaReading
from serving.candidates.live_vector_inputs import ProfileReader
from serving.candidates.recommendations import Recommendations
from serving.candidates.users import UserNumbers
from serving.datastores import make_exclusion_store
from serving.events.kinds import Kinds
from serving.exclusions.exclusion_cache import ExclusionCache, Subscription
from serving.exclusions.exclusion_lookup import ExclusionLookup
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.exclusions.exclusions import ExcludedItems
from serving.exclusions.redis_exclusions import ExclusionNotifier, RedisExclusions
from serving.exclusions.user_memory import UserMemory
from serving.fallback.category_fallback import CategoryFallback, FallbackReader
from serving.fallback.fallback_catalogue import FallbackCatalogue, FallbackCopies
from serving.lists.explaining import Explainer
from serving.lists.list_maker import ListMaker
from serving.lists.request import InterestApplier
from serving.non_personalized.non_personalized_list import FallbackLists
from serving.postgres.replica import Replica
from serving.postgres.store import Store
from serving.recommendations.impressions import ImpressionQueue, Impressions
from serving.recommendations.warming import RecentRequests
from serving.redis.answers import Answers
from serving.runs.live_runs import LiveRuns, Runs
from serving.runs.vector_indexes import VectorIndexes
from serving.runtime.background import BackgroundFailures
from serving.runtime.metrics import ServingMetrics
from serving.settings import ServingSettings


@dataclass(frozen=True, slots=True)
class Container:
    """The stores, and the services that other services stand on."""

    settings: ServingSettings
    metrics: ServingMetrics
    store: Store
    answers: Answers
    runs: Runs
    recommendations: Recommendations
    live_runs: LiveRuns
    kinds: Kinds
    lists: ListMaker
    fallback: FallbackCatalogue
    fallback_lists: FallbackLists
    users: UserNumbers
    exclusion_cache: ExclusionCache
    exclusion_warmer: ExclusionWarmer
    exclusions: ExclusionLookup
    exclusion_store: Store
    access: Access
    impressions: ImpressionQueue
    replica: ReplicaReading
    recent_requests: RecentRequests
    subscription: Subscription
    failures: BackgroundFailures
    indexes: VectorIndexes


def make_container(
    store: Store,
    replica: Replica | None,
    answers: Answers,
    settings: ServingSettings,
    metrics: ServingMetrics,
) -> Container:
    """Everything shared, on these stores; nothing is read yet."""
    indexes = VectorIndexes(store)
    runs, recommendations = Runs(store), Recommendations(store, indexes)
    live_runs = LiveRuns(runs, metrics)
    lists = _list_maker(store, recommendations, settings)
    copies = FallbackCopies(answers, seconds=settings.exclusion_cache_seconds)
    subscription = Subscription()
    exclusion_cache = _exclusion_cache(store, answers, settings, subscription)
    exclusion_store, exclusions = _exclusions(exclusion_cache, settings, metrics)
    return Container(
        settings=settings,
        metrics=metrics,
        store=store,
        answers=answers,
        runs=runs,
        recommendations=recommendations,
        live_runs=live_runs,
        kinds=Kinds(runs),
        lists=lists,
        fallback=_fallback(store, live_runs, lists, copies, settings),
        fallback_lists=FallbackLists(),
        users=UserNumbers(recommendations),
        exclusion_cache=exclusion_cache,
        exclusion_warmer=ExclusionWarmer(
            excluded_items=ExcludedItems(store),
            answers=answers,
            exclusion_cache=exclusion_cache,
            recent_users=settings.exclusion_cache_recent_users,
        ),
        exclusions=exclusions,
        exclusion_store=exclusion_store,
        access=Access(ApiKeys(store), copies, seconds=settings.api_key_seconds),
        impressions=ImpressionQueue(Impressions(store), metrics, most=settings.impression_queue),
        replica=ReplicaReading(
            replica,
            primary=Primary(store),
            answers=answers,
            live_runs=live_runs,
            exclusion_cache=exclusion_cache,
            metrics=metrics,
            most_lag_seconds=settings.replica_lag_seconds,
        ),
        recent_requests=RecentRequests(settings.warmed_answers),
        subscription=subscription,
        failures=BackgroundFailures(metrics),
        indexes=indexes,
    )


def _list_maker(
    store: Store, recommendations: Recommendations, settings: ServingSettings
) -> ListMaker:
    profiles = ProfileReader(store)
    return ListMaker(
        recommendations,
        Explainer(profiles),
        InterestApplier(profiles),
        settings.blend(),
        recall_bound=settings.index_recall_bound,
        new_item_users=settings.new_item_users,
    )


def _fallback(
    store: Store,
    live_runs: LiveRuns,
    lists: ListMaker,
    copies: FallbackCopies,
    settings: ServingSettings,
) -> FallbackCatalogue:
    categories = CategoryFallback(FallbackReader(store), most=settings.fallback_category_items)
    return FallbackCatalogue(live_runs, lists, categories, copies, most=settings.fallback_items)


def _exclusion_cache(
    store: Store, answers: Answers, settings: ServingSettings, subscription: Subscription
) -> ExclusionCache:
    memory = UserMemory(
        most_users=settings.exclusion_cache_users, most_items=settings.exclusion_cache_items
    )
    redis = RedisExclusions(answers, seconds=settings.exclusion_cache_seconds)
    return ExclusionCache(memory, redis, ExclusionNotifier(store), subscription)


def _exclusions(
    exclusion_cache: ExclusionCache, settings: ServingSettings, metrics: ServingMetrics
) -> tuple[Store, ExclusionLookup]:
    def does_not_answer() -> None:
        lookup.abandon()

    store = make_exclusion_store(settings, metrics, does_not_answer)
    lookup = ExclusionLookup(
        exclusion_cache, ExcludedItems(store), seconds=settings.exclusions_patience_seconds
    )
    return store, lookup
