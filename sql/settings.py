"""Where the database is, and where files lie that come in."""

from pathlib import Path

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from domain.limits import KEPT_CONTEXT
from sql.environment import LayerSettings
from sql.passwords import PasswordFile, with_password
from sql.shared_settings import (
    ATTRIBUTION_DAYS,
    HOME,
    AttributionDays,
    ContextNames,
)


class DatabaseSettings(LayerSettings):
    """Read from the environment once, at an entry point."""

    database_url: SecretStr = Field(
        description="PostgreSQL with pgvector, as postgresql://user:password@host/database;"
        " unset: tandem up starts one"
    )
    database_password_file: PasswordFile = Field(
        None, description="a file with the password that DATABASE_URL leaves out"
    )

    @model_validator(mode="after")
    def _fill_in(self) -> "DatabaseSettings":
        self.database_url = with_password(self.database_url, self.database_password_file)
        return self


class PooledDatabaseSettings(DatabaseSettings):
    """The same for processes of which there may be many."""

    pooled_database_url: SecretStr | None = Field(
        None,
        description="the same database through a connection pooler in transaction mode, for the API"
        " and the speed workers; unset: as DATABASE_URL",
    )
    pooled_database_password_file: PasswordFile = Field(
        None, description="a file with the password that POOLED_DATABASE_URL leaves out"
    )

    @model_validator(mode="after")
    def _fill_in_pooled(self) -> "PooledDatabaseSettings":
        if self.pooled_database_url is not None:
            self.pooled_database_url = with_password(
                self.pooled_database_url, self.pooled_database_password_file
            )
        return self

    @property
    def transactions_url(self) -> str:
        """The address for transactions: through the pooler, if there is one."""
        return (self.pooled_database_url or self.database_url).get_secret_value()

    @property
    def is_pooled(self) -> bool:
        """Whether that address leads to a pooler."""
        return self.pooled_database_url is not None


class OwnerSettings(DatabaseSettings):
    """The same for whoever migrates."""

    database_owner_url: SecretStr | None = Field(
        None,
        description="the same database as the role that owns its tables and migrates;"
        " unset: as DATABASE_URL",
    )
    database_owner_password_file: PasswordFile = Field(
        None, description="a file with the password that DATABASE_OWNER_URL leaves out"
    )
    database_analyst_url: SecretStr | None = Field(
        None,
        description="the same database as the role analyst, for tandem psql; migrating sets its"
        " password",
    )
    database_analyst_password_file: PasswordFile = Field(
        None, description="a file with the password that DATABASE_ANALYST_URL leaves out"
    )

    @model_validator(mode="after")
    def _fill_in_others(self) -> "OwnerSettings":
        if self.database_owner_url is not None:
            self.database_owner_url = with_password(
                self.database_owner_url, self.database_owner_password_file
            )
        if self.database_analyst_url is not None:
            self.database_analyst_url = with_password(
                self.database_analyst_url, self.database_analyst_password_file
            )
        return self

    @property
    def owner_url(self) -> str:
        """The address to migrate through."""
        return (self.database_owner_url or self.database_url).get_secret_value()

    @property
    def logins(self) -> list[str]:
        """Addresses of others than the owner."""
        others = (self.database_url, self.database_analyst_url)
        given = [url.get_secret_value() for url in others if url is not None]
        return [url for url in given if url != self.owner_url]


class AttributionSettings(LayerSettings):
    """How long a list has effects: nights count by it, and experiments compare by it."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    attribution_days: AttributionDays = Field(
        ATTRIBUTION_DAYS,
        description="days after a list in which what its user does counts for it, in the views of"
        " analytics (but for explored_items: always 7) and in experiments that say nothing else",
    )


class KeptContextSettings(LayerSettings):
    """What is kept of contexts: the API and whoever loads files have one list."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    kept_context: ContextNames = Field(
        KEPT_CONTEXT,
        description="names of contexts that are kept with impressions and events, separated by"
        " commas, 20 at the most; the API and whoever loads files have the same. What is said under"
        " others picks variants and rules and is not kept. Unset: device, daypart, language",
    )


class UploadSettings(LayerSettings):
    """The folder that the API and the loading worker share."""

    home: Path = Field(
        HOME, validation_alias="TANDEM_HOME", description="folder of all data and logs"
    )
    uploads: Path | None = Field(
        None,
        validation_alias="TANDEM_UPLOADS",
        description="folder of files that were uploaded and wait to be loaded; the API and the"
        " loading worker share it. Unset: the folder uploads in TANDEM_HOME",
    )

    @property
    def uploads_folder(self) -> Path:
        """The folder, absolute."""
        return (self.uploads or self.home / "uploads").absolute()
