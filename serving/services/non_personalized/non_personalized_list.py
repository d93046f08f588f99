"""Non-personalized lists: the same for everybody, and the parameters of a request for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from domain.identifiers import UserId
from serving.lists.recommendation_list import RecommendedItem
from serving.runs.live_runs import LiveRun

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

_OWN_STRATEGIES: Mapping[ListName, NonPersonalizedStrategy] = {
    "latest": "latest",
    "starter": "starter",
}


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
    user_id: UserId | None = None
    """Whose seen, disliked and hidden items are left out; None: nobody's."""
    session: str | None = None
    """Of `starter`: the same session gets the same list as long as the run is served."""


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
