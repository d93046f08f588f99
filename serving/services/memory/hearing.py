"""Whether this process hears what the others record."""

import asyncio
import time
from contextlib import suppress

from serving.budget import current

_LAST_SHARE = 0.8
"""The share of a budget that is kept for what follows the waiting."""
_USUAL_SECONDS = 0.2
_LONGEST_SECONDS = 2.0
"""However large a budget is: it listens anew ten times a second."""


class Hearing:
    """Set while PostgreSQL's news are listened to, and what came before them was read."""

    def __init__(self) -> None:
        self._heard = asyncio.Event()
        self._lost_at = time.monotonic()

    @property
    def deaf_seconds(self) -> float | None:
        """For how long something may have been told that was not heard; None while all is."""
        return None if self._heard.is_set() else time.monotonic() - self._lost_at

    def begin(self) -> None:
        """From now on everything is heard."""
        self._heard.set()

    def lose(self) -> None:
        """From now on something may be told that is not heard."""
        if self._heard.is_set():
            self._lost_at = time.monotonic()
        self._heard.clear()

    async def wait(self) -> None:
        """Wait while nothing is heard, as long as the budget allows.

        With PostgreSQL away that is for nothing: but then nobody records anything either. With
        PostgreSQL just back it is the time until this process knows what the others know.
        """
        budget = current()
        seconds = _USUAL_SECONDS if budget is None else budget.left() - _LAST_SHARE * budget.seconds
        seconds = min(seconds, _LONGEST_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), max(seconds, 0.0))
