"""Users' profiles, with the interests they declare, and answers that stay true to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from domain.errors import StoreUnavailableError, UnknownUserError
from domain.identifiers import ItemNo, UserId
from serving.candidates.catalogue_items import find_item_nos
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.http.entries import RefusedEntry, batch_answer, entry_faults, refuse_all
from serving.http.errors import faults_of
from serving.http.merge_patch import merge_patch
from serving.postgres.store import ReadStore
from serving.redis.answers import Answers
from serving.runtime.faults import (
    Fault,
    FaultyInputError,
    MergedUserError,
    invalid_request,
    merged_away,
    unknown_items,
)
from serving.users.schemas import UserBatchAnswer, UserBody, UserEntry, UserPatch
from serving.users.user_profiles import (
    DeclaredInterests,
    DeclaredWord,
    MergedIdsError,
    ProfileUpdate,
    StoredProfile,
    StoredUser,
    UserProfile,
    UserProfiles,
)

_ATTEMPTS = 5


@dataclass(eq=False, slots=True, kw_only=True)
class UserKeeping:
    """Reads and writes users' profiles, and keeps their answers true to them."""

    users: UserProfiles
    store: ReadStore
    answers: Answers
    exclusion_cache: ExclusionCache
    exclusion_warmer: ExclusionWarmer

    async def load(self, user_id: UserId) -> UserProfile:
        """A user's profile; UnknownUserError if nobody has that name."""
        user = await self.users.find_user(user_id)
        if user is None:
            raise _unknown(user_id)
        return user

    async def list(self, *, after: int, most: int) -> tuple[Sequence[UserProfile], int | None]:
        """Users after a number, and after which it goes on."""
        return await self.users.list_users(after=after, most=most)

    async def put(self, user_id: UserId, body: UserBody) -> tuple[UserProfile, ProfileUpdate]:
        """Create a user or replace the profile of one.

        When this returns it is committed, the user's cached answers are gone, and no list shows the
        items that were named. FaultyInputError names each unknown item; then nothing is stored.
        """
        profile = await self._found(user_id, body)
        try:
            update = await self.users.put_user(profile)
        except MergedIdsError as error:
            raise MergedUserError(merged_away(user_id)) from error
        await self._make_known(profile, update)
        return _as_declared(user_id, body, update), update

    async def patch(self, user_id: UserId, patch: UserPatch) -> UserProfile:
        """Change a profile by a merge patch; of two at once each counts.

        UnknownUserError if nobody has that name; FaultyInputError as `put`.
        """
        for _ in range(_ATTEMPTS):
            found = await self.users.find_version(user_id)
            if found is None:
                raise _unknown(user_id)
            profile, version = found
            body = patched(profile, patch)
            user = await self._found(user_id, body)
            update = await self.users.change_user(user, version)
            if update is not None:
                await self._make_known(user, update)
                return _as_declared(user_id, body, update)
        raise StoreUnavailableError(
            "Others were writing the same user all the time. Try again shortly.", reason="conflict"
        )

    async def put_batch(
        self, entries: Sequence[UserEntry | RefusedEntry], *, partial: bool
    ) -> UserBatchAnswer:
        """Create users or replace their profiles, all or, if `partial`, those that are good.

        FaultyInputError names all that is wrong; then nothing is stored.
        """
        found = entry_faults("users", entries, "user_id")
        good = {
            index: entry
            for index, entry in enumerate(entries)
            if index not in found and isinstance(entry, UserEntry)
        }
        item_nos = await self._numbers(
            {item for entry in good.values() for item in entry.interests.items}
        )
        for index, entry in good.items():
            if faults := _item_faults(entry.interests.items, item_nos, f"/users/{index}"):
                found[index] = faults
        stored: Mapping[UserId, StoredUser] | None = None
        while stored is None:
            if not partial:
                refuse_all("users", found)
            profiles = [
                _profile_of(UserId(entry.user_id), entry, item_nos)
                for index, entry in good.items()
                if index not in found
            ]
            try:
                stored = await self.users.put_users(profiles) if profiles else {}
            except MergedIdsError as error:
                for index, entry in good.items():
                    if entry.user_id in error.user_ids:
                        detail = merged_away(entry.user_id)
                        found[index] = [Fault(f"/users/{index}/user_id", detail)]
        await self._make_batch_known(profiles, stored)
        is_new = {str(user_id): each.created for user_id, each in stored.items()}
        return UserBatchAnswer(**batch_answer(entries, "user_id", found, is_new.__getitem__))

    async def _make_known(self, profile: StoredProfile, update: ProfileUpdate) -> None:
        # Also if nothing has changed: whoever declared the same before may have died before this.
        stored = StoredUser(update.user_no, update.created, changed=True)
        await self._make_batch_known([profile], {profile.user_id: stored})

    async def _make_batch_known(
        self, profiles: Sequence[StoredProfile], stored: Mapping[UserId, StoredUser]
    ) -> None:
        named = {
            each.user_id: UserExclusions(
                stored[each.user_id].user_no, Exclusions(seen=frozenset(each.item_nos))
            )
            for each in profiles
        }
        self.exclusion_cache.add(named)
        if stored:
            await self.answers.drop([each.user_no for each in stored.values()])
        await self.exclusion_cache.publish(named)
        # Items may have been named before that are not named any more.
        before = {
            each.user_no: user_id
            for user_id, each in stored.items()
            if each.changed and not each.created
        }
        await self.exclusion_warmer.reload(before)

    async def _found(self, user_id: UserId, body: UserBody) -> StoredProfile:
        item_nos = await self._numbers(body.interests.items)
        faults = _item_faults(body.interests.items, item_nos)
        if faults:
            raise FaultyInputError(
                f"Nothing was stored: {len(faults)} of the items are unknown.", faults
            )
        return _profile_of(user_id, body, item_nos)

    async def _numbers(self, item_ids: Iterable[str]) -> Mapping[str, ItemNo]:
        wanted = set(item_ids)
        return await find_item_nos(self.store, wanted) if wanted else {}


def _item_faults(
    item_ids: Sequence[str], found: Mapping[str, ItemNo], above: str = ""
) -> list[Fault]:
    named = {f"{above}/interests/items/{index}": each for index, each in enumerate(item_ids)}
    return unknown_items(named, found)


def _profile_of(user_id: UserId, body: UserBody, item_nos: Mapping[str, ItemNo]) -> StoredProfile:
    return StoredProfile(
        user_id,
        body.attributes,
        body.interests.words,
        [item_nos[item_id] for item_id in body.interests.items],
    )


def _unknown(user_id: UserId) -> UnknownUserError:
    return UnknownUserError(
        f"There is no user {user_id!r}. A user comes to be with PUT, or with an event."
    )


def patched(profile: UserProfile, patch: UserPatch) -> UserBody:
    """The whole profile after a patch; FaultyInputError if it cannot be so."""
    stored = {
        "attributes": profile.attributes,
        "interests": {
            "words": [each.word for each in profile.interests.words],
            "items": list(profile.interests.items),
        },
    }
    try:
        return UserBody(**merge_patch(stored, patch.model_dump(exclude_unset=True)))
    except ValidationError as error:
        raise invalid_request(faults_of(error.errors())) from error


def _as_declared(user_id: UserId, body: UserBody, update: ProfileUpdate) -> UserProfile:
    """The user as of the update: read again, one forgotten meanwhile would not be found."""
    words = zip(body.interests.words, update.known, strict=True)
    return UserProfile(
        user_id=user_id,
        attributes=body.attributes,
        interests=DeclaredInterests(
            tuple(DeclaredWord(word, known) for word, known in words), tuple(body.interests.items)
        ),
        declared_at=update.declared_at,
        created_at=update.created_at,
    )
