"""Services of the API for a command: on the database itself, whether the stack runs or not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from stack.local.home import Home
from stack.local.stores import opened_stores
from stack.settings import StackSettings

Answer = TypeVar("Answer")

_LIMITS = StoreLimits(background_connections=1, wait_seconds=60.0, slow_statement_seconds=60.0)
"""Nobody is told of a slow statement: what the command says stands alone."""


def ask_store(
    settings: StackSettings,
    home: Home,
    command: str,
    ask: Callable[[Store], Awaitable[Answer]],
) -> Answer:
    """What a service answers; see `opened_stores`. StoreUnavailableError if it cannot."""
    with opened_stores(settings, home, command) as stores:
        return asyncio.run(_asked(stores.database_url, ask))


async def _asked(database_url: str, ask: Callable[[Store], Awaitable[Answer]]) -> Answer:
    store = Store.at(database_url, _LIMITS)
    try:
        return await ask(store)
    finally:
        await store.close()
