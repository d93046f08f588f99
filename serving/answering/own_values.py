"""What a filter compares with of the user's own: `user.NAME`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from domain.errors import ForbiddenError, StoreUnavailableError
from domain.identifiers import UserId
from serving.access.callers import Caller, may_see_users, own_user
from serving.access.requirements import find_caller
from serving.answering.schemas import written_filter
from serving.candidates.filters import Filters, Passes
from serving.filtering.expression import OwnValue, Value
from serving.http.routing import Services
from serving.runtime.budget import ask_without_blame
from serving.runtime.faults import Fault, invalid_request

_MOST_VALUES = 1_000
"""Of all that a filter compares with: each item may be compared with each of them."""


class AttributesReader(Protocol):
    """Who knows users' attributes."""

    async def find_attributes(self, user_id: UserId) -> Mapping[str, Any]:
        """A user's attributes; of somebody unknown there are none."""


@dataclass(eq=False, slots=True)
class _ReadOnce:
    """Keeps what was read of the last user: several filters may ask for it."""

    users: AttributesReader
    last: tuple[UserId, Mapping[str, Any]] | None = None

    async def find_attributes(self, user_id: UserId) -> Mapping[str, Any]:
        if self.last is None or self.last[0] != user_id:
            self.last = (user_id, await self.users.find_attributes(user_id))
        return self.last[1]


class OwnValues:
    """Puts the values of the user's attributes into filters."""

    def __init__(
        self,
        users: AttributesReader,
        *,
        may_see_users: bool = False,
        is_for_own_user: bool = False,
    ) -> None:
        self._users = users
        self._may_see_users = may_see_users
        self.is_for_own_user = is_for_own_user
        """Whether an end user asks, and no app: what such a request says is no app's word."""

    def asked_by(self, caller: Caller) -> "OwnValues":
        """The same for one request of this caller.

        By comparing with known items it could be found out what an attribute holds.
        """
        return OwnValues(
            _ReadOnce(self._users),
            may_see_users=may_see_users(caller),
            is_for_own_user=own_user(caller) is not None,
        )

    async def written(self, text: str | None, user_id: str | None) -> Passes | None:
        """The filter that was written, as it is for this user; see `resolved`."""
        if text is None:
            return None
        filters = Filters().also(written_filter(text))
        user = None if user_id is None else UserId(user_id)
        return (await self.resolved(filters, user)).written

    async def resolved(
        self, filters: Filters, user_id: UserId | None, pointer: str = "query:filter"
    ) -> Filters:
        """The filters as they are for this user; faults are pointed to at `pointer`.

        What the user has no attribute for equals nothing. FaultyInputError if they ask for what is
        the user's own, and there is no user, or the user has too much of it; StoreUnavailableError
        if it cannot be looked up. ForbiddenError if the caller may not know of users.
        """
        written = filters.written
        if written is None:
            return filters
        # Each item of the catalogue is looked at, and whoever asks says how long that takes.
        ask_without_blame()
        if not written.asks_own:
            return filters
        if not self._may_see_users:
            raise ForbiddenError(
                "A filter that asks for `user.` needs an API key with the scope users too."
            )
        if user_id is None:
            detail = "`user.` stands for the attributes of a user: give user_id too."
            raise invalid_request([Fault(pointer, detail)])
        attributes = await self._users.find_attributes(user_id)
        return filters.with_written(_with_own(written, attributes, pointer))

    async def attributes(self, user_id: UserId | None) -> Mapping[str, Any] | None:
        """What an operator's conditions are asked of; None: nobody is named, or nothing is known.

        That a store is away is no reason for having no list at all.
        """
        if user_id is None:
            return None
        try:
            return await self._users.find_attributes(user_id)
        except StoreUnavailableError:
            return None

    async def trusted(self, written: Passes, user_id: UserId | None) -> Passes:
        """A filter that an operator has written, for whoever asks, as it is for this user.

        Of nobody there are no attributes. Raises as `resolved`, but for what the caller may know.
        """
        ask_without_blame()
        if not written.asks_own:
            return written
        attributes = {} if user_id is None else await self._users.find_attributes(user_id)
        return _with_own(written, attributes, "query:placement")


async def _of_caller(request: Request) -> OwnValues:
    # Of the caller and the services as dependencies FastAPI would solve two more in every request.
    services: Services = request.state.services
    return services[OwnValues].asked_by(await find_caller(request))


FromOwnValues = Annotated[OwnValues, Depends(_of_caller)]


def _with_own(written: Passes, attributes: Mapping[str, Any], pointer: str) -> Passes:
    operands = [each for each in written.expression.operands() if isinstance(each, OwnValue)]
    own = {operand: _values(attributes, operand) for operand in operands}
    if sum(len(own[operand]) for operand in operands) > _MOST_VALUES:
        detail = f"It compares with more than {_MOST_VALUES:,} values of this user's attributes."
        raise invalid_request([Fault(pointer, detail)])
    return replace(written, expression=written.expression.with_own(own.__getitem__))


def _values(attributes: Mapping[str, Any], own: OwnValue) -> Sequence[Value]:
    """Texts, numbers and booleans; what else an attribute holds equals nothing."""
    found: Any = attributes
    for step in own.path:
        found = found.get(step) if isinstance(found, dict) else None
    values = found if isinstance(found, list) else [found]
    return [each for each in values if isinstance(each, str | int | float | bool)]
