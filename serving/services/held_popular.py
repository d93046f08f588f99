"""The popular list held in memory: the last thing to answer with when the store is away."""

from domain.errors import StoreUnavailableError
from serving.services.list_making import ListMaker, Wish
from serving.services.live_runs import LiveRuns
from serving.services.made_list import MadeList

LONGEST = 100
"""The most items a list may be asked for."""


class HeldPopular:
    """The popular list as of the last refresh; it knows nothing of any user."""

    def __init__(self, live_runs: LiveRuns, lists: ListMaker) -> None:
        self._live_runs = live_runs
        self._lists = lists
        self._held: MadeList | None = None

    async def refresh(self) -> None:
        """Make the list again."""
        self._held = await self._live_runs.reading(
            lambda run: self._lists.make(run, None, Wish(limit=LONGEST))
        )

    def top(self, n: int) -> MadeList:
        """The first `n`; StoreUnavailableError if there never was a list."""
        if self._held is None:
            raise StoreUnavailableError
        return self._held.top(n)
