"""What a request becomes by what was decided for its placement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from domain.identifiers import RunId, UserId
from serving.answering.own_values import OwnValues
from serving.answering.schemas import written_filter
from serving.candidates.filters import Passes
from serving.lists.decision import Decision
from serving.lists.request import RecommendationRequest
from serving.placements.definition import PlacementDefinition, PlacementValues
from serving.rules.rule import Rule
from serving.rules.rule_set import HoldingRules, RuleSet


@dataclass(frozen=True, slots=True)
class AskedList:
    """What a request says of a list."""

    request: RecommendationRequest
    """With the usual `limit` and `exclude_seen` where it says nothing of them."""
    has_limit: bool
    has_exclude_seen: bool
    fields: Sequence[str] | None = None
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _RulesOfUsers:
    """Rules of which some are for some users only."""

    rules: RuleSet
    context: Mapping[str, str]

    def holding(self, attributes: Mapping[str, Any] | None) -> HoldingRules:
        return self.rules.holding(datetime.now(UTC), self.context, attributes)


@dataclass(frozen=True, slots=True)
class PlacedList:
    """The same with what was decided for the placement where the request says nothing."""

    request: RecommendationRequest
    fields: Sequence[str] | None
    scroll_key: str
    """What stays the same while somebody scrolls, whatever is decided meanwhile."""
    own_filter: Passes | None = None
    """The placement's filter, if it compares with what is the user's own; else the request has
    it."""

    rules_of_users: "_RulesOfUsers | None" = None
    """None: the rules of the request are the same for all users."""

    async def for_user(
        self, user_id: UserId | None, own_values: OwnValues, pointer: str
    ) -> RecommendationRequest:
        """The request with filters and rules as they are for this user. Raises as `resolved`."""
        request = self.request
        if request.decision is not None and own_values.is_for_own_user:
            request = replace(request, decision=replace(request.decision, adds_context=False))
        if self.rules_of_users is not None:
            attributes = await own_values.attributes(user_id)
            request = replace(request, rules=self.rules_of_users.holding(attributes))
        filters = await own_values.resolved(request.filters, user_id, pointer)
        if self.own_filter is not None:
            filters = filters.also_written(await own_values.trusted(self.own_filter, user_id))
        return replace(request, filters=filters)


@dataclass(frozen=True, eq=False)
class Placement:
    """One version of a placement; each is equal to itself alone, and can be remembered by."""

    name: str
    version: int
    """0: nothing was ever decided."""
    definition: PlacementDefinition = field(default_factory=PlacementDefinition)
    everywhere_version: int = 0
    everywhere_rules: Sequence[Rule] = ()
    experiment_id: str | None = None
    """Of an experiment: what it decides for the users of `arm`."""
    arm: str | None = None
    is_popular: bool = False
    """Whether these users get the popular list."""
    run_id: RunId | None = None
    """The run of their nightly lists; None: the served one."""
    rules: RuleSet = field(init=False)
    """Those of all placements, and then its own."""

    def __post_init__(self) -> None:
        """See `rules`."""
        rules = RuleSet([*self.everywhere_rules, *self.definition.rules])
        object.__setattr__(self, "rules", rules)

    def placed(self, asked: AskedList, rules: HoldingRules | None = None) -> PlacedList:
        """What the request becomes: what it says itself comes first.

        `rules`: those that hold; None: those that hold now for somebody of whom nothing is known.
        """
        request = asked.request
        key = f"{request.scroll_key()} {self.name} {sorted(asked.context.items())}"
        values = self.definition.values(asked.context)
        placed = replace(
            request,
            limit=request.limit if asked.has_limit else values.limit or request.limit,
            exclude_seen=(
                request.exclude_seen
                if asked.has_exclude_seen or values.exclude_seen is None
                else values.exclude_seen
            ),
            explore=values.explore if request.explore is None else request.explore,
            diversity=values.diversity if request.diversity is None else request.diversity,
            max_per_category=request.max_per_category or values.max_per_category,
            blend=request.blend.over(values.blend()),
            not_again_seconds=(
                values.not_again_seconds()
                if request.not_again_seconds is None
                else request.not_again_seconds
            ),
            rules=self.rules.holding(datetime.now(UTC), asked.context) if rules is None else rules,
            decision=self.decision(values, asked.context),
        )
        written = None if values.filter is None else written_filter(values.filter)
        if written is not None and not written.asks_own:
            placed = replace(placed, filters=placed.filters.also_written(written))
            written = None
        of_users = _RulesOfUsers(self.rules, asked.context) if self.rules.asks_user else None
        return PlacedList(placed, asked.fields or values.fields, key, written, of_users)

    def decision(self, values: PlacementValues, context: Mapping[str, str]) -> Decision:
        """What is decided beside the parameters of a list, in a context with these `values`."""
        return Decision(
            self.name,
            self.version,
            self.everywhere_version,
            fallback=values.fallback,
            experiment_id=self.experiment_id,
            arm=self.arm,
            is_popular=self.is_popular,
            run_id=self.run_id,
            # Whoever was shown an arm counts in the experiment.
            keeps_impressions=values.impressions is not False or self.experiment_id is not None,
            context=context,
        )
