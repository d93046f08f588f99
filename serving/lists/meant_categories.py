"""The categories that were meant by ones that no item has."""

from collections.abc import Mapping, Sequence

from domain.errors import StoreUnavailableError
from serving.candidates.filters import Filters
from serving.repositories.similar_items import SimilarItems

_NONE: Mapping[str, str] = {}


class MeantCategories:
    """Looks for them where a list is empty."""

    def __init__(self, items: SimilarItems) -> None:
        self._items = items

    async def meant(self, filters: Filters, listed: Sequence[object]) -> Mapping[str, str]:
        """Each wanted category that no item has, with one that differs in case and accents only.

        A hint is not worth an error: without the store there is none.
        """
        if listed or not filters.any_of:
            return _NONE
        try:
            return await self._items.find_categories_meant(filters, listed)
        except StoreUnavailableError:
            return _NONE
