"""All parts of the app, each made once of what it needs, when it is first asked for."""

from functools import cached_property

from serving.access.audit_log import AuditLog
from serving.access.key_keeping import KeyKeeping
from serving.access.user_tokens import UserTokens
from serving.administration.answer_refresh import AnswerRefresh
from serving.administration.run_keeping import RunKeeping
from serving.administration.settings_in_force import SettingsReader
from serving.answering.own_values import OwnValues
from serving.catalogue.catalogue import Catalogue
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.console.item_pages import ItemPageReader
from serving.console.night_schedule import ScheduleReader
from serving.console.prefect_api import PrefectPages
from serving.console.run_pages import RunReader
from serving.console.user_pages import UserPageReader
from serving.console.watching import Watcher
from serving.diagnosis.diagnose import Diagnoser
from serving.diagnosis.diagnosis_figures import Diagnosis
from serving.events.checking import EventChecker
from serving.events.deleting import EventUndoer
from serving.events.group_commit import GroupCommit
from serving.events.invalidation import Invalidation
from serving.events.item_numbers import ItemNumbers
from serving.events.kind_keeping import KindKeeping
from serving.events.posted_impressions import ImpressionRecorder
from serving.events.record_events import EventRecorder
from serving.events.scales import Scales
from serving.experiments.experiment_counting import ExperimentCounting
from serving.experiments.experiment_keeping import ExperimentKeeping
from serving.experiments.experiment_reading import ExperimentReading
from serving.following import Follower
from serving.freshness.canary import Canary
from serving.freshness.measured_freshness import FreshnessReader
from serving.http.routing import Services
from serving.list_parts import ListParts
from serving.loads.upload_folder import UploadFolder
from serving.loads.upload_queue import UploadQueue
from serving.operation.routes import Readiness
from serving.placements.placement_keeping import PlacementKeeping
from serving.preferences.preference_keeping import PreferenceKeeping
from serving.recommendations.many_users import ManyUsers
from serving.recommendations.placement_preview import PlacementPreview
from serving.recommendations.warming import Warmer
from serving.rule_preview.preview import RulePreviewer
from serving.runtime.background import BackgroundFailures
from serving.runtime.metrics import ServingMetrics
from serving.settings import ServingSettings
from serving.users.exporting import UserExporter
from serving.users.forgetting import UserForgetter
from serving.users.history import Histories
from serving.users.merging import UserMerger
from serving.users.user_keeping import UserKeeping


class Container(ListParts):
    """The stores, the services on them, and the work beside the requests; nothing is read yet."""

    def __init__(self, settings: ServingSettings, metrics: ServingMetrics) -> None:
        super().__init__(settings, metrics)
        self.failures = BackgroundFailures(metrics)

    @cached_property
    def services(self) -> Services:
        """What routes ask for."""
        return Services(
            self.access,
            OwnValues(self.user_profiles),
            self.item_fields,
            self.histories,
            UserExporter(self.store, page_seconds=self.settings.write_budget_seconds),
            UserTokens(
                self.tokens,
                self.revocations,
                self.console_sessions,
                seconds=self.settings.token_seconds,
            ),
            *self.account_services,
            self.limiter,
            self.limits,
            KeyKeeping(self.store, self.known_keys),
            AuditLog(self.store),
            self.budgets,
            self.settings.exposure(),
            self.recommender,
            self.placements,
            PlacementKeeping(self.store, self.placements),
            RulePreviewer(self.store, self.rule_items),
            self.many_users,
            PlacementPreview(
                store=self.store,
                placements=self.placements,
                recommender=self.recommender,
                many_users=self.many_users,
                users=self.user_profiles,
            ),
            self.non_personalized,
            self.similar,
            *self.relations,
            self.searcher,
            self.page_maker,
            self.recorder,
            ImpressionRecorder(
                self.store,
                self.item_numbers,
                self.placements,
                future_seconds=self.settings.event_future_seconds,
                kept_context=self.settings.context(),
            ),
            self.kinds,
            KindKeeping(self.store, self.kinds),
            self.undoer,
            self.watcher,
            PrefectPages(self.settings.prefect_pages()),
            RunReader(self.store),
            ScheduleReader(
                self.settings.prefect_api(),
                self.settings.prefect_pages(),
                self.settings.prefect_rest_file,
            ),
            self.forgetter,
            UserMerger(
                profiles=self.user_profiles,
                users=self.users,
                answers=self.answers,
                excluded_items=self.excluded_items,
                exclusion_cache=self.exclusion_cache,
            ),
            self.user_keeping,
            self.preference_keeping,
            self.user_page_reader,
            self.item_page_reader,
            self.experiment_keeping,
            self.experiment_reading,
            self.catalogue,
            self.events,
            Readiness(
                self.runs, self.kinds, self.redis, seconds=self.settings.request_budget_seconds
            ),
            self.diagnoser,
            self.freshness,
            RunKeeping(self.store, self.settings.database_url.get_secret_value(), self.live_runs),
            AnswerRefresh(self.store, self.users, self.answers),
            SettingsReader(self.settings),
            UploadQueue(self.store, UploadFolder(self.settings.uploads_folder), self.budgets),
        )

    @cached_property
    def experiment_keeping(self) -> ExperimentKeeping:
        return ExperimentKeeping(self.store, attribution_days=self.settings.attribution_days)

    @cached_property
    def experiment_reading(self) -> ExperimentReading:
        return ExperimentReading(self.store, self.experiment_keeping)

    @cached_property
    def experiment_counting(self) -> ExperimentCounting:
        return ExperimentCounting(
            self.store,
            self.experiment_keeping,
            self.experiment_reading,
            seconds=self.settings.write_budget_seconds,
        )

    @cached_property
    def many_users(self) -> ManyUsers:
        return ManyUsers(
            read_seconds=self.settings.request_budget_seconds,
            seconds=self.settings.many_users_seconds,
        )

    @cached_property
    def item_numbers(self) -> ItemNumbers:
        return ItemNumbers(self.store)

    @cached_property
    def recorder(self) -> EventRecorder:
        return EventRecorder(
            events=self.events,
            group_commit=self.group_commit,
            checker=self.checker,
            metrics=self.metrics,
        )

    @cached_property
    def checker(self) -> EventChecker:
        return EventChecker(
            kinds=self.kinds,
            scales=Scales(self.events),
            items=self.item_numbers,
            catalogue=self.catalogue,
            future_seconds=self.settings.event_future_seconds,
            kept_context=self.settings.context(),
        )

    @cached_property
    def invalidation(self) -> Invalidation:
        return Invalidation(self.answers, self.exclusion_cache)

    @cached_property
    def group_commit(self) -> GroupCommit:
        return GroupCommit(
            self.events,
            self.invalidation,
            self.metrics,
            most_waiting=self.settings.postgres_waiting,
        )

    @cached_property
    def undoer(self) -> EventUndoer:
        return EventUndoer(
            events=self.events,
            kinds=self.kinds,
            answers=self.answers,
            exclusion_warmer=self.exclusion_warmer,
        )

    @cached_property
    def histories(self) -> Histories:
        return Histories(self.store)

    @cached_property
    def preference_keeping(self) -> PreferenceKeeping:
        return PreferenceKeeping(self.store, self.answers)

    @cached_property
    def user_page_reader(self) -> UserPageReader:
        return UserPageReader(
            user_keeping=self.user_keeping,
            preferences=self.preference_keeping,
            histories=self.histories,
            recommendations=self.recommendations,
            users=self.users,
            live_runs=self.live_runs,
            watcher=self.watcher,
        )

    @cached_property
    def item_page_reader(self) -> ItemPageReader:
        return ItemPageReader(
            store=self.store,
            catalogue=self.catalogue,
            similar=self.similar,
            live_runs=self.live_runs,
            placements=self.placements,
        )

    @cached_property
    def watcher(self) -> Watcher:
        return Watcher(
            recommender=self.recommender,
            recorder=self.recorder,
            undoer=self.undoer,
            recommendations=self.recommendations,
            users=self.users,
            live_runs=self.live_runs,
            histories=self.histories,
            budgets=self.budgets,
        )

    @cached_property
    def catalogue(self) -> CatalogueKeeping:
        fallbacks = (self.fallback, self.fallback_lists)
        return CatalogueKeeping(Catalogue(self.store), self.answers, fallbacks)

    @cached_property
    def forgetter(self) -> UserForgetter:
        return UserForgetter(
            profiles=self.user_profiles,
            users=self.users,
            answers=self.answers,
            exclusion_cache=self.exclusion_cache,
            revocations=self.revocations,
            write_seconds=self.settings.write_budget_seconds,
        )

    @cached_property
    def user_keeping(self) -> UserKeeping:
        return UserKeeping(
            users=self.user_profiles,
            store=self.store,
            answers=self.answers,
            exclusion_cache=self.exclusion_cache,
            exclusion_warmer=self.exclusion_warmer,
        )

    @cached_property
    def diagnoser(self) -> Diagnoser:
        return Diagnoser(
            Diagnosis(self.store),
            self.redis,
            self.subscription,
            self.settings.bounds(),
            dropped=self.impressions.dropped,
            replica=self.replica_reading.figures,
            failing=self.failures.failing,
            damages=lambda: self.indexes.damages(self.live_runs.current),
            freshness=self.freshness,
        )

    @cached_property
    def freshness(self) -> FreshnessReader:
        return FreshnessReader(self.store, canary_seconds=self.settings.canary_seconds)

    @cached_property
    def canary(self) -> Canary:
        return Canary(
            self.store,
            self.tokens,
            self.live_runs,
            self.metrics,
            host=self.settings.api_host,
            port=self.settings.api_port,
            seconds=self.settings.canary_seconds,
        )

    @cached_property
    def follower(self) -> Follower:
        """Learns of promotions at once; polling makes up for missed notifications."""
        warmer = Warmer(
            self.recent_requests,
            self.runs,
            self.live_runs,
            self.recommender.prepare,
            metrics=self.metrics,
            failures=self.failures,
            per_second=self.settings.warmed_per_second,
        )
        return Follower(
            self.settings.database_url.get_secret_value(),
            self.live_runs,
            self.catalogue_changes,
            self.users,
            self.placements,
            exclusion_cache=self.exclusion_cache,
            exclusion_warmer=self.exclusion_warmer,
            subscription=self.subscription,
            warmer=warmer,
            failures=self.failures,
        )
