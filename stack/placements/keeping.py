"""Placements in the database, as the API keeps them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from stack.local.home import Home
from stack.local.stores import opened_stores
from stack.person import person_at_the_machine
from stack.settings import StackSettings

Answer = TypeVar("Answer")
Act = Callable[[PlacementKeeping, Actor], Awaitable[Answer]]

_LIMITS = StoreLimits(background_connections=1, wait_seconds=60.0, slow_statement_seconds=60.0)
"""Nobody is told of a slow statement: what the command says stands alone."""


def keep_placements(settings: StackSettings, home: Home, act: Act[Answer]) -> Answer:
    """What an act answers, on the stores of the running stack or those that are set up."""
    with opened_stores(settings, home, "tandem placement") as stores:
        return asyncio.run(_done(stores.database_url, act))


async def _done(database_url: str, act: Act[Answer]) -> Answer:
    store = Store.at(database_url, _LIMITS)
    try:
        return await act(PlacementKeeping(store), Actor(person_at_the_machine()))
    finally:
        await store.close()
