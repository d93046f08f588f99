"""The event kinds, kept at hand."""

from collections.abc import Iterable, Mapping

from domain.errors import StoreUnavailableError
from domain.interactions import EventKind
from serving.runs.live_runs import Runs
from serving.runtime.faults import Fault, invalid_request


class Kinds:
    """Event kinds by name, as of the last look."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._by_name: Mapping[str, EventKind] = {}

    @property
    def loaded(self) -> bool:
        """Whether any kind is known."""
        return bool(self._by_name)

    @property
    def at_hand(self) -> Mapping[str, EventKind]:
        """All that are known."""
        return self._by_name

    async def refresh(self) -> None:
        """Read all kinds."""
        self._by_name = await self._runs.load_kinds()

    async def all(self) -> Iterable[EventKind]:
        """All kinds as they are now, or as they were while PostgreSQL is away."""
        try:
            await self.refresh()
        except StoreUnavailableError:
            if not self.loaded:
                raise
        return self._by_name.values()

    async def check(self, name: str | None) -> None:
        """FaultyInputError if a query asks for events of a kind that there is none of."""
        await self.named({} if name is None else {"query:kind": name})

    async def including(self, names: Iterable[str]) -> Mapping[str, EventKind]:
        """All kinds; looks again if one of `names` is new."""
        if not set(names) <= self._by_name.keys():
            await self.refresh()
        return self._by_name

    async def named(self, names: Mapping[str, str]) -> Mapping[str, EventKind]:
        """All kinds; FaultyInputError if one of `names`, by pointer, is none."""
        known = await self.including(names.values()) if names else {}
        faults = [
            Fault(where, f"There is no kind {name!r}. Known kinds: {', '.join(sorted(known))}.")
            for where, name in names.items()
            if name not in known
        ]
        if faults:
            raise invalid_request(faults)
        return known
