"""Users as the apps tell them, with what they say to like."""

from collections.abc import Sequence

from domain.errors import UnknownUserError
from domain.identifiers import ItemNo, UserId
from serving.faults import Fault, FaultyInputError
from serving.repositories.answers import Answers
from serving.repositories.events import Events
from serving.repositories.exclusions import Exclusions, UserExclusions
from serving.repositories.stated_users import (
    StatedInterests,
    StatedUser,
    StatedUsers,
    StatedWord,
    Statement,
)
from serving.schemas.users import UserBody
from serving.services.memory.exclusion_cache import ExclusionCache
from serving.services.memory.exclusion_warming import ExclusionWarmer


class UserKeeping:
    """Reads and writes what is said of users, and keeps their answers true to it."""

    def __init__(
        self,
        *,
        users: StatedUsers,
        events: Events,
        answers: Answers,
        exclusion_cache: ExclusionCache,
        exclusion_warmer: ExclusionWarmer,
    ) -> None:
        self._users = users
        self._events = events
        self._answers = answers
        self._exclusion_cache = exclusion_cache
        self._exclusion_warmer = exclusion_warmer

    async def load(self, user_id: UserId) -> StatedUser:
        """What is said of a user; UnknownUserError if nobody has that name."""
        user = await self._users.find_user(user_id)
        if user is None:
            raise UnknownUserError(
                f"There is no user {user_id!r}. A user comes to be with PUT, or with an event."
            )
        return user

    async def state(self, user_id: UserId, said: UserBody) -> tuple[StatedUser, Statement]:
        """Create a user or replace what is said of one.

        When this returns it is committed, the user's cached answers are gone, and no list shows the
        items that were named. FaultyInputError names each unknown item; then nothing is stored.
        """
        item_nos = await self._item_nos(said.interests.items)
        statement = await self._users.state_user(
            user_id, said.attributes, said.interests.words, item_nos
        )
        # Also if nothing has changed: whoever stated the same before may have died before this.
        named = {user_id: UserExclusions(statement.user_no, Exclusions(seen=frozenset(item_nos)))}
        self._exclusion_cache.add(named)
        await self._answers.drop([statement.user_no])
        await self._exclusion_cache.tell(named)
        if not statement.created:
            # Items may have been named before that are not named any more.
            await self._exclusion_warmer.reload(statement.user_no, user_id)
        return _as_stated(user_id, said, statement), statement

    async def _item_nos(self, item_ids: Sequence[str]) -> list[ItemNo]:
        found = await self._events.find_item_nos(item_ids) if item_ids else {}
        faults = unknown_items(
            {f"/interests/items/{place}": item_id for place, item_id in enumerate(item_ids)}, found
        )
        if faults:
            raise FaultyInputError(
                f"Nothing was stored: {len(faults)} of the items are unknown.", faults
            )
        return [found[item_id] for item_id in item_ids]


def _as_stated(user_id: UserId, said: UserBody, statement: Statement) -> StatedUser:
    """The user as of the statement: read again, one forgotten meanwhile would not be found."""
    words = zip(said.interests.words, statement.known, strict=True)
    return StatedUser(
        user_id=user_id,
        attributes=said.attributes,
        interests=StatedInterests(
            tuple(StatedWord(word, known) for word, known in words), tuple(said.interests.items)
        ),
        stated_at=statement.stated_at,
        created_at=statement.created_at,
    )


def unknown_items(named: dict[str, str], found: dict[str, ItemNo]) -> list[Fault]:
    """What is wrong with items (by pointer) of which only some were found."""
    advice = "Create it first with PUT /v1/items/{item_id}, or leave it out."
    return [
        Fault(pointer, f"There is no item {item_id!r}. {advice}")
        for pointer, item_id in named.items()
        if item_id not in found
    ]
