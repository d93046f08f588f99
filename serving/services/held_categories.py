"""Popular lists of the categories asked for lately, held in memory for when the store is away."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace

from domain.identifiers import ItemId
from serving.services.made_list import PopularList

_MOST = 50
"""How many categories are held."""


class HeldCategories:
    """Lists by category as of the last refresh; a category is held once it has been asked for."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, PopularList] = OrderedDict()

    def hold(self, category: str, listed: PopularList) -> None:
        """Hold a category's list, unless a longer one of the same run is held."""
        held = self._held.get(category)
        if not listed.items or (
            held and held.run == listed.run and len(held.items) >= len(listed.items)
        ):
            return
        self._held[category] = listed
        if len(self._held) > _MOST:
            self._held.popitem(last=False)

    async def refresh(self, load: Callable[[str], Awaitable[PopularList]]) -> None:
        """Make the lists again."""
        for category in tuple(self._held):
            listed = await load(category)
            if category in self._held:
                self._held[category] = listed

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""
        for category, held in self._held.items():
            items = tuple(item for item in held.items if item.item_id != item_id)
            self._held[category] = replace(held, items=items)

    def find(self, category: str) -> PopularList | None:
        """What is held of a category; None if nothing is."""
        if category in self._held:
            self._held.move_to_end(category)
        return self._held.get(category)
