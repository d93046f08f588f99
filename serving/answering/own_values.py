"""What a filter compares with of the user's own: `user.NAME`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Protocol

from domain.identifiers import UserId
from serving.candidates.filters import Filters, Passes
from serving.filtering.expression import OwnValue, Value
from serving.filtering.language import parse_filter
from serving.http.routing import provided
from serving.runtime.budget import ask_without_blame
from serving.runtime.faults import Fault, invalid_request

_MOST_VALUES = 1_000
"""Of all that a filter compares with: each item may be compared with each of them."""


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
        the user's own, and there is no user, or the user has too much of it; StoreUnavailableError
        if it cannot be looked up.
        """
        written = filters.written
        if written is None:
            return filters
        # Each item of the catalogue is looked at, and whoever asks says how long that takes.
        ask_without_blame()
        operands = written.expression.operands()
        asked = [operand for operand in operands if isinstance(operand, OwnValue)]
        if not asked:
            return filters
        if user_id is None:
            detail = "`user.` stands for the attributes of a user: give user_id too."
            raise invalid_request([Fault("query:filter", detail)])
        attributes = await self._users.find_attributes(user_id)
        own = {operand: _values(attributes, operand) for operand in asked}
        if sum(len(own[operand]) for operand in asked) > _MOST_VALUES:
            detail = (
                f"It compares with more than {_MOST_VALUES:,} values of this user's attributes."
            )
            raise invalid_request([Fault("query:filter", detail)])
        expression = written.expression.with_own(own.__getitem__)
        return filters.with_written(replace(written, expression=expression))


FromOwnValues = Annotated[OwnValues, provided(OwnValues)]


def _values(attributes: Mapping[str, Any], own: OwnValue) -> Sequence[Value]:
    """Texts, numbers and booleans; what else an attribute holds equals nothing."""
    found: Any = attributes
    for step in own.path:
        found = found.get(step) if isinstance(found, dict) else None
    values = found if isinstance(found, list) else [found]
    return [each for each in values if isinstance(each, str | int | float | bool)]
