"""The settings of the serving layer: those of its parts, and where its stores are."""

from typing import Annotated

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from serving.access.exposure import Exposure, Openness, resolved
from serving.access.settings import TokenSettings
from serving.accounts.settings import AccountSettings
from serving.answering.kept_context import KeptContext
from serving.console.settings import PrefectSettings
from serving.diagnosis.settings import DiagnosisSettings
from serving.freshness.settings import CanarySettings
from serving.limits.settings import LimitSettings
from serving.lists.settings import BlendSettings, RerankingSettings
from serving.postgres.settings import ResilienceSettings
from serving.server.settings import ClientSettings, Count, Positive, ProcessSettings
from serving.tracing.settings import TracingSettings
from sql.environment import CONSTANT
from sql.passwords import PasswordFile, with_password
from sql.settings import AttributionSettings, KeptContextSettings, UploadSettings
from sql.shared_settings import (
    API_HOST,
    API_PORT,
    EXCLUSION_SECONDS,
    LOG_LEVEL,
    ExclusionSeconds,
    LogLevel,
)

LONGEST_CACHED_SECONDS = 86_400
"""What happened to items before is forgotten."""


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
    AttributionSettings,
    KeptContextSettings,
    TracingSettings,
    CanarySettings,
    PrefectSettings,
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
    pooled_database_url: SecretStr | None = Field(
        None,
        validation_alias="POOLED_DATABASE_URL",
        description="The same database through a connection pooler in transaction mode, for the API"
        " and the speed workers; unset: as DATABASE_URL.",
    )
    pooled_database_password_file: PasswordFile = Field(
        None,
        validation_alias="POOLED_DATABASE_PASSWORD_FILE",
        description="A file with the password that POOLED_DATABASE_URL leaves out.",
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
    experiment_seconds: Positive = Field(
        60.0, description="How often it is counted what users of experiments did."
    )

    def context(self) -> KeptContext:
        """What is kept of contexts."""
        return KeptContext(frozenset(self.kept_context))

    @model_validator(mode="after")
    def _fill_in_passwords(self) -> "ServingSettings":
        self.database_url = with_password(self.database_url, self.database_password_file)
        self.redis_url = with_password(self.redis_url, self.redis_password_file)
        if self.pooled_database_url is not None:
            self.pooled_database_url = with_password(
                self.pooled_database_url, self.pooled_database_password_file
            )
        if self.read_database_url is not None and self.read_database_url.get_secret_value():
            self.read_database_url = with_password(
                self.read_database_url, self.read_database_password_file
            )
        return self

    @property
    def transactions_url(self) -> str:
        """The address for transactions: through the pooler, if there is one."""
        return (self.pooled_database_url or self.database_url).get_secret_value()

    def exposure(self) -> Exposure:
        """Who may see the documentation and the metrics."""
        return Exposure(
            docs=resolved(self.api_docs, self.api_host),
            metrics=resolved(self.api_metrics, self.api_host),
        )
