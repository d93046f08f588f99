"""Rules on lists that are found for a question: search, similar items, lists for everybody.

The list is made longer than it was asked for, without a look at the rules. From that pool the
hidden items are taken out, what is boosted and buried is moved, and reserve, cap and pin arrange
it. Only if too little is left of the pool is it made again, longer, without what is hidden.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.lists.arranging import Arranging, ListedItem, RankedPool
from serving.lists.cursor import shown_key
from serving.lists.decision import Decision
from serving.lists.recommendation_list import degraded_by
from serving.rules.resolved_rules import ResolvedRules
from serving.rules.rule_items import RuleItems
from serving.rules.rule_set import HoldingRules

LEAST_POOL = 100
"""So many items are looked at for a list that rules move or arrange, at least."""
_POOL = 5
"""... or so many times as many as it has."""
_MOST = 1_000


class RuledItem(ListedItem, Protocol):
    """An item of such a list."""

    @property
    def score(self) -> float:
        """What the list is ordered by; 0: it only fills the list up, or the list has no scores."""


class RuledList(Protocol):
    """Such a list: a dataclass with at least these fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def items(self) -> Sequence[RuledItem]:
        """Best first."""

    @property
    def degraded(self) -> str | None:
        """Why it is less than it might have been; None: it is not."""


class RuledRequest(Protocol):
    """A request for such a list."""

    @property
    def limit(self) -> int:
        """How many items."""

    @property
    def shown(self) -> Sequence[ItemNo]:
        """What was on the pages before."""

    @property
    def rules(self) -> HoldingRules:
        """Those that hold for it."""

    @property
    def decision(self) -> Decision | None:
        """What was decided for its placement; None: it is for none."""


Result = TypeVar("Result", bound=RuledList)
Made_co = TypeVar("Made_co", bound=RuledList, covariant=True)


class UnruledList(Protocol[Made_co]):
    """How one list is made without rules."""

    @property
    def excluded(self) -> Collection[ItemNo]:
        """What may not be in it: of its user, the pages before, and what it is asked for with."""

    async def listed(self, count: int, left_out: Collection[ItemNo]) -> Made_co:
        """The list with up to `count` items; of any count it is the beginning of a longer one."""

    async def looked_up(self, item_nos: Sequence[ItemNo]) -> Sequence[Any]:
        """Those of some items that may be in the list, in the same order."""


def page_key(request: RuledRequest) -> str:
    """What tells a page of a list from all others that are asked for alike."""
    is_popular = request.decision is not None and request.decision.is_popular
    ruled = f"{request.rules.key}{':popular' if is_popular else ''}"
    return f"{request.limit}:{shown_key(request.shown)}:{ruled}"


@dataclass(eq=False, slots=True)
class ListRuler:
    """Applies rules to such lists; a list without rules is made as ever, and costs nothing."""

    rule_items: RuleItems

    def known_position(self, request: RuledRequest) -> int | None:
        """The changes of the catalogue that its rules know; None: it has none."""
        return self.rule_items.position if request.rules else None

    def hidden(self, request: RuledRequest) -> frozenset[ItemNo]:
        """What its rules hide, as far as it is known here."""
        return self.rule_items.hidden(request.rules)

    async def ruled(self, unruled: UnruledList[Result], request: RuledRequest) -> Result:
        """The list with its rules.

        Without those whose items cannot be read in time, and why; with less than they want, and
        why, if there is no time to look for more.
        """
        if not request.rules:
            return await unruled.listed(request.limit, ())
        rules = (await self.rule_items.resolve(request.rules)).after(len(request.shown))
        count = _pool_size(rules, request.limit)
        whole = await unruled.listed(count, ())
        arranging = _arranging(whole, rules, request.limit)
        degraded = None
        try:
            if len(whole.items) >= count and _is_scarce(arranging):
                count = min(_POOL * count, _MOST)
                whole = await unruled.listed(count, rules.hidden)
                arranging = _arranging(whole, rules, request.limit)
            wanted = arranging.lacking([*rules.hidden, *request.shown, *unruled.excluded])
            if rules.arranges and wanted:
                arranging.add(await unruled.looked_up(wanted))
        except StoreUnavailableError as error:
            degraded = degraded_by(error)
        why = whole.degraded or rules.degraded or degraded
        return replace(whole, items=arranging.items(), degraded=why)


def _pool_size(rules: ResolvedRules, limit: int) -> int:
    if rules.arranges or rules.moves:
        return max(_POOL * limit, LEAST_POOL)
    return limit + min(len(rules.hidden), 2 * limit)


def _arranging(whole: RuledList, rules: ResolvedRules, limit: int) -> Arranging[RuledItem]:
    hidden = frozenset(rules.hidden)
    items = [item for item in whole.items if item.item_no not in hidden]
    if rules.moves:
        item_nos = np.array([item.item_no for item in items], dtype=np.int32)
        scores = np.array([item.score for item in items], dtype=np.float64)
        items = [items[row] for row in rules.order_of(item_nos, scores).tolist()]
    return Arranging(RankedPool.of(items, items), rules, limit)


def _is_scarce(arranging: Arranging[RuledItem]) -> bool:
    """Whether a longer list would have what this one lacks."""
    return len(arranging.made.item_nos) < arranging.limit or arranging.made.gave_way
