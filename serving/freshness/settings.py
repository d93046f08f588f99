"""The setting of the canary."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sql.environment import LayerSettings


class CanarySettings(LayerSettings):
    """How often freshness is measured."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    canary_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        0.0,
        description="How often a canary posts an event and reads the list that follows, to measure"
        " how soon it does; 60 is usual, and what `tandem up` sets. It needs"
        " TANDEM_SIGNING_KEYS_FILE. 0: never.",
    )
