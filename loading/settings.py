"""Settings of the worker that loads what was uploaded."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from domain.limits import KEPT_CONTEXT
from sql.environment import CONSTANT
from sql.settings import DatabaseSettings, UploadSettings
from sql.shared_settings import LOG_LEVEL, ContextNames, LogLevel


class LoadingSettings(UploadSettings, DatabaseSettings):
    """Read from the environment once, when the worker starts."""

    model_config = SettingsConfigDict(env_prefix="", validate_by_name=True, validate_by_alias=True)

    poll_seconds: Annotated[float, CONSTANT] = Field(
        1.0, gt=0, description="how often the worker looks whether there is something to load"
    )
    kept_context: ContextNames = Field(KEPT_CONTEXT, validation_alias="TANDEM_KEPT_CONTEXT")
    log_level: LogLevel = Field(
        LOG_LEVEL,
        validation_alias="TANDEM_LOG_LEVEL",
        description="the least urgent that is logged",
    )
