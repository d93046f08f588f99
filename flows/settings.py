"""Settings of the flows themselves."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class HousekeepingSettings(BaseSettings):
    """How long what is not needed for ever is kept."""

    model_config = SettingsConfigDict(
        env_prefix="TANDEM_HOUSEKEEPING_", env_ignore_empty=True, extra="ignore"
    )

    prefect_days: float = Field(
        30.0, ge=1, description="days after their end flow runs are kept, with logs and artifacts"
    )
    impression_days: int = Field(
        180, ge=8, description="days impressions are kept; after that they are counts by day"
    )
    batch_impressions: int = Field(
        10_000, ge=1, description="about how many impressions one transaction clears away"
    )
