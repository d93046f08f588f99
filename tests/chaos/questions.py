"""What apps ask for: lists for a user, lists for everybody, items like others, and searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Endpoint = Literal[
    "recommendations", "popular", "trending", "latest", "starter", "similar", "search"
]
Parameters = Mapping[str, str | int | float | Sequence[str]]

_OWN_LISTS = {
    ("popular", None): "popular",
    ("popular", "day"): "popular_day",
    ("popular", "week"): "popular_week",
    ("popular", "month"): "popular_month",
    ("popular", "all"): "all_time",
    ("trending", "day"): "trending_day",
    ("trending", "week"): "trending_week",
    ("trending", "month"): "trending_month",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One read, as it is sent."""

    endpoint: Endpoint
    limit: int
    user: str | None = None
    """Whose list, or whose seen items stay out; None: nobody's."""
    categories: tuple[str, ...] = ()
    """Only items of any of these; a list for everybody takes one."""
    no_categories: tuple[str, ...] = ()
    most_per_category: int | None = None
    diversity: float | None = None
    explore: float | None = None
    interests: tuple[str, ...] = ()
    """Words the user likes, for this answer only."""
    window: str | None = None
    session: str | None = None
    seeds: tuple[str, ...] = ()
    """Items that others are to be like."""
    words: tuple[str, ...] = ()
    """What is searched for; the last may be the beginning of a word."""

    @property
    def path(self) -> str:
        """Where it is asked."""
        if self.endpoint == "recommendations":
            return f"/v1/users/{self.user}/recommendations"
        if self.endpoint == "similar" and len(self.seeds) == 1:
            return f"/v1/items/{self.seeds[0]}/similar"
        return f"/v1/{self.endpoint}"

    @property
    def parameters(self) -> Parameters:
        """The parameters of the query, without those that say nothing."""
        is_list = self.endpoint == "recommendations"
        parameters: dict[str, str | int | float | Sequence[str] | None] = {
            "limit": self.limit,
            "user_id": None if is_list else self.user,
            "category": self.categories,
            "exclude_category": self.no_categories,
            "max_per_category": self.most_per_category,
            "diversity": self.diversity,
            "explore": self.explore,
            "interest": self.interests,
            "window": self.window,
            "session": self.session,
            "item_id": self.seeds if len(self.seeds) > 1 else None,
            "q": " ".join(self.words) or None,
            "exclude_seen": "true" if self.endpoint == "search" and self.user else None,
        }
        return {name: value for name, value in parameters.items() if value not in (None, ())}

    def popular_lists(self, strategy: str) -> tuple[str, ...]:
        """The run's lists for everybody that an answer of this strategy may be made from."""
        own = _OWN_LISTS.get((self.endpoint, self.window), "popular")
        return (own,) if strategy == "trending" else tuple(dict.fromkeys((own, "popular")))

    def allows(self, category: str) -> bool:
        """Whether an item of this one category may be in the answer."""
        wanted = not self.categories or category in self.categories
        return wanted and category not in self.no_categories


def list_for(user: str, limit: int) -> Question:
    """A user's list, with nothing said of it."""
    return Question("recommendations", limit, user)
