"""The parameters of a request for recommendations."""

import hashlib
from dataclasses import dataclass, replace

import orjson

from domain.identifiers import ItemNo, RunId, UserId
from serving.candidates.filters import EVERYTHING, Filters
from serving.lists.asked_blend import AS_SET, AskedBlend
from serving.lists.decision import Decision
from serving.lists.list_builder import RerankingPolicy
from serving.rules.rule_set import NO_RULES, HoldingRules

MOST_NOT_AGAIN_DAYS = 30
LONGEST = 100
"""The most items a list may be asked for."""


@dataclass(frozen=True, slots=True)
class RequestInterests:
    """What a request says its user likes."""

    words: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.words or self.item_ids)

    def digest(self) -> str:
        """A short name of them; empty if there are none."""
        return hashlib.sha256(orjson.dumps(self)).hexdigest() if self else ""


@dataclass(frozen=True, slots=True)
class BasketItem:
    """An item that a request takes for one its user has used."""

    item_id: str
    weight: float
    """As of an event; below 0 it speaks against the item and what is like it."""


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
    blend: AskedBlend = AS_SET
    """How the sources are weighed, where it is not to be as the settings say."""
    basket: tuple[BasketItem, ...] = ()
    """What the user has just used as well, for this list only; the last is the newest."""
    group: tuple[UserId, ...] = ()
    """The users it is for together; empty: for the one that is named, or for nobody."""
    shown: tuple[ItemNo, ...] = ()
    """What was on the pages before this one."""
    not_again_seconds: float | None = None
    """What was shown within and not used gives way to other items; 0: it does not."""
    rules: HoldingRules = NO_RULES
    """What a team has set above what was learned."""
    use_cache: bool = True
    in_body: bool = False
    """Whether it came in a body, which faults then point into."""
    decision: Decision | None = None
    """Which placement it is for, and what that says beside all this; None: for none."""

    @property
    def is_cached(self) -> bool:
        """Whether its list is likely to be asked for again."""
        return self.use_cache and not (
            self.basket or self.group or self.shown or self.not_again_seconds
        )

    @property
    def is_plain(self) -> bool:
        """Whether its list is made of what the log has of one user and of nothing else."""
        return self.filters == EVERYTHING and not (
            self.interests
            or self.basket
            or self.group
            or self.shown
            or self.not_again_seconds
            or self.batch_run_id
        )

    @property
    def batch_run_id(self) -> RunId | None:
        """The run of the nightly list; None: the served one."""
        return self.decision.run_id if self.decision else None

    def scroll_key(self) -> str:
        """What stays the same while somebody scrolls: all but the length of a page."""
        parts = (
            self.exclude_seen,
            self.interests.digest(),
            self.filters.key(),
            self.explore,
            self.diversity,
            self.max_per_category,
            self.blend.key(),
            self.not_again_seconds,
        )
        return ":".join(map(str, parts))

    def named_ids(self) -> tuple[str, ...]:
        """Items that it names as the user's own."""
        return (*self.interests.item_ids, *(item.item_id for item in self.basket))

    def left_out_ids(self) -> tuple[str, ...]:
        """Those of them that stay out of the list, as if seen or disliked."""
        if self.exclude_seen:
            return self.named_ids()
        return tuple(item.item_id for item in self.basket if item.weight < 0)

    def with_defaults(self, policy: RerankingPolicy) -> "RecommendationRequest":
        """The same, with the defaults of the policy where nothing was asked."""
        asked = (self.explore, self.diversity, self.not_again_seconds)
        if None not in asked and (self.max_per_category or not policy.max_per_category):
            return self
        return replace(
            self,
            explore=policy.explore if self.explore is None else self.explore,
            diversity=policy.diversity if self.diversity is None else self.diversity,
            max_per_category=self.max_per_category or policy.max_per_category,
            not_again_seconds=(
                policy.not_again_seconds
                if self.not_again_seconds is None
                else self.not_again_seconds
            ),
        )
