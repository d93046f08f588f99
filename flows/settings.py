"""Settings of the flows themselves."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sql.environment import LayerSettings


class HousekeepingSettings(LayerSettings):
    """How long what is not needed for ever is kept."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_HOUSEKEEPING_")

    prefect_days: float = Field(
        30.0, ge=1, description="days after their end flow runs are kept, with logs and artifacts"
    )
    impression_days: int = Field(
        180, ge=8, description="days impressions are kept; after that they are counts by day"
    )
    audit_days: int = Field(400, ge=30, description="days entries of the audit log are kept")
