"""Finding out which items and users rules are about, and how they get into each other's way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.candidates.live_vector_inputs import ItemName, ProfileReader
from serving.filtering.language import parse_filter
from serving.postgres.store import ReadStore
from serving.rules.conflicts import RuleConflict, conflicts
from serving.rules.resolved_rules import ResolvedRules
from serving.rules.rule import Rule
from serving.rules.rule_items import RuleItems
from serving.rules.rule_set import HoldingRules
from serving.runtime.budget import ask_without_blame
from sql.statements import statements

_RULES = statements("rules")

MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class TouchedByRule:
    """What one rule is about."""

    rule: Rule
    items: int
    """Available ones; of a cap for each value of an attribute, those that have one."""
    examples: Sequence[ItemName]
    users: int | None
    """None: everybody."""
    holds_now: bool
    """By its time alone."""


@dataclass(frozen=True, slots=True)
class RulePreview:
    """What some rules would touch."""

    touched: Sequence[TouchedByRule]
    conflicts: Sequence[RuleConflict]


class RulePreviewer:
    """Looks up what rules are about; nothing of it is kept."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store
        self._profiles = ProfileReader(store)

    async def preview(self, rules: Sequence[Rule], *, limit: int) -> RulePreview:
        """What rules in this order would touch in lists of `limit` items.

        StoreUnavailableError if that cannot be found out in time.
        """
        # A filter may have to look at every item and every user.
        ask_without_blame()
        resolved = await RuleItems(self._store).resolve(HoldingRules.of(rules))
        if resolved.degraded is not None:
            raise StoreUnavailableError(
                "There was no time to look at all items that the rules are about. Ask again with"
                " fewer rules.",
                reason="budget",
            )
        known = {selection: items.item_nos for selection, items in resolved.items.items()}
        touched = [await self._touched(rule, resolved) for rule in rules]
        return RulePreview(touched, conflicts(rules, limit=limit, item_nos=known))

    async def _touched(self, rule: Rule, resolved: ResolvedRules) -> TouchedByRule:
        items, first = _items_of(rule, resolved)
        names = await self._profiles.load_names(first)
        return TouchedByRule(
            rule,
            items,
            [names[item_no] for item_no in first if item_no in names],
            await self._count_users(rule),
            rule.holds_at(datetime.now(UTC)),
        )

    async def _count_users(self, rule: Rule) -> int | None:
        if rule.users is None:
            return None
        parameters = {"path": parse_filter(rule.users).jsonpath(datetime.now(UTC))}
        (row,) = await self._store.rows(_RULES["count_users_passing"], parameters)
        return int(row.users)


def _items_of(rule: Rule, resolved: ResolvedRules) -> tuple[int, list[ItemNo]]:
    """How many items a rule is about, and the first of them."""
    if rule.selection is not None:
        preferred = resolved.items[rule.selection].preferred
        return len(preferred), [ItemNo(no) for no in preferred[:MOST_EXAMPLES].tolist()]
    found = resolved.caps.members_of(rule)
    return len(found), [ItemNo(no) for no in found[:MOST_EXAMPLES].tolist()]
