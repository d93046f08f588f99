"""Non-personalized lists: what they are, and those kept for when the store is away."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from domain.identifiers import ItemId, ItemNo, UserId
from serving.candidates.filters import Filters, OtherThanItems, Passes
from serving.lists.decision import Decision
from serving.lists.recommendation_list import RecommendedItem
from serving.rules.rule_set import NO_RULES, HoldingRules
from serving.runs.live_runs import LiveRun, same_run

Window = Literal["day", "week", "month"]
NonPersonalizedStrategy = Literal["popular", "trending", "latest", "starter", "fallback"]
ListName = Literal[
    "popular",
    "popular_day",
    "popular_week",
    "popular_month",
    "all_time",
    "trending_day",
    "trending_week",
    "trending_month",
    "latest",
    "starter",
]

TRENDING: Mapping[Window, ListName] = {
    "day": "trending_day",
    "week": "trending_week",
    "month": "trending_month",
}

_OWN_STRATEGIES: Mapping[ListName, NonPersonalizedStrategy] = {
    "latest": "latest",
    "starter": "starter",
}

_MOST = 100
"""How many lists are kept."""


@dataclass(frozen=True, slots=True)
class ListKey:
    """Which of the lists for everybody it is."""

    name: ListName
    """`popular`: what was liked lately; those that name a window and `all_time` as the run has
    them; `latest`: the newest items; `starter`: well-known items far from each other.
    """
    category: str = ""
    """Empty: the whole catalogue."""

    @property
    def strategy(self) -> NonPersonalizedStrategy:
        """The strategy of such a list."""
        if self.name.startswith("trending"):
            return "trending"
        return _OWN_STRATEGIES.get(self.name, "popular")


@dataclass(frozen=True, slots=True)
class NonPersonalizedRequest:
    """The parameters of a request for a non-personalized list."""

    key: ListKey
    limit: int
    written: Passes | None = None
    """What else the items are to pass."""
    user_id: UserId | None = None
    """Whose seen, disliked and hidden items are left out; None: nobody's."""
    session: str | None = None
    """Of `starter`: the same session gets the same list as long as the run is served."""
    others: OtherThanItems | None = None
    """Items that are left out by their ids."""
    shown: tuple[ItemNo, ...] = ()
    """What was on the pages before this one."""
    rules: HoldingRules = NO_RULES
    """What a team has set above what was learned."""
    decision: Decision | None = None
    """Which placement it is for; None: for none."""

    @property
    def filters(self) -> Filters:
        """What the items are to meet."""
        filters = Filters.of_category(self.key.category)
        more = (each for each in (self.written, self.others) if each is not None)
        return filters.also(*more)

    @property
    def is_plain(self) -> bool:
        """Whether it asks for no other items than the list in memory can tell."""
        return self.written is None and self.others is None

    @property
    def listed(self) -> ListKey:
        """The list it gets: of users who get what is popular, that."""
        is_popular = self.decision is not None and self.decision.is_popular
        return ListKey("popular", self.key.category) if is_popular else self.key


@dataclass(frozen=True, slots=True)
class NonPersonalizedList:
    """Items of a non-personalized list, best first."""

    strategy: NonPersonalizedStrategy
    run: LiveRun | None
    items: tuple[RecommendedItem, ...]
    degraded: str | None = None
    """Why it is less than it might have been; None: it is not."""
    categories_meant: Mapping[str, str] = field(default_factory=dict)
    """Of an empty list: the category if no item has it, with the one that was meant."""


class FallbackLists:
    """Lists by key as of the last refresh; a list is kept once it has been asked for."""

    def __init__(self) -> None:
        # Not an LRUCache: to that a refresh would look like somebody asking.
        self._lists: OrderedDict[ListKey, NonPersonalizedList | None] = OrderedDict()

    def keep(self, key: ListKey, listed: NonPersonalizedList) -> None:
        """Keep a list, unless there is a longer one of the same run."""
        kept = self.find(key)
        if not listed.items or (
            kept and same_run(kept.run, listed.run) and len(kept.items) >= len(listed.items)
        ):
            return
        self._lists[key] = listed
        self._bound(key)

    def note(self, key: ListKey) -> None:
        """Keep this list from the next refresh on."""
        self._lists.setdefault(key, None)
        self._bound(key)

    async def refresh(self, load: Callable[[ListKey], Awaitable[NonPersonalizedList]]) -> None:
        """Make the lists again."""
        for key in tuple(self._lists):
            listed = await load(key)
            if key in self._lists and listed.items:
                self._lists[key] = listed
            else:
                # A category that has gone, or never was.
                self._lists.pop(key, None)

    def item_nos(self) -> list[ItemNo]:
        """The numbers of all items in the lists."""
        return [item.item_no for kept in self._lists.values() if kept for item in kept.items]

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""
        self._leave_out(item_id, self._lists)

    def update_categories(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """No longer show an item in lists of a category that is none of its own now."""
        self._leave_out(
            item_id, [key for key in self._lists if key.category not in ("", *categories)]
        )

    def _leave_out(self, item_id: ItemId, lists: Iterable[ListKey]) -> None:
        for key in lists:
            kept = self._lists[key]
            if kept is None:
                continue
            items = tuple(item for item in kept.items if item.item_id != item_id)
            self._lists[key] = replace(kept, items=items)

    def find(self, key: ListKey) -> NonPersonalizedList | None:
        """The list that is kept; None if there is none."""
        if key in self._lists:
            self._lists.move_to_end(key)
        return self._lists.get(key)

    def _bound(self, asked_for: ListKey) -> None:
        """Let go of the list that was not asked for the longest."""
        self._lists.move_to_end(asked_for)
        if len(self._lists) > _MOST:
            self._lists.popitem(last=False)
