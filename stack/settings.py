"""Settings of the stack on one machine."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


class StackSettings(BaseSettings):
    """Read from the environment once, at the start of a command."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_", env_ignore_empty=True, extra="ignore")

    home: Path = Field(default=Path(".tandem"), description="folder of all data and logs")
    api_host: str = Field(default="127.0.0.1", description="address the API listens on")
    api_port: int = Field(default=8000, ge=1, le=65535, description="port of the API")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="port of Prefect's UI")
    postgres_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="port on 127.0.0.1 of the embedded PostgreSQL; unset: its Unix socket only",
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="PostgreSQL with pgvector to use instead of the embedded one",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="Redis to use instead of the embedded one",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO", description="the least urgent that the processes log"
    )
    started_at: float | None = Field(
        default=None,
        description="when the start began, in seconds since 1970, if before the command",
    )

    @property
    def external_database_url(self) -> str | None:
        """The given database in libpq's form, which psql takes too; None: the embedded one."""
        if self.database_url is None:
            return None
        _, separator, rest = self.database_url.get_secret_value().partition("://")
        return f"postgresql{separator}{rest}"

    @property
    def external_redis_url(self) -> str | None:
        """The given Redis; None: the embedded one."""
        return None if self.redis_url is None else self.redis_url.get_secret_value()

    @property
    def api_url(self) -> str:
        """Where this machine reaches the API."""
        host = "127.0.0.1" if self.api_host in EVERY_ADDRESS else self.api_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.api_port}"

    @property
    def prefect_url(self) -> str:
        """Prefect's UI."""
        return f"http://127.0.0.1:{self.prefect_port}"
