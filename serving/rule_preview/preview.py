"""Finding out which items and users rules are about, and how they get into each other's way."""

from collections.abc import Mapping, Sequence
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
    """Looks up what rules are about; once they are saved, their items are known already."""

    def __init__(self, store: ReadStore, rule_items: RuleItems) -> None:
        self._store = store
        self._rule_items = rule_items
        self._profiles = ProfileReader(store)

    async def preview(self, rules: Sequence[Rule], *, limit: int) -> RulePreview:
        """What rules in this order would touch in lists of `limit` items.

        StoreUnavailableError if that cannot be found out in time.
        """
        return await self._preview(rules, rules, limit)

    async def preview_one(
        self, rules: Sequence[Rule], index: int, *, limit: int
    ) -> tuple[TouchedByRule, Sequence[RuleConflict]]:
        """What one of the rules would touch, and its conflicts with the others; errors as above."""
        rule = rules[index]
        found = await self._preview(rules, [rule], limit)
        return found.touched[0], [each for each in found.conflicts if rule.name in each.rules]

    async def _preview(
        self, rules: Sequence[Rule], asked: Sequence[Rule], limit: int
    ) -> RulePreview:
        # A filter may have to look at every item and every user.
        ask_without_blame()
        resolved = await self._rule_items.resolve(HoldingRules.of(rules))
        if resolved.degraded is not None:
            raise StoreUnavailableError(
                "There was no time to look at all items that the rules are about. That goes on:"
                " ask again in a moment.",
                reason="budget",
            )
        known = {selection: items.item_nos for selection, items in resolved.items.items()}
        touched = [await self._touched(rule, resolved) for rule in asked]
        return RulePreview(touched, conflicts(rules, limit=limit, item_nos=known))

    async def load_titles(self, rule: Rule, *, most: int) -> Mapping[str, str]:
        """The titles of the items that a rule is about, by their ids; only of available ones.

        StoreUnavailableError if they cannot be found out.
        """
        resolved = await self._rule_items.resolve(HoldingRules.of([rule]))
        selected = resolved.items.get(rule.selection) if rule.selection else None
        item_nos = [] if selected is None else selected.preferred[:most].tolist()
        named = await self._profiles.load_names(list(map(ItemNo, item_nos)))
        return {item.item_id: item.title for item in named.values()}

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
