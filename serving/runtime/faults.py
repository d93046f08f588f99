"""What is wrong with a request, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.errors import InvalidInputError, StoreUnavailableError, TandemError
from domain.identifiers import ItemNo

MOST_FAULTS = 20
"""How many faults one answer lists."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request."""

    pointer: str
    """Where: a JSON pointer into the body (`/events/3/kind`), or `query:limit`, `path:user_id`."""
    detail: str
    """What is wrong, and what would be right."""


class FaultyInputError(InvalidInputError):
    """The request is not valid."""

    def __init__(self, detail: str, faults: Sequence[Fault]) -> None:
        super().__init__(detail)
        self.faults = tuple(faults[:MOST_FAULTS])


def invalid_request(faults: Sequence[Fault]) -> FaultyInputError:
    """The error of a request whose form is wrong; its sentence has the first of the faults."""
    details = "; ".join(f"{fault.pointer or 'the body'}: {fault.detail}" for fault in faults[:3])
    return FaultyInputError(f"The request is not valid. {details}", faults)


class ConflictingEventsError(FaultyInputError):
    """An event id comes with another content than before."""


class EventsNotAcknowledgedError(StoreUnavailableError):
    """It is not known whether the events were recorded."""

    def __init__(self, detail: str, event_ids: Sequence[str]) -> None:
        again = "Send them again with the event_ids of this answer, in their order: each then"
        super().__init__(f"{detail} {again} counts once.", reason="not_acknowledged")
        self.event_ids = tuple(event_ids)


class MalformedBodyError(InvalidInputError):
    """The body is not JSON."""


class UnsupportedMediaTypeError(InvalidInputError):
    """The body is not sent as JSON."""


class BodyTooLargeError(InvalidInputError):
    """The body is too large."""


class UnknownLoadError(InvalidInputError):
    """There is no such load."""


class FileGoneError(InvalidInputError):
    """The file of the load is not kept any more."""


class NoSigningKeysError(TandemError):
    """Tokens are off here: no file of signing keys is set up (TANDEM_SIGNING_KEYS_FILE)."""


class UnknownKeyError(InvalidInputError):
    """There is no such API key in force."""


class KeyNameTakenError(InvalidInputError):
    """An API key of this name exists already, or did."""


class NoRoomError(TandemError):
    """There is no room on the disk for the file. Make room, or send a smaller one."""


class RateLimitedError(TandemError):
    """The caller's requests are limited, and this is one too many."""

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class RunGoneError(TandemError):
    """The model run was dropped while it was being read."""


class UserGoneError(TandemError):
    """The user was forgotten, and the number is nobody's any more."""


class GrantRefusedError(TandemError):
    """The name or the password is wrong, or the account is disabled."""

    error = "invalid_grant"
    """As OAuth 2.0 names it (RFC 6749, 5.2)."""


class UnsupportedGrantError(GrantRefusedError):
    """There are two grants: password, and refresh_token."""

    error = "unsupported_grant_type"


class CursorExpiredError(TandemError):
    """The list was begun too long ago. Leave the cursor out to begin anew."""


class LinkGoneError(TandemError):
    """The link was used, has expired, or is none. Ask for a new one."""


class NameTakenError(InvalidInputError):
    """There is an account of this name already. Choose another name, or sign in."""


class UnknownAccountError(InvalidInputError):
    """There is no such account."""


class LastAdminError(InvalidInputError):
    """Nobody else who can sign in is an admin. Make somebody one first."""


class AccountLinkedError(InvalidInputError):
    """Another account reads and writes as this user."""


class MergedUserError(InvalidInputError):
    """The user was merged into another one. Name that one."""


class TooManyPreferencesError(InvalidInputError):
    """The user has 100 preferences, the most there may be. Take others back first."""


class UnknownKindError(InvalidInputError):
    """There is no such kind of events."""


class UnknownPlacementError(InvalidInputError):
    """There is no such placement, or no such version of it."""


class PlacementConflictError(InvalidInputError):
    """Another version of the placement was saved meanwhile."""


class ItemConflictError(InvalidInputError):
    """The item was changed meanwhile. Look at it again, and change that."""


class KindInUseError(InvalidInputError):
    """Events of this kind are recorded, and would mean nothing. Give it the weight 0 instead."""


class UnknownExperimentError(InvalidInputError):
    """There is no such experiment."""


class ExperimentConflictError(InvalidInputError):
    """The experiment is not as it would have to be for this."""


class NoResetWebhookError(TandemError):
    """Nobody sends links from here (TANDEM_RESET_WEBHOOK): ask an administrator for one."""


def merged_away(user_id: str) -> str:
    """What is wrong with an id that was merged into another."""
    return f"The user {user_id!r} was merged into another one. Name that one."


def unknown_items(named: Mapping[str, str], found: Mapping[str, ItemNo]) -> list[Fault]:
    """What is wrong with items (by pointer) of which only some were found."""
    advice = "Create it first with PUT /v1/items/{item_id}, or leave it out."
    return [
        Fault(pointer, f"There is no item {item_id!r}. {advice}")
        for pointer, item_id in named.items()
        if item_id not in found
    ]
