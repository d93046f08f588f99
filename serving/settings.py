"""What the serving layer can be told from outside."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.blend import BlendPolicy, Policy

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class BlendSettings(BaseSettings):
    """How the two sources are blended; replay reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_", extra="ignore")

    blend_policy: Policy = "fixed"
    blend_batch_weight: Share = 0.7
    blend_sharpness: Positive = 4.0
    blend_half_life_events: Positive = 1.0

    def blend(self) -> BlendPolicy:
        """How the two sources are blended."""
        return BlendPolicy(
            policy=self.blend_policy,
            batch_weight=self.blend_batch_weight,
            sharpness=self.blend_sharpness,
            half_life_events=self.blend_half_life_events,
        )


class ServingSettings(BlendSettings):
    """Read from the environment once, at the entry point; every name begins with TANDEM_."""

    model_config = SettingsConfigDict(
        env_prefix="TANDEM_", extra="ignore", validate_by_name=True, validate_by_alias=True
    )

    database_url: SecretStr = Field(
        validation_alias="DATABASE_URL",
        description="PostgreSQL with pgvector, as postgresql://user:password@host/database",
    )
    redis_url: SecretStr = Field(
        validation_alias="REDIS_URL", description="Redis, as redis://host:6379/0 or unix:///socket"
    )

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8000
    api_workers: Count = 1
    api_shutdown_seconds: Count = 10
    api_body_bytes: Count = 5_000_000
    api_key_seconds: Positive = Field(10.0, description="A revoked key works no longer than this.")

    answer_cache_seconds: Count = 60
    event_future_seconds: Annotated[float, Field(ge=0)] = 60.0
    index_recall_bound: Share = Field(
        0.95, description="An index that finds less of the exact answer is not used."
    )
    live_run_poll_seconds: Positive = 1.0
    popular_refresh_seconds: Positive = 10.0
    popular_log_events: Count = 20_000
    impression_queue: Count = 10_000
    impression_flush_seconds: Positive = 0.5

    postgres_connections: Count = 10
    postgres_wait_seconds: Positive = 2.0
    redis_timeout_seconds: Positive = 0.05
    redis_rest_seconds: Positive = Field(
        0.5, description="After a failure Redis is left alone for so long."
    )
