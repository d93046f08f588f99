"""The first sight of PostgreSQL, which a new process waits for before it takes requests."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from domain.errors import StoreUnavailableError
from serving.budget import Budget, spending
from serving.services.background_failures import BackgroundFailures

_WORK = "first_sight"
log = structlog.get_logger()

_PAUSE_SECONDS = 0.25
_CONTENT_AFTER_SECONDS = 3.0
"""A restart of PostgreSQL is worth waiting for even if there is a copy to answer with."""


async def first_sight(
    looks: Iterable[Callable[[], Awaitable[None]]],
    can_answer: Callable[[], bool],
    failures: BackgroundFailures,
    *,
    seconds: float,
    look_seconds: float,
) -> bool:
    """Return when all looks succeed, or when the time is up; whether they did.

    They are taken again beside requests. After some seconds it is enough that requests can be
    answered from a copy. A look that fails though PostgreSQL answers is told to `failures`.
    """
    looks, began_at, told = tuple(looks), time.monotonic(), False
    while (error := await _looked(looks, look_seconds)) is not None:
        away = isinstance(error, StoreUnavailableError)
        if not away:
            failures.failed(_WORK, error)
        waited = time.monotonic() - began_at
        if waited >= seconds or (waited >= _CONTENT_AFTER_SECONDS and can_answer()):
            log.warning("started_without_postgres" if away else "started_blind", error=str(error))
            break
        if away and not told:
            log.warning("waiting_for_postgres", seconds=seconds, error=str(error))
            told = True
        await asyncio.sleep(_PAUSE_SECONDS)
    # From now on it is the work beside the requests that tells whether the same looks fail.
    failures.forget(_WORK)
    return error is None


async def _looked(
    looks: Iterable[Callable[[], Awaitable[None]]], look_seconds: float
) -> Exception | None:
    """Look at everything; what went wrong, or None."""
    try:
        for look in looks:
            with spending(Budget.of("background", look_seconds, probing=True)):
                await look()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the next look may succeed
        return error
    return None
