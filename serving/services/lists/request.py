"""The parameters of a request for recommendations."""

from dataclasses import dataclass, replace

from serving.candidates.filters import EVERYTHING, Filters
from serving.services.lists.list_builder import RerankingPolicy
from serving.services.lists.request_interests import RequestInterests

_NO_INTERESTS = RequestInterests()


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """The parameters of a request for recommendations."""

    limit: int
    exclude_seen: bool = True
    """False: only items the user disliked or hid stay out."""
    explain: bool = False
    """Whether to say which of the user's own items brought each one."""
    interests: RequestInterests = _NO_INTERESTS
    """What the user likes as well, for this list only."""
    filters: Filters = EVERYTHING
    explore: float | None = None
    """Share of the positions that go to new items, in [0, 0.5]; None, as below: the default."""
    diversity: float | None = None
    """How dissimilar the items are to be, in [0, 1]."""
    max_per_category: int | None = None
    """How many items of one category, as long as others are eligible."""

    def with_defaults(self, policy: RerankingPolicy) -> "RecommendationRequest":
        """The same, with the defaults of the policy where nothing was asked."""
        return replace(
            self,
            explore=policy.explore if self.explore is None else self.explore,
            diversity=policy.diversity if self.diversity is None else self.diversity,
            max_per_category=self.max_per_category or policy.max_per_category,
        )
