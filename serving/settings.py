"""The settings of the serving layer."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from domain.blend import NEIGHBOURS, BlendPolicy, Policy
from domain.redis_keys import VERSION_SECONDS
from serving.access.exposure import Exposure, Openness, resolved
from serving.access.settings import TokenSettings
from serving.accounts.settings import AccountSettings
from serving.diagnosis.finding import Bounds
from serving.limits.settings import LimitSettings
from serving.lists.list_builder import RerankingPolicy
from serving.lists.request import MOST_NOT_AGAIN_DAYS
from serving.postgres.store import StoreLimits
from serving.runtime.breaker import BreakerRules
from serving.server.settings import ClientSettings, Count, Positive, ProcessSettings
from serving.tracing.settings import TracingSettings
from sql.environment import CONSTANT, LayerSettings
from sql.passwords import PasswordFile, with_password
from sql.settings import UploadSettings
from sql.shared_settings import (
    API_HOST,
    API_PORT,
    EXCLUSION_SECONDS,
    LOG_LEVEL,
    POPULAR_SECONDS,
    ExclusionSeconds,
    LogLevel,
    PopularSeconds,
)

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]

# Where a policy has a default, the setting takes it from there.
_BLEND = BlendPolicy()
_BOUNDS = Bounds()
_BREAKER = BreakerRules()
_RERANKING = RerankingPolicy()
_STORE = StoreLimits()

LONGEST_LAG_SECONDS = VERSION_SECONDS - 20
"""Whose answers were dropped is known for `VERSION_SECONDS`, so no replica may lag longer."""


LONGEST_CACHED_SECONDS = 86_400
"""What happened to items before is forgotten."""


class BlendSettings(LayerSettings):
    """How the sources are blended; replay reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    blend_policy: Policy = Field(
        _BLEND.policy,
        description="fixed: the weights stay; adaptive: the batch weight falls with each event;"
        " learned: as the night found best.",
    )
    blend_batch_weight: Share = Field(
        _BLEND.batch_weight,
        description="The batch list's weight; the speed layer has the rest, 0.3 by default.",
    )
    blend_sharpness: Positive = Field(
        _BLEND.sharpness,
        description="The power that scaled scores are raised to; 1 leaves them as they are.",
    )
    blend_half_life_events: Positive = Field(
        _BLEND.half_life_events,
        description="adaptive: events since the cut-off that halve the batch weight.",
    )
    blend_neighbours_weight: Share = Field(
        _BLEND.more[NEIGHBOURS],
        description="Weight of what the users most like this one like, where batch and speed weigh"
        " 1 together. 0: they are not looked for.",
    )

    def blend(self) -> BlendPolicy:
        """How the sources are blended."""
        return BlendPolicy(
            policy=self.blend_policy,
            batch_weight=self.blend_batch_weight,
            sharpness=self.blend_sharpness,
            half_life_events=self.blend_half_life_events,
            more={NEIGHBOURS: self.blend_neighbours_weight},
        )


class DiagnosisSettings(LayerSettings):
    """What still counts as well; the command line reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    index_recall_bound: Share = Field(
        _BOUNDS.index_recall,
        description="An index that finds less of the exact answer is not used.",
    )
    diagnose_run_days: Positive = Field(
        _BOUNDS.oldest_run / timedelta(days=1),
        description="A served run whose cut-off is older is a problem.",
    )
    diagnose_night_hours: Positive = Field(
        _BOUNDS.longest_day / timedelta(hours=1),
        description="That no night has ended well for longer is a problem.",
    )
    diagnose_speed_seconds: Positive = Field(
        _BOUNDS.longest_wait.total_seconds(),
        description="An event that waits longer for its user's live vector is a problem, and so is"
        " a new item that waits longer for its embedding.",
    )
    speed_popular_seconds: PopularSeconds = Field(
        POPULAR_SECONDS,
        description="The speed worker leaves popular lists alone for so long after it made them.",
    )

    replica_lag_seconds: Annotated[float, Field(gt=0, le=LONGEST_LAG_SECONDS)] = Field(
        _BOUNDS.longest_lag.total_seconds(),
        description="A read replica that lags more is not read.",
    )

    def bounds(self) -> Bounds:
        """What still counts as well; the night's own settings are not known here."""
        return Bounds(
            oldest_run=timedelta(days=self.diagnose_run_days),
            longest_day=timedelta(hours=self.diagnose_night_hours),
            longest_wait=timedelta(seconds=self.diagnose_speed_seconds),
            popular_rest=timedelta(seconds=self.speed_popular_seconds),
            index_recall=self.index_recall_bound,
            longest_lag=timedelta(seconds=self.replica_lag_seconds),
        )


class ResilienceSettings(LayerSettings):
    """What happens when a store is slow or away."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    request_budget_seconds: Positive = Field(
        _STORE.read_seconds,
        description="A request that reads asks its stores no longer than this, all in all.",
    )
    many_users_seconds: Positive = Field(
        30.0,
        description="Lists for many users in one request are made for no longer than this; those"
        " without one by then are told to ask again.",
    )
    postgres_silence_seconds: Positive = Field(
        0.25,
        description="A request that reads waits no longer for a PostgreSQL that answers nothing at"
        " all.",
    )
    write_budget_seconds: Positive = Field(
        _STORE.write_seconds,
        description="A request that writes asks its stores no longer than this.",
    )
    startup_wait_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        30.0, description="A new process waits so long for PostgreSQL before it takes requests."
    )

    postgres_connections: Count = Field(
        _STORE.connections, description="Connections for requests that read; kept open."
    )
    postgres_overflow_connections: Annotated[int, Field(ge=0)] = Field(
        10, description="So many more when all of those are in use; closed again after it."
    )
    postgres_write_connections: Count = Field(
        _STORE.write_connections, description="Connections for requests that write."
    )
    postgres_background_connections: Count = Field(
        _STORE.background_connections, description="Connections for work beside the requests."
    )
    postgres_exclusion_connections: Annotated[Count, CONSTANT] = Field(
        2, description="For what a user has seen, where the list itself is late."
    )
    exclusions_patience_seconds: Positive = Field(
        2.0,
        description="A list waits so long for what its user has seen before it is made without.",
    )
    postgres_waiting: Count = Field(
        _STORE.waiting,
        description="Requests of one kind that wait for a connection; others are refused.",
    )
    postgres_wait_seconds: Annotated[Positive, CONSTANT] = Field(
        _STORE.wait_seconds,
        description="What is asked beside the requests is given up after so long.",
    )
    postgres_connection_seconds: Positive = Field(
        _STORE.connection_seconds,
        description="A connection is renewed at about this age, give or take a tenth.",
    )
    slow_statement_seconds: Positive = Field(
        _STORE.slow_statement_seconds,
        description="A statement that takes longer is logged with its name.",
    )
    postgres_probe_seconds: Annotated[Positive, CONSTANT] = Field(
        0.5, description="How often to look whether PostgreSQL is back."
    )
    redis_timeout_seconds: Positive = Field(
        0.05, description="A request waits no longer for Redis."
    )
    redis_heartbeat_seconds: Annotated[Positive, CONSTANT] = Field(
        0.25, description="How often to look whether Redis is there, and how long for."
    )

    breaker_error_share: PositiveShare = Field(
        _BREAKER.error_share,
        description="A store is left alone when this share of its calls within a minute failed.",
    )
    breaker_errors_in_row: Count = Field(
        _BREAKER.errors_in_row,
        description="A store is also left alone after so many failures in a row.",
    )
    breaker_open_seconds: Positive = Field(
        _BREAKER.open_seconds,
        description="It is left alone for so long, unless a probe finds it back before.",
    )

    def breaker_rules(self) -> BreakerRules:
        """When a store is left alone, and when no longer."""
        return BreakerRules(
            error_share=self.breaker_error_share,
            errors_in_row=self.breaker_errors_in_row,
            open_seconds=self.breaker_open_seconds,
        )


class RerankingSettings(LayerSettings):
    """What lists are where a request does not say; replay reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    exploration_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        _RERANKING.explore,
        description="The share of a list that goes to new items, so that they become known.",
    )
    new_item_users: Count = Field(5, description="An item liked by fewer users is new.")
    diversity: Share = Field(
        _RERANKING.diversity,
        description="0: the order of the blended scores; 1: items as unlike each other as can be.",
    )
    max_per_category: Annotated[int, Field(ge=1)] | None = Field(
        _RERANKING.max_per_category,
        description="The most items of one category in a list, as long as others are eligible.",
    )
    not_again_hours: Annotated[float, Field(ge=0, le=24 * MOST_NOT_AGAIN_DAYS)] = Field(
        0.0,
        description="What was shown to a user within so many hours and not used gives way to other"
        " items. 0: it does not.",
    )

    def reranking(self) -> RerankingPolicy:
        """What lists are where a request does not say."""
        return RerankingPolicy(
            self.exploration_share,
            self.diversity,
            self.max_per_category,
            self.not_again_hours * 3600,
        )


class ServingSettings(
    BlendSettings,
    RerankingSettings,
    DiagnosisSettings,
    ResilienceSettings,
    ProcessSettings,
    ClientSettings,
    TokenSettings,
    AccountSettings,
    LimitSettings,
    UploadSettings,
    TracingSettings,
):
    """Read from the environment once, at the entry point; every name begins with TANDEM_."""

    model_config = SettingsConfigDict(
        env_prefix="TANDEM_", validate_by_name=True, validate_by_alias=True
    )

    database_url: SecretStr = Field(
        validation_alias="DATABASE_URL",
        description="PostgreSQL with pgvector, as postgresql://user:password@host/database",
    )
    database_password_file: PasswordFile = Field(
        None,
        validation_alias="DATABASE_PASSWORD_FILE",
        description="A file with the password that DATABASE_URL leaves out.",
    )
    redis_url: SecretStr = Field(
        validation_alias="REDIS_URL", description="Redis, as redis://host:6379/0 or unix:///socket"
    )
    redis_password_file: PasswordFile = Field(
        None,
        validation_alias="REDIS_PASSWORD_FILE",
        description="A file with the password that REDIS_URL leaves out.",
    )

    read_database_url: SecretStr | None = Field(
        None,
        validation_alias="READ_DATABASE_URL",
        description="A streaming replica of the database; requests read from it where it is"
        " current.",
    )
    read_database_password_file: PasswordFile = Field(
        None,
        validation_alias="READ_DATABASE_PASSWORD_FILE",
        description="A file with the password that READ_DATABASE_URL leaves out.",
    )
    replica_poll_seconds: Annotated[Positive, CONSTANT] = Field(
        0.25, description="How often to look how far the replica is."
    )

    api_host: str = Field(API_HOST, description="The address the API listens on.")
    api_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        API_PORT, description="The port of the API; 0: any."
    )
    api_key_seconds: Positive = Field(10.0, description="A revoked key works no longer than this.")

    api_docs: Openness = Field(
        "auto",
        description="Who may read /openapi.json. auto: everybody if api_host is a loopback address,"
        " else keys of the scope admin. off: there is no /docs either.",
    )
    api_metrics: Openness = Field("auto", description="Who may read /metrics, in the same words.")
    log_level: LogLevel = Field(
        LOG_LEVEL, description="What is less urgent is not logged; each request is INFO."
    )

    answer_cache_seconds: Annotated[int, Field(ge=1, le=LONGEST_CACHED_SECONDS)] = Field(
        3_600, description="A list is given again from Redis for so long, if nothing changed it."
    )
    answer_entry_seconds: Positive = Field(
        60.0,
        description="For so long only, if items came in, were published or changed, or the list"
        " shows what is popular.",
    )
    search_fresh_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0,
        description="A search is answered from the cache for so long; while PostgreSQL is away, as"
        " long as any other answer.",
    )
    event_future_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0, description="An event is refused if its time is further ahead: clocks differ."
    )
    live_run_poll_seconds: Annotated[Positive, CONSTANT] = 1.0
    popular_refresh_seconds: Positive = Field(
        10.0, description="How often each process reads popular lists and event kinds anew."
    )
    warmed_answers: Count = Field(
        1000, description="Answers asked for lately that are made before another run is served."
    )
    warmed_per_second: Positive = Field(
        20.0, description="How many such answers each process makes a second."
    )
    fallback_items: Count = Field(
        1000, description="Items of the popular list in the fallback, for when PostgreSQL is away."
    )
    fallback_category_items: Annotated[int, Field(ge=0)] = Field(
        5000, description="Further items of the fallback, so that there are some of each category."
    )
    exclusion_cache_users: Count = Field(
        100_000, description="Users whose exclusions each process keeps in memory."
    )
    exclusion_cache_items: Count = Field(
        5_000_000,
        description="Excluded items of all these users at the most; each takes four bytes.",
    )
    exclusion_cache_seconds: ExclusionSeconds = Field(
        EXCLUSION_SECONDS,
        description="How long Redis keeps a user's exclusions, and a copy of the fallback.",
    )
    exclusion_cache_poll_seconds: Annotated[Positive, CONSTANT] = 0.25
    exclusion_cache_recent_users: Count = Field(
        5_000,
        description="Users of the newest interactions whom a new process reads into its cache.",
    )
    impression_queue: Count = Field(
        10_000, description="Impressions that wait to be written; more are dropped and counted."
    )
    impression_flush_seconds: Positive = Field(
        0.5, description="How often waiting impressions are written."
    )

    @model_validator(mode="after")
    def _fill_in_passwords(self) -> "ServingSettings":
        self.database_url = with_password(self.database_url, self.database_password_file)
        self.redis_url = with_password(self.redis_url, self.redis_password_file)
        if self.read_database_url is not None and self.read_database_url.get_secret_value():
            self.read_database_url = with_password(
                self.read_database_url, self.read_database_password_file
            )
        return self

    def exposure(self) -> Exposure:
        """Who may see the documentation and the metrics."""
        return Exposure(
            docs=resolved(self.api_docs, self.api_host),
            metrics=resolved(self.api_metrics, self.api_host),
        )
