"""The settings of `tandem diagnose` and of what the API says of itself."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from domain.redis_keys import VERSION_SECONDS
from serving.diagnosis.finding import Bounds
from serving.server.settings import Positive, Share
from sql.environment import LayerSettings
from sql.shared_settings import POPULAR_SECONDS, PopularSeconds

# Where a policy has a default, the setting takes it from there.
_BOUNDS = Bounds()

LONGEST_LAG_SECONDS = VERSION_SECONDS - 20
"""Whose answers were dropped is known for `VERSION_SECONDS`, so no replica may lag longer."""


class DiagnosisSettings(LayerSettings):
    """What still counts as well; the command line reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    index_recall_bound: Share = Field(
        _BOUNDS.index_recall,
        description="An index that finds less of the exact answer is not used.",
    )
    diagnose_run_days: Positive = Field(
        _BOUNDS.oldest_run / timedelta(days=1),
        description="A served run whose cut-off is older is a problem.",
    )
    diagnose_night_hours: Positive = Field(
        _BOUNDS.longest_day / timedelta(hours=1),
        description="That no night has ended well for longer is a problem.",
    )
    diagnose_speed_seconds: Positive = Field(
        _BOUNDS.longest_wait.total_seconds(),
        description="An event that waits longer for its user's live vector is a problem, and so is"
        " a new item that waits longer for its embedding.",
    )
    speed_popular_seconds: PopularSeconds = Field(
        POPULAR_SECONDS,
        description="The speed worker leaves popular lists alone for so long after it made them.",
    )

    replica_lag_seconds: Annotated[float, Field(gt=0, le=LONGEST_LAG_SECONDS)] = Field(
        _BOUNDS.longest_lag.total_seconds(),
        description="A read replica that lags more is not read.",
    )

    def bounds(self) -> Bounds:
        """What still counts as well; the night's own settings are not known here."""
        return Bounds(
            oldest_run=timedelta(days=self.diagnose_run_days),
            longest_day=timedelta(hours=self.diagnose_night_hours),
            longest_wait=timedelta(seconds=self.diagnose_speed_seconds),
            popular_rest=timedelta(seconds=self.speed_popular_seconds),
            index_recall=self.index_recall_bound,
            longest_lag=timedelta(seconds=self.replica_lag_seconds),
        )
