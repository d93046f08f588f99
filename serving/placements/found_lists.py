"""Placements of lists that are found for a question: search, similar items, lists for everybody.

Of what a placement may decide they have little beside its rules. What they do not have is refused
by name, so that nobody believes that it counts. Users who are in an experiment get what their arm
decides; a request that names no user is for no arm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from domain.identifiers import UserId
from serving.answering.list_values import AskedContext, AskedPlacement, context_of
from serving.answering.own_values import OwnValues
from serving.answering.schemas import ScrolledQuery, written_filter
from serving.candidates.filters import Filters
from serving.lists.decision import Decision
from serving.placements.current_placements import CurrentPlacements
from serving.placements.definition import PlacementValues
from serving.rules.rule_set import NO_RULES, HoldingRules
from serving.runtime.faults import Fault, invalid_request

OF_FOUND = frozenset({"filter", "limit", "fields", "exclude_seen"})
OF_EVERYBODYS = frozenset({"filter", "limit", "fields"})
"""Lists for everybody never show what the user has seen."""
OF_ROWS = frozenset({"filter", "limit", "fields", "exclude_seen", "impressions"})
"""Rows of pages have the fields of their page, show nothing seen, and are impressions."""


class FoundRequest(Protocol):
    """A request for such a list: a dataclass with at least these fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def limit(self) -> int:
        """How many items."""

    @property
    def filters(self) -> Filters:
        """What they are to meet."""

    @property
    def exclude_seen(self) -> bool:
        """Whether what the user has seen stays out."""

    @property
    def rules(self) -> HoldingRules:
        """What a team has set above what was learned."""

    @property
    def decision(self) -> Decision | None:
        """Which placement it is for."""

    def scroll_key(self) -> str:
        """What stays the same while somebody scrolls."""


class AskedQuery(Protocol):
    """The parameters of a query that may name a placement."""

    @property
    def placement(self) -> str | None:
        """Its name."""

    @property
    def context(self) -> Sequence[str] | None:
        """Names and values."""

    def user(self) -> UserId | None:
        """For whom it is; None: for nobody in particular."""


Request = TypeVar("Request", bound=FoundRequest)


class PlacedQuery(ScrolledQuery):
    """The parameters of a list that may be for a placement."""

    placement: AskedPlacement = None
    context: AskedContext = None


@dataclass(frozen=True, slots=True)
class Placed:
    """What was decided for a list."""

    values: PlacementValues
    decision: Decision | None
    """As the answer names it; None: the list is for no placement."""
    key: str
    """Which placement it is for, and in what context."""
    rules: HoldingRules = NO_RULES
    """Those that hold for its user."""


_NO_PLACEMENT = Placed(PlacementValues(), None, "")


async def find_placed(
    query: AskedQuery,
    placements: CurrentPlacements,
    own_values: OwnValues,
    takes: frozenset[str],
) -> Placed:
    """What was decided for a list that may be for a placement.

    FaultyInputError if there is no such placement, or it, or an arm of an experiment on it, decides
    on what such lists do not have.
    """
    name, context = query.placement, context_of(query.context or ())
    if name is None:
        if context:
            detail = "A context picks the variant of a placement: name the placement too."
            raise invalid_request([Fault("query:context", detail)])
        return _NO_PLACEMENT
    user_id = query.user()
    placement = await placements.find(name, "query:placement", user_id)
    placements.check_takes(name, context, takes, "query:placement")
    values = placement.definition.values(context)
    attributes = await own_values.attributes(user_id) if placement.rules.asks_user else None
    return Placed(
        values,
        replace(placement.decision(values, context), adds_context=not own_values.is_for_own_user),
        f"{name} {sorted(context.items())}",
        placement.rules.holding(datetime.now(UTC), context, attributes),
    )


@dataclass(frozen=True, slots=True)
class PlacedRequest(Generic[Request]):
    """A request with what was decided where it says nothing, as it is for its user."""

    request: Request
    fields: Sequence[str] | None
    binding: str
    """What its cursors count for."""


async def place(
    query: PlacedQuery,
    request: Request,
    placements: CurrentPlacements,
    own_values: OwnValues,
) -> PlacedRequest[Request]:
    """What a query becomes, of which `request` is what it says itself.

    Raises as `find_placed`, and as `OwnValues.resolved`.
    """
    placed = await find_placed(query, placements, own_values, OF_FOUND)
    values, given, user_id = placed.values, query.model_fields_set, query.user()
    filters = await own_values.resolved(request.filters, user_id)
    if values.filter is not None:
        written = await own_values.trusted(written_filter(values.filter), user_id)
        filters = filters.also_written(written)
    complete = replace(
        request,
        filters=filters,
        limit=request.limit if "limit" in given else values.limit or request.limit,
        exclude_seen=(
            request.exclude_seen
            if "exclude_seen" in given or values.exclude_seen is None
            else values.exclude_seen
        ),
        rules=placed.rules,
        decision=placed.decision,
    )
    # As it was asked: what is the user's own, or decided, may change while somebody scrolls.
    binding = f"{query.user_id}\n{request.scroll_key()}\n{placed.key}"
    return PlacedRequest(complete, query.fields or values.fields, binding)
