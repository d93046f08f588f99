"""What several services share: made once, handed to each that needs it."""

from dataclasses import dataclass

from serving.metrics import ServingMetrics
from serving.repositories.answers import Answers
from serving.repositories.api_keys import ApiKeys
from serving.repositories.excluded_items import ExcludedItems
from serving.repositories.grounds import GroundsOfLists
from serving.repositories.held_catalogue import HeldCatalogue
from serving.repositories.held_copies import HeldCopies
from serving.repositories.impressions import Impressions
from serving.repositories.primary import Primary
from serving.repositories.recommendations import Recommendations
from serving.repositories.remembered import ExclusionNews, Remembered
from serving.repositories.removals import Removals
from serving.repositories.replica import Replica
from serving.repositories.runs import Runs
from serving.repositories.store import Store
from serving.repositories.vector_indexes import VectorIndexes
from serving.services.access import Access
from serving.services.background_failures import BackgroundFailures
from serving.services.impression_queue import ImpressionQueue
from serving.services.kinds import Kinds
from serving.services.lists.explaining import Explainer
from serving.services.lists.held_popular import HeldPopular
from serving.services.lists.holding import CategoryHolding
from serving.services.lists.making import ListMaker
from serving.services.lists.stating import Stating
from serving.services.live_runs import LiveRuns
from serving.services.memory.exclusion_lookup import ExclusionLookup
from serving.services.memory.hearing import Hearing
from serving.services.memory.remembered_users import RememberedUsers
from serving.services.memory.remembering import Remembering
from serving.services.memory.user_memory import UserMemory
from serving.services.replica_reading import ReplicaReading
from serving.services.shelves.held import HeldShelves
from serving.services.user_numbers import UserNumbers
from serving.services.warming import AskedLately
from serving.settings import ServingSettings
from serving.stores import make_exclusion_store


@dataclass(frozen=True, slots=True)
class Parts:
    """The stores, and the services that other services stand on."""

    settings: ServingSettings
    metrics: ServingMetrics
    store: Store
    answers: Answers
    runs: Runs
    recommendations: Recommendations
    removals: Removals
    live_runs: LiveRuns
    kinds: Kinds
    lists: ListMaker
    held: HeldPopular
    held_shelves: HeldShelves
    users: UserNumbers
    remembered: RememberedUsers
    remembering: Remembering
    exclusions: ExclusionLookup
    exclusion_store: Store
    access: Access
    impressions: ImpressionQueue
    replica: ReplicaReading
    asked: AskedLately
    hearing: Hearing
    failures: BackgroundFailures
    indexes: VectorIndexes


def make_parts(
    store: Store,
    replica: Replica | None,
    answers: Answers,
    settings: ServingSettings,
    metrics: ServingMetrics,
) -> Parts:
    """Everything shared, on these stores; nothing is read yet."""
    indexes = VectorIndexes(store)
    runs, recommendations = Runs(store), Recommendations(store, indexes)
    live_runs = LiveRuns(runs, metrics)
    lists = _list_maker(store, recommendations, settings)
    copies = HeldCopies(answers, seconds=settings.remembered_seconds)
    hearing = Hearing()
    remembered = _remembered(store, answers, settings, hearing)
    exclusion_store, exclusions = _exclusions(remembered, settings, metrics)
    return Parts(
        settings=settings,
        metrics=metrics,
        store=store,
        answers=answers,
        runs=runs,
        recommendations=recommendations,
        removals=Removals(store),
        live_runs=live_runs,
        kinds=Kinds(runs),
        lists=lists,
        held=_held(store, live_runs, lists, copies, settings),
        held_shelves=HeldShelves(),
        users=UserNumbers(recommendations),
        remembered=remembered,
        remembering=Remembering(
            excluded_items=ExcludedItems(store),
            answers=answers,
            remembered=remembered,
            recent_users=settings.remembered_recent_users,
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
            remembered=remembered,
            metrics=metrics,
            most_lag_seconds=settings.replica_lag_seconds,
        ),
        asked=AskedLately(settings.warmed_answers),
        hearing=hearing,
        failures=BackgroundFailures(metrics),
        indexes=indexes,
    )


def _list_maker(
    store: Store, recommendations: Recommendations, settings: ServingSettings
) -> ListMaker:
    grounds = GroundsOfLists(store)
    return ListMaker(
        recommendations,
        Explainer(grounds),
        Stating(grounds),
        settings.blend(),
        recall_bound=settings.index_recall_bound,
        new_item_users=settings.new_item_users,
    )


def _held(
    store: Store,
    live_runs: LiveRuns,
    lists: ListMaker,
    copies: HeldCopies,
    settings: ServingSettings,
) -> HeldPopular:
    categories = CategoryHolding(HeldCatalogue(store), most=settings.held_category_items)
    return HeldPopular(live_runs, lists, categories, copies, most=settings.held_items)


def _remembered(
    store: Store, answers: Answers, settings: ServingSettings, hearing: Hearing
) -> RememberedUsers:
    memory = UserMemory(most_users=settings.remembered_users, most_items=settings.remembered_items)
    remembered = Remembered(answers, seconds=settings.remembered_seconds)
    return RememberedUsers(memory, remembered, ExclusionNews(store), hearing)


def _exclusions(
    remembered: RememberedUsers, settings: ServingSettings, metrics: ServingMetrics
) -> tuple[Store, ExclusionLookup]:
    def does_not_answer() -> None:
        lookup.abandon()

    store = make_exclusion_store(settings, metrics, does_not_answer)
    lookup = ExclusionLookup(
        remembered, ExcludedItems(store), seconds=settings.exclusions_patience_seconds
    )
    return store, lookup
