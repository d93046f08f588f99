"""The startup probe of PostgreSQL, which a new process waits for before it takes requests."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from domain.errors import StoreUnavailableError
from serving.budget import Budget, spending
from serving.services.background_failures import BackgroundFailures

_WORK = "startup_probe"
log = structlog.get_logger()

_PAUSE_SECONDS = 0.25
_CONTENT_AFTER_SECONDS = 3.0
"""A restart of PostgreSQL is worth waiting for even if there is a copy to answer with."""


async def startup_probe(
    probes: Iterable[Callable[[], Awaitable[None]]],
    can_answer: Callable[[], bool],
    failures: BackgroundFailures,
    *,
    seconds: float,
    probe_seconds: float,
) -> bool:
    """Return when all probes succeed, or when the time is up; whether they did.

    They are repeated beside requests. After some seconds it is enough that requests can be
    answered from a copy. A probe that fails though PostgreSQL answers is reported to `failures`.
    """
    probes, began_at, is_reported = tuple(probes), time.monotonic(), False
    while (error := await _failure(probes, probe_seconds)) is not None:
        away = isinstance(error, StoreUnavailableError)
        if not away:
            failures.failed(_WORK, error)
        waited = time.monotonic() - began_at
        if waited >= seconds or (waited >= _CONTENT_AFTER_SECONDS and can_answer()):
            log.warning(
                "started_without_postgres" if away else "started_after_failed_probe",
                error=str(error),
            )
            break
        if away and not is_reported:
            log.warning("waiting_for_postgres", seconds=seconds, error=str(error))
            is_reported = True
        await asyncio.sleep(_PAUSE_SECONDS)
    # From now on it is the work beside the requests that reports whether the same probes fail.
    failures.forget(_WORK)
    return error is None


async def _failure(
    probes: Iterable[Callable[[], Awaitable[None]]], probe_seconds: float
) -> Exception | None:
    """Run all probes; what went wrong, or None."""
    try:
        for probe in probes:
            with spending(Budget.of("background", probe_seconds, probing=True)):
                await probe()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the next probe may succeed
        return error
    return None
