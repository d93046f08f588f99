"""Placements of lists that are found for a question: search, similar items, lists for everybody.

Of what a placement may decide they have little. What they do not have is refused by name, so that
nobody believes that it counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from serving.answering.list_values import AskedContext, AskedPlacement, context_of
from serving.answering.own_values import OwnValues
from serving.answering.schemas import ScrolledQuery, written_filter
from serving.candidates.filters import Filters
from serving.placements.current_placements import CurrentPlacements
from serving.placements.definition import PlacementValues
from serving.placements.schemas import NamedPlacement
from serving.runtime.faults import Fault, invalid_request

OF_FOUND = frozenset({"filter", "limit", "fields", "exclude_seen"})
OF_EVERYBODYS = frozenset({"filter", "limit", "fields"})
"""Lists for everybody never show what the user has seen."""


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

    def scroll_key(self) -> str:
        """What stays the same while somebody scrolls."""


Request = TypeVar("Request", bound=FoundRequest)


class PlacedQuery(ScrolledQuery):
    """The parameters of a list that may be for a placement."""

    placement: AskedPlacement = None
    context: AskedContext = None


@dataclass(frozen=True, slots=True)
class Placed:
    """What was decided for a list."""

    values: PlacementValues
    answer: NamedPlacement | None
    """As the answer names it; None: the list is for no placement."""
    key: str
    """Which placement it is for, and in what context."""


async def find_placed(
    placements: CurrentPlacements,
    name: str | None,
    context: Iterable[str] | None,
    takes: frozenset[str],
) -> Placed:
    """What was decided for a list that may be for a placement.

    FaultyInputError if there is no such placement, or it decides on what such lists do not have.
    """
    given = context_of(context or ())
    if name is None:
        if given:
            detail = "A context picks the variant of a placement: name the placement too."
            raise invalid_request([Fault("query:context", detail)])
        return Placed(PlacementValues(), None, "")
    placement = await placements.find(name, "query:placement")
    values = placement.definition.values(given)
    beyond = sorted(values.decided().keys() - takes)
    if beyond:
        detail = (
            f"{name} decides on {', '.join(beyond)}, which these lists do not have. Name a"
            f" placement that decides on {', '.join(sorted(takes))} alone."
        )
        raise invalid_request([Fault("query:placement", detail)])
    answer = NamedPlacement(name=name, version=placement.version)
    return Placed(values, answer, f"{name} {sorted(given.items())}")


@dataclass(frozen=True, slots=True)
class PlacedRequest(Generic[Request]):
    """A request with what was decided where it says nothing, as it is for its user."""

    request: Request
    fields: Sequence[str] | None
    placement: NamedPlacement | None
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
    placed = await find_placed(placements, query.placement, query.context, OF_FOUND)
    values, said, user_id = placed.values, query.model_fields_set, query.user()
    filters = await own_values.resolved(request.filters, user_id)
    if values.filter is not None:
        written = await own_values.trusted(written_filter(values.filter), user_id)
        filters = filters.also_written(written)
    complete = replace(
        request,
        filters=filters,
        limit=request.limit if "limit" in said else values.limit or request.limit,
        exclude_seen=(
            request.exclude_seen
            if "exclude_seen" in said or values.exclude_seen is None
            else values.exclude_seen
        ),
    )
    # As it was asked: what is the user's own, or decided, may change while somebody scrolls.
    binding = f"{query.user_id}\n{request.scroll_key()}\n{placed.key}"
    return PlacedRequest(complete, query.fields or values.fields, placed.answer, binding)
