"""Settings of the speed worker."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SpeedSettings(BaseSettings):
    """Read from the environment once, when the worker starts."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_SPEED_", extra="ignore")

    poll_seconds: float = Field(
        0.25,
        gt=0,
        le=60,
        description="how long the worker waits for a wake-up before it looks itself",
    )
    events_per_pass: int = Field(
        20_000, ge=1, description="how many positions of the log one pass moves on at the most"
    )
    items_per_pass: int = Field(
        100,
        ge=1,
        le=10_000,
        description="how many items one pass places at the most, before users are folded in again",
    )
    shards_per_pass: int = Field(
        8,
        ge=1,
        le=8,
        description="how many of the 8 shards of users one pass takes; 4 for two workers",
    )
    standby_seconds: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="how often retained runs are brought up to date, for a quick rollback",
    )
    popular_seconds: float = Field(
        30.0,
        gt=0,
        le=86_400,
        description="how often popular lists are made anew at the most, if there are new events;"
        " never more than a twentieth of the time",
    )
    metrics_port: int | None = Field(
        None, description="port for Prometheus on 127.0.0.1; none by default"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", validation_alias="TANDEM_LOG_LEVEL", description="the least urgent that is logged"
    )


class RedisSettings(BaseSettings):
    """Where Redis is."""

    model_config = SettingsConfigDict(extra="ignore")

    redis_url: str = Field(description="Redis, as redis://host:port/0 or unix:///path/redis.sock")
