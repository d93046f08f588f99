"""What the serving layer can be told from outside."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.blend import NEIGHBOURS, BlendPolicy, Policy
from domain.redis_keys import VERSION_SECONDS
from serving.breaker import BreakerRules
from serving.exposure import Exposure, Openness, settled
from serving.server.settings import ClientSettings, Count, Positive, ProcessSettings
from serving.services.diagnosis.bounds import Bounds
from serving.services.lists.slots import SlotPolicy
from sql.passwords import PasswordFile, with_password

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]

LONGEST_LAG_SECONDS = VERSION_SECONDS - 20
"""Whose answers were dropped is known for `VERSION_SECONDS`, so no replica may lag longer."""


class BlendSettings(BaseSettings):
    """How the sources are blended; replay reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_", extra="ignore")

    blend_policy: Policy = "fixed"
    blend_batch_weight: Share = 0.7
    blend_sharpness: Positive = 4.0
    blend_half_life_events: Positive = 1.0
    blend_neighbours_weight: Share = Field(
        0.0,
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


class DiagnosisSettings(BaseSettings):
    """What still counts as well; the command line reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_", extra="ignore")

    index_recall_bound: Share = Field(
        0.95, description="An index that finds less of the exact answer is not used."
    )
    diagnose_run_days: Positive = Field(
        2.0, description="A served run whose cut-off is older is a problem."
    )
    diagnose_night_hours: Positive = Field(
        36.0, description="That no night has ended well for longer is a problem."
    )
    diagnose_speed_seconds: Positive = Field(
        30.0,
        description="An event that waits longer for its user's live vector is a problem, and so is"
        " a new item that waits longer for its place.",
    )
    speed_popular_seconds: Positive = Field(
        30.0, description="The speed worker's own, to know when its popular lists are late."
    )

    replica_lag_seconds: Annotated[float, Field(gt=0, le=LONGEST_LAG_SECONDS)] = Field(
        60.0, description="A read replica that lags more is not read."
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


class ResilienceSettings(BaseSettings):
    """What happens when a store is slow or away."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_", extra="ignore")

    request_budget_seconds: Positive = Field(
        1.0, description="A request that reads asks its stores no longer than this, all in all."
    )
    postgres_silence_seconds: Positive = Field(
        0.25,
        description="A request that reads waits no longer for a PostgreSQL that answers nothing at"
        " all.",
    )
    write_budget_seconds: Positive = Field(5.0, description="The same of a request that writes.")
    startup_wait_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        30.0, description="A new process waits so long for PostgreSQL before it takes requests."
    )

    postgres_connections: Count = Field(20, description="For requests that read; kept open.")
    postgres_overflow_connections: Annotated[int, Field(ge=0)] = Field(
        10, description="So many more when all of those are in use; closed again after it."
    )
    postgres_write_connections: Count = 4
    postgres_background_connections: Count = 2
    postgres_exclusion_connections: Count = Field(
        2, description="For what a user has seen, where the list itself is late."
    )
    exclusions_patience_seconds: Positive = Field(
        2.0, description="So long what a user has seen is waited for before a list is made without."
    )
    postgres_waiting: Count = Field(
        100, description="Requests of one kind that wait for a connection; others are refused."
    )
    postgres_wait_seconds: Positive = Field(
        2.0, description="What is asked beside the requests is given up after so long."
    )
    postgres_connection_seconds: Positive = Field(
        3600.0, description="A connection is renewed at about this age, give or take a tenth."
    )
    slow_statement_seconds: Positive = Field(
        0.1, description="A statement that takes longer is logged with its name."
    )
    postgres_probe_seconds: Positive = Field(
        0.5, description="How often to look whether PostgreSQL is back."
    )
    redis_timeout_seconds: Positive = 0.05
    redis_heartbeat_seconds: Positive = Field(
        0.25, description="How often to look whether Redis is there, and how long for."
    )
    redis_connections: Count = 50

    breaker_error_share: PositiveShare = 0.5
    breaker_window_seconds: Positive = 60.0
    breaker_fewest_calls: Count = 20
    breaker_errors_in_row: Count = 5
    breaker_open_seconds: Positive = 30.0
    breaker_trial_share: PositiveShare = 0.1
    breaker_trial_successes: Count = 3

    def breaker_rules(self) -> BreakerRules:
        """When a store is left alone, and when no longer."""
        return BreakerRules(
            error_share=self.breaker_error_share,
            window_seconds=self.breaker_window_seconds,
            fewest_calls=self.breaker_fewest_calls,
            errors_in_row=self.breaker_errors_in_row,
            open_seconds=self.breaker_open_seconds,
            trial_share=self.breaker_trial_share,
            trial_successes=self.breaker_trial_successes,
        )


class SlotSettings(BaseSettings):
    """What lists are where a request does not say; replay reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_", extra="ignore")

    exploration_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.05, description="Share of the places that go to new items, so that they become known."
    )
    new_item_users: Count = Field(5, description="An item that fewer users like is new.")
    diversity: Share = Field(
        0.1, description="0: the order of the blend; 1: each item as unlike the others as can be."
    )
    max_per_category: Annotated[int, Field(ge=1)] | None = Field(
        None, description="As many items of one category in a list, as long as there are others."
    )

    def slots(self) -> SlotPolicy:
        """What lists are where a request does not say."""
        return SlotPolicy(self.exploration_share, self.diversity, self.max_per_category)


class ServingSettings(
    BlendSettings,
    SlotSettings,
    DiagnosisSettings,
    ResilienceSettings,
    ProcessSettings,
    ClientSettings,
):
    """Read from the environment once, at the entry point; every name begins with TANDEM_."""

    model_config = SettingsConfigDict(
        env_prefix="TANDEM_", extra="ignore", validate_by_name=True, validate_by_alias=True
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
        description="A streaming replica of the database; whatever it is known to know is read"
        " there.",
    )
    read_database_password_file: PasswordFile = Field(
        None,
        validation_alias="READ_DATABASE_PASSWORD_FILE",
        description="A file with the password that READ_DATABASE_URL leaves out.",
    )
    replica_poll_seconds: Positive = Field(
        0.25, description="How often to look how far the replica is."
    )

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    api_key_seconds: Positive = Field(10.0, description="A revoked key works no longer than this.")

    api_docs: Openness = Field(
        "auto",
        description="Who may read /openapi.json. auto: everybody if api_host is a loopback address,"
        " else keys of the scope admin. off: there is no /docs either.",
    )
    api_metrics: Openness = Field("auto", description="Who may read /metrics, in the same words.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="What is less urgent is not logged; each request is INFO."
    )

    answer_cache_seconds: Count = 60
    search_fresh_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0,
        description="Found items are answered again from the cache for so long; while PostgreSQL is"
        " away as long as any cached answer.",
    )
    event_future_seconds: Annotated[float, Field(ge=0)] = 60.0
    live_run_poll_seconds: Positive = 1.0
    popular_refresh_seconds: Positive = 10.0
    popular_log_events: Count = 20_000
    warmed_answers: Count = Field(
        1000, description="Answers asked for lately that are made before another run is served."
    )
    warmed_per_second: Positive = Field(20.0, description="How fast each process makes them.")
    held_items: Count = Field(
        1000, description="Items of the popular list held for when PostgreSQL is away."
    )
    held_category_items: Annotated[int, Field(ge=0)] = Field(
        5000, description="Items held besides, so that there are some of each category."
    )
    remembered_users: Count = Field(
        100_000, description="Users whose exclusions each process keeps in memory."
    )
    remembered_items: Count = Field(
        5_000_000, description="The most items it keeps of all of them; each takes four bytes."
    )
    remembered_seconds: Count = Field(
        604_800, description="How long Redis keeps a user's exclusions, and the held list."
    )
    remembered_poll_seconds: Positive = 0.25
    remembered_recent_users: Count = Field(
        5_000, description="Users of the newest interactions whom a new process reads to remember."
    )
    impression_queue: Count = 10_000
    impression_flush_seconds: Positive = 0.5

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
            docs=settled(self.api_docs, self.api_host),
            metrics=settled(self.api_metrics, self.api_host),
        )
