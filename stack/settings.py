"""Settings of the stack on one machine."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from sql.environment import LayerSettings
from sql.passwords import PasswordFile, with_password
from sql.shared_settings import API_HOST, API_PORT, HOME, LOG_LEVEL, LogLevel
from stack.database_addresses import DatabaseAddresses

EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


class StackSettings(LayerSettings):
    """Read from the environment once, at the start of a command."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    home: Path = Field(default=HOME, description="folder of all data and logs")
    api_host: str = Field(default=API_HOST, description="address the API listens on")
    api_port: int = Field(default=API_PORT, ge=1, le=65535, description="port of the API")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="port of Prefect's UI")
    prefect: Literal["always", "when_needed"] = Field(
        default="always",
        description="whether Prefect's server and worker run all the time, or only while a run is"
        " due or somebody asks; always takes some 250 MiB more",
    )
    prefect_ahead_seconds: float = Field(
        default=300.0,
        ge=5,
        le=3600,
        description="with when_needed: how long before a run is due Prefect is started",
    )
    prefect_idle_seconds: float = Field(
        default=600.0,
        ge=5,
        le=86_400,
        description="with when_needed: how long after the last request Prefect is stopped",
    )
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
    database_password_file: PasswordFile = Field(
        default=None, validation_alias="DATABASE_PASSWORD_FILE", description="its password"
    )
    owner_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_OWNER_URL",
        description="the same database as the role that migrates; unset: as DATABASE_URL",
    )
    owner_password_file: PasswordFile = Field(
        default=None, validation_alias="DATABASE_OWNER_PASSWORD_FILE", description="its password"
    )
    analyst_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_ANALYST_URL",
        description="the same database as the role analyst, for tandem psql",
    )
    analyst_password_file: PasswordFile = Field(
        default=None, validation_alias="DATABASE_ANALYST_PASSWORD_FILE", description="its password"
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="Redis to use instead of the embedded one",
    )
    redis_password_file: PasswordFile = Field(
        default=None, validation_alias="REDIS_PASSWORD_FILE", description="its password"
    )
    log_level: LogLevel = Field(
        default=LOG_LEVEL,
        description="DEBUG, INFO, WARNING, ERROR or CRITICAL: nothing less urgent is logged",
    )
    started_at: float | None = Field(
        default=None,
        description="when the start began, in seconds since 1970, if before the command",
    )

    @model_validator(mode="after")
    def _fill_in(self) -> "StackSettings":
        """Put the passwords that lie in files into the addresses."""
        for address, file in (
            ("database_url", self.database_password_file),
            ("owner_url", self.owner_password_file),
            ("analyst_url", self.analyst_password_file),
            ("redis_url", self.redis_password_file),
        ):
            if (address_given := getattr(self, address)) is not None:
                setattr(self, address, with_password(address_given, file))
        return self

    @property
    def external_database_url(self) -> str | None:
        """The given database in libpq's form, which psql takes too; None: the embedded one."""
        return _libpq_url(self.database_url)

    @property
    def external_database(self) -> DatabaseAddresses | None:
        """The same for each role that is known; None: the embedded one."""
        app = self.external_database_url
        if app is None:
            return None
        owner, analyst = _libpq_url(self.owner_url), _libpq_url(self.analyst_url)
        return DatabaseAddresses(app, owner or app, analyst)

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


def _libpq_url(address: SecretStr | None) -> str | None:
    if address is None:
        return None
    _, separator, rest = address.get_secret_value().partition("://")
    return f"postgresql{separator}{rest}"
