"""What a filter compares with of the user's own: `user.NAME`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Protocol

from domain.identifiers import UserId
from serving.candidates.filters import Filters, Passes
from serving.filtering.expression import OwnValue, Value
from serving.filtering.language import parse_filter
from serving.http.routing import provided
from serving.runtime.faults import Fault, invalid_request

_MOST_VALUES = 100


class AttributesReader(Protocol):
    """Who knows users' attributes."""

    async def find_attributes(self, user_id: UserId) -> Mapping[str, Any]:
        """A user's attributes; of somebody unknown there are none."""


class OwnValues:
    """Puts the values of the user's attributes into filters."""

    def __init__(self, users: AttributesReader) -> None:
        self._users = users

    async def written(self, text: str | None, user_id: str | None) -> Passes | None:
        """The filter that was written, as it is for this user; see `resolved`."""
        if text is None:
            return None
        filters = Filters().also(Passes(text, parse_filter(text)))
        user = None if user_id is None else UserId(user_id)
        return (await self.resolved(filters, user)).written

    async def resolved(self, filters: Filters, user_id: UserId | None) -> Filters:
        """The filters as they are for this user.

        What the user has no attribute for equals nothing. FaultyInputError if they ask for what is
        the user's own, and there is no user; StoreUnavailableError if it cannot be looked up.
        """
        written = filters.written
        if written is None or not any(
            isinstance(operand, OwnValue) for operand in written.expression.operands()
        ):
            return filters
        if user_id is None:
            detail = "`user.` stands for the attributes of a user: give user_id too."
            raise invalid_request([Fault("query:filter", detail)])
        attributes = await self._users.find_attributes(user_id)
        own = replace(
            written, expression=written.expression.with_own(lambda each: _values(attributes, each))
        )
        return filters.with_written(own)


FromOwnValues = Annotated[OwnValues, provided(OwnValues)]


def _values(attributes: Mapping[str, Any], own: OwnValue) -> Sequence[Value]:
    """Texts, numbers and booleans; what else an attribute holds equals nothing."""
    found: Any = attributes
    for step in own.path:
        found = found.get(step) if isinstance(found, dict) else None
    values = found if isinstance(found, list) else [found]
    return [each for each in values[:_MOST_VALUES] if isinstance(each, str | int | float | bool)]
