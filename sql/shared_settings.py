"""Settings that two layers read; each default stands here once."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOG_LEVEL: LogLevel = "INFO"

PopularSeconds = Annotated[float, Field(gt=0, le=86_400)]
POPULAR_SECONDS = 30.0
"""How long the speed worker leaves popular lists alone; serving tells by it when they are late."""

ExclusionSeconds = Annotated[int, Field(ge=1)]
EXCLUSION_SECONDS = 604_800
"""How long Redis keeps a user's exclusions, whichever layer writes them."""

AttributionDays = Annotated[int, Field(ge=1, le=90)]
ATTRIBUTION_DAYS = 7
"""How long what a user does counts for a list that the user was given."""

API_HOST = "127.0.0.1"
API_PORT = 8000

HOME = Path(".tandem")
