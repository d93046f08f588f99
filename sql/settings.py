"""Where the database is."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """Read from the environment once, at an entry point."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: SecretStr = Field(
        description="PostgreSQL with pgvector, as postgresql://user:password@host/database"
    )
