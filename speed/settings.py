"""Settings of the speed worker."""

from typing import Annotated

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from sql.environment import CONSTANT, LayerSettings
from sql.passwords import PasswordFile, with_password
from sql.shared_settings import (
    EXCLUSION_SECONDS,
    LOG_LEVEL,
    POPULAR_SECONDS,
    ExclusionSeconds,
    LogLevel,
    PopularSeconds,
)


class SpeedSettings(LayerSettings):
    """Read from the environment once, when the worker starts."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_SPEED_")

    poll_seconds: Annotated[float, CONSTANT] = Field(
        0.25,
        gt=0,
        le=60,
        description="how long the worker waits for a wake-up before it looks itself",
    )
    events_per_pass: Annotated[int, CONSTANT] = Field(
        20_000, ge=1, description="how many positions of the log one pass moves on at the most"
    )
    items_per_pass: Annotated[int, CONSTANT] = Field(
        2_000,
        ge=1,
        le=10_000,
        description="how many items one pass embeds at the most, before users are folded in again;"
        " fewer where they take long",
    )
    shards_per_pass: int = Field(
        8,
        ge=1,
        le=8,
        description="how many of the 8 shards of users one pass takes; 4 for two workers",
    )
    retained_seconds: Annotated[float, CONSTANT] = Field(
        5.0,
        gt=0,
        le=3600,
        description="how often retained runs are brought up to date, for a quick rollback",
    )
    popular_seconds: PopularSeconds = Field(
        POPULAR_SECONDS,
        description="how often popular lists are made anew at the most, if there are new events;"
        " never more than a twentieth of the time",
    )
    transitions_seconds: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="how often it is learned at the most what has followed what since the night, if"
        " there are new events; never more than a twentieth of the time; 0: not at all",
    )
    exclusion_cache_seconds: ExclusionSeconds = Field(
        EXCLUSION_SECONDS,
        validation_alias="TANDEM_EXCLUSION_CACHE_SECONDS",
        description="how long Redis keeps a user's exclusions; serving's own, too",
    )
    metrics_port: int | None = Field(None, description="port for Prometheus; none by default")
    metrics_host: str = Field("127.0.0.1", description="the address that port is on")
    log_level: LogLevel = Field(
        LOG_LEVEL,
        validation_alias="TANDEM_LOG_LEVEL",
        description="the least urgent that is logged",
    )


class RedisSettings(LayerSettings):
    """Where Redis is."""

    redis_url: SecretStr = Field(
        description="Redis, as redis://host:port/0 or unix:///path/redis.sock;"
        " unset: tandem up starts one"
    )
    redis_password_file: PasswordFile = Field(
        None, description="a file with the password that REDIS_URL leaves out"
    )

    @model_validator(mode="after")
    def _fill_in(self) -> "RedisSettings":
        self.redis_url = with_password(self.redis_url, self.redis_password_file)
        return self
