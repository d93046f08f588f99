"""Experiments as commands keep them: with the service of the API, on the database itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from serving.access.acting import Actor
from serving.experiments.experiment_keeping import ExperimentKeeping
from serving.experiments.experiment_reading import ExperimentReading
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from sql.settings import AttributionSettings
from stack.cli.preparing import prepare
from stack.local.stores import opened_stores
from stack.person import person_at_the_machine

Answer = TypeVar("Answer")

_COMMAND = "tandem experiment"
_LIMITS = StoreLimits(background_connections=1, wait_seconds=60.0, slow_statement_seconds=60.0)


def at_the_machine() -> Actor:
    """Who works here."""
    return Actor(person_at_the_machine(), None)


def ask_experiments(
    ask: Callable[[ExperimentKeeping, ExperimentReading], Awaitable[Answer]],
) -> Answer:
    """What the experiments of this home answer; StoreUnavailableError if they cannot."""
    with opened_stores(*prepare(), _COMMAND) as stores:
        return asyncio.run(_asked(stores.database_url, ask))


async def _asked(
    database_url: str, ask: Callable[[ExperimentKeeping, ExperimentReading], Awaitable[Answer]]
) -> Answer:
    store = Store.at(database_url, _LIMITS)
    try:
        days = AttributionSettings().attribution_days
        keeping = ExperimentKeeping(store, attribution_days=days)
        return await ask(keeping, ExperimentReading(store, keeping))
    finally:
        await store.close()
