"""The client of Tandem's API: `Tandem`, and `AsyncTandem` to be awaited; docs/python.md shows both.

It needs httpx and nothing else of Tandem. `models`, `sync_calls` and `async_calls` are made of the
description of the API.
"""

from tandem_client.client import AsyncTandem, Tandem
from tandem_client.errors import (
    ConflictError,
    Fault,
    FaultyInputError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    TandemError,
    UnauthenticatedError,
    UnavailableError,
)

__all__ = [
    "AsyncTandem",
    "ConflictError",
    "Fault",
    "FaultyInputError",
    "ForbiddenError",
    "NotFoundError",
    "RateLimitedError",
    "Tandem",
    "TandemError",
    "UnauthenticatedError",
    "UnavailableError",
]
