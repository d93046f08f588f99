"""Whether this process is subscribed to what the others record."""

import asyncio
import time
from contextlib import suppress

from serving.runtime.budget import current

_LAST_SHARE = 0.8
"""The share of a budget that is kept for what follows the waiting."""
_USUAL_SECONDS = 0.2
_LONGEST_SECONDS = 2.0
"""However large a budget is: it listens anew ten times a second."""


class Subscription:
    """Connected while notifications of PostgreSQL come in, and what came before them was read."""

    def __init__(self) -> None:
        self._connected = asyncio.Event()
        self._disconnected_at = time.monotonic()

    @property
    def disconnected_seconds(self) -> float | None:
        """For how long notifications may have been missed; None while connected."""
        return None if self._connected.is_set() else time.monotonic() - self._disconnected_at

    def note_connected(self) -> None:
        """From now on no notification is missed."""
        self._connected.set()

    def note_disconnected(self) -> None:
        """From now on notifications may be missed."""
        if self._connected.is_set():
            self._disconnected_at = time.monotonic()
        self._connected.clear()

    async def wait(self) -> None:
        """Wait until connected, as long as the budget allows.

        With PostgreSQL away that is for nothing: but then nobody records anything either. With
        PostgreSQL just back it is the time until this process knows what the others know.
        """
        budget = current()
        seconds = _USUAL_SECONDS if budget is None else budget.left() - _LAST_SHARE * budget.seconds
        seconds = min(seconds, _LONGEST_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), max(seconds, 0.0))
