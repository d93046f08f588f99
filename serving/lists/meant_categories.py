"""The categories that were meant by ones that no item has."""

from collections.abc import Mapping, Sequence

from domain.errors import StoreUnavailableError
from serving.candidates.filters import Filters
from serving.postgres.store import ReadStore
from sql.statements import statements

_SIMILAR = statements("similar")
NOTHING_MEANT: Mapping[str, str] = {}


class MeantCategories:
    """Looks for them where a list is empty."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def find(self, filters: Filters, listed: Sequence[object]) -> Mapping[str, str]:
        """Each wanted category that no available item has, with one that some have.

        They differ in upper and lower case or accents only.
        """
        if listed or not filters.any_of:
            return NOTHING_MEANT
        parameters = {"categories": list(filters.any_of)}
        rows = await self._store.rows(_SIMILAR["find_categories_meant"], parameters)
        return {row.asked: row.meant for row in rows}

    async def find_if_possible(
        self, filters: Filters, listed: Sequence[object]
    ) -> Mapping[str, str]:
        """The same; a hint is not worth an error, so without the store there is none."""
        try:
            return await self.find(filters, listed)
        except StoreUnavailableError:
            return NOTHING_MEANT
