"""Identifiers, each with a type of its own so that a user is never passed for an item."""

import re
import uuid
from enum import StrEnum
from hashlib import sha1
from typing import NewType

UserId = NewType("UserId", str)
"""A user as the app names it: 1 to 200 characters."""

ItemId = NewType("ItemId", str)
"""An item as the app names it: 1 to 200 characters."""

UserNo = NewType("UserNo", int)
"""A user's dense number, given once, used in arrays, matrices and joins."""

ItemNo = NewType("ItemNo", int)
"""An item's dense number, given once."""

KindNo = NewType("KindNo", int)
"""The number of an event kind, a row of `event_kinds`."""

ScaleNo = NewType("ScaleNo", int)
"""The number of a scale of ratings, a row of `rating_scales`."""

RunId = NewType("RunId", int)
"""The number of a model run, a row of `model_runs`."""

Position = NewType("Position", int)
"""A position in the interaction log. Read only up to the event horizon (see `sql.log`)."""

ME = "me"
"""Stands for the user a token was made for, and is therefore the id of nobody."""

LONGEST_ID = 200
"""The most characters a user, item or event id may have."""

CANARY_ID = UserId("tandem-canary")
"""The user by whom Tandem measures how soon lists follow; no app should have one of this name."""

CANARY_NO = UserNo(0)
"""The canary's number, which nobody else ever has; statements that count or learn leave it out."""

_USUAL = re.compile("[0-9A-Za-z_][!-~]*")
"""Almost every id. All of it is visible, so that no character needs to be looked at by itself."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class IdFault(StrEnum):
    """Why a text cannot be the id of anything, nor a category."""

    CONTROL = "control characters such as U+0000, line ends and lone surrogates are not allowed"
    BLANK = "it is blank; it needs at least one visible character"
    PADDED = "blanks before or after it are not allowed, as they would make it another one"
    DOTS = "`.` and `..` are not allowed, as no path can hold them"
    RESERVED = "`me` stands for the user of a token, and is no id of its own"


DRAWN_AS_NOTHING = frozenset(" \u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Printable, as letters, marks and symbols are, and yet blank: fillers, joiners, empty Braille."""


def is_visible(text: str) -> bool:
    """Whether anything of a text can be seen."""
    return any(character.isprintable() and character not in DRAWN_AS_NOTHING for character in text)


def id_fault(text: str) -> IdFault | None:
    """What is wrong with the characters of an id or a category; None: nothing is."""
    if _USUAL.fullmatch(text):
        return None
    if _CONTROL.search(text):
        return IdFault.CONTROL
    if not is_visible(text):
        return IdFault.BLANK
    if text != text.strip():
        return IdFault.PADDED
    return IdFault.DOTS if text in {".", ".."} else None


_HEX = "[0-9a-fA-F]"
_UUID = re.compile(
    rf"(urn:uuid:)?{_HEX}{{8}}(-?){_HEX}{{4}}\2{_HEX}{{4}}\2{_HEX}{{4}}\2{_HEX}{{12}}"
    rf"|\{{{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}\}}"
)
"""The ways to write one. Python reads many more texts as one: signs, `0x`, `_` and other digits."""
EVENT_NAMESPACE = uuid.UUID("5b8a9d4e-3c57-4b0e-9d0a-7a6c1f2e8d31")
_NAMESPACE = EVENT_NAMESPACE.bytes
_UNVERSIONED = ~((0xF000 << 64) | (0xC000 << 48))
_VERSION_5 = (0x5000 << 64) | (0x8000 << 48)
"""The bits of version and variant (RFC 9562)."""


def event_uuid(event_id: str) -> uuid.UUID:
    """Map an app's event id to the UUID it is stored under.

    A UUID stands for itself, with hyphens or without, as a URN or in braces; any other text maps to
    a UUID of version 5, so that the same text is the same event forever, and no other text is.
    """
    if _UUID.fullmatch(event_id):
        return uuid.UUID(event_id)
    return _named_uuid(event_id)


def own_event_uuid(user_id: UserId, event_id: str) -> uuid.UUID:
    """The same of an id that the user's own device gave: it meets no other user's, nor an app's."""
    # A line end stands in no id, so no other pair makes the same text.
    return _named_uuid(f"{user_id}\n{event_id}")


def _named_uuid(name: str) -> uuid.UUID:
    """As `uuid.uuid5` in our namespace, in half the time."""
    digest = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest[:16], "big")
    return uuid.UUID(int=number & _UNVERSIONED | _VERSION_5)
