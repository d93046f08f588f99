"""Settings that two layers read; each default stands here once."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from domain.limits import CONTEXT_NAME, MOST_CONTEXT

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


def comma_separated(given: object) -> object:
    """The parts of a text that are separated by commas."""
    if not isinstance(given, str):
        return given
    return tuple(part.strip() for part in given.split(",") if part.strip())


def _checked_names(given: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [name for name in given if not re.fullmatch(CONTEXT_NAME, name, re.ASCII)]
    if wrong or len(given) > MOST_CONTEXT:
        raise ValueError(
            f"{', '.join(wrong) or f'There are more than {MOST_CONTEXT} names'}: give up to"
            f" {MOST_CONTEXT} names in lower case, separated by commas, as device,daypart"
        )
    return given


ContextNames = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(comma_separated), AfterValidator(_checked_names)
]

API_HOST = "127.0.0.1"
API_PORT = 8000

HOME = Path(".tandem")
