"""Choosing some items of each category out of many. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from domain.identifiers import ItemNo


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen of each category's items."""

    item_nos: list[ItemNo]
    """Distinct, and none of those there are anyway."""
    incomplete: frozenset[str]
    """The categories of which some were left out."""


def select_round_robin(
    by_category: Mapping[str, Sequence[ItemNo]],
    there: AbstractSet[ItemNo],
    provided: AbstractSet[str],
    most: int,
) -> Selection:
    """Each category's first item, then each one's second, and so on, until `most` are chosen.

    The first turn leaves out the categories that are provided for. An item that is there anyway, or
    was chosen for another category, is passed over, as a category that has it needs it no more.
    """
    chosen: dict[ItemNo, None] = {}
    first = [iter(item_nos) for name, item_nos in by_category.items() if name not in provided]
    later = [iter(item_nos) for name, item_nos in by_category.items() if name in provided]
    turn = first
    while (turn or later) and len(chosen) < most:
        taken = [(item_nos, next(item_nos, None)) for item_nos in turn]
        for _, item_no in taken:
            if item_no is not None and item_no not in there and len(chosen) < most:
                chosen[item_no] = None
        turn = [item_nos for item_nos, item_no in taken if item_no is not None] + later
        later = []
    known = there | chosen.keys()
    incomplete = (name for name, item_nos in by_category.items() if not known >= set(item_nos))
    return Selection(list(chosen), frozenset(incomplete))


class NewestPerCategory:
    """The newest items of each category, of a catalogue read page by page from its newest item on.

    It holds `most` numbers, so of each category the fewer the more categories there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._newest: dict[str, list[ItemNo]] = {}
        self._cut: set[str] = set()
        self.each = most
        """As many of one category; a page may have one more, to show that there are more."""
        self.has_all_categories = True
        """Whether every category that was read is here."""

    @property
    def by_category(self) -> Mapping[str, Sequence[ItemNo]]:
        """The newest first."""
        return self._newest

    @property
    def cut(self) -> AbstractSet[str]:
        """The categories that have, or may have, more items than are here."""
        return self._cut

    def add(self, page: Mapping[str, Sequence[ItemNo]]) -> None:
        """Add a page, whose items are older than all before."""
        for category, item_nos in page.items():
            self._newest.setdefault(category, []).extend(item_nos)
        self._shorten()
        while self.each > 1 and self._count() > self._most:
            self.each //= 2
            self._shorten()
        for category in list(self._newest)[self._most :]:
            del self._newest[category]
            self.has_all_categories = False

    def invalidate(self, categories: Iterable[str]) -> None:
        """An item came to these categories that may have been read before."""
        self._cut.update(categories)

    def _shorten(self) -> None:
        for category, item_nos in self._newest.items():
            if len(item_nos) > self.each:
                del item_nos[self.each :]
                self._cut.add(category)

    def _count(self) -> int:
        return sum(map(len, self._newest.values()))
