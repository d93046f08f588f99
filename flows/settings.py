"""Settings of the flows themselves."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sql.environment import LayerSettings
from sql.shared_settings import API_HOST, API_PORT, HOME


class HousekeepingSettings(LayerSettings):
    """How long what is not needed for ever is kept."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_HOUSEKEEPING_")

    prefect_days: float = Field(
        30.0, ge=1, description="days after their end flow runs are kept, with logs and artifacts"
    )
    impression_days: int = Field(
        180,
        ge=8,
        description="days impressions are kept, and counts by context; after that impressions are"
        " counts by day",
    )
    audit_days: int = Field(400, ge=30, description="days entries of the audit log are kept")
    reject_days: int = Field(
        30,
        ge=1,
        description="days messages of Kafka that could not be recorded are kept, and rows of files"
        " in the reports of loads over HTTP",
    )


class DiagnoseSettings(LayerSettings):
    """Where the flow `diagnose` finds the API, and the key to ask it with."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_DIAGNOSE_")

    api_url: str | None = Field(
        None,
        description="the API that the flow `diagnose` asks, such as http://api:8000; unset: the one"
        " of this machine",
    )
    api_host: str = Field(API_HOST, validation_alias="TANDEM_API_HOST")
    api_port: int = Field(API_PORT, validation_alias="TANDEM_API_PORT")
    home: Path = Field(HOME, validation_alias="TANDEM_HOME")
