"""Links that are good once: to register with a role, or to choose a password."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from serving.access.callers import AccountRole
from serving.access.random_tokens import LINK, RandomToken, has_token_form, hash_token
from serving.postgres.store import ReadStore
from serving.runtime.faults import LinkGoneError
from sql.statements import statements

_ACCOUNTS = statements("accounts")

INVITATION_LIFE: Final = timedelta(days=7)
RESET_LIFE: Final = timedelta(hours=24)
REQUESTED_LIFE: Final = timedelta(hours=1)
"""Of a link to choose a password that was asked for by whoever says to be its owner."""

Purpose = Literal["invitation", "reset"]

STORED_BY: Mapping[Purpose, str] = {
    "invitation": "store_invitation",
    "reset": "store_reset_link",
}
"""The statement that stores a link."""


def link_parameters(made: RandomToken, life: timedelta) -> dict[str, Any]:
    """What such a statement stores of every link."""
    return {"link_hash": made.token_hash, "seconds": life.total_seconds()}


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link that was just made; the token is shown once."""

    token: str
    purpose: Purpose
    expires_at: datetime

    @property
    def path(self) -> str:
        """Where it is used. What stands in the fragment of an address is sent to no server."""
        return f"/sign-in#{self.purpose}={self.token}"


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link that is still good."""

    link_hash: bytes
    role: AccountRole | None
    """Of an invitation."""
    name: str | None
    """Of the account whose password it is to choose."""


class Links:
    """Looks links up. A password is hashed only for one that is good, as that takes its time."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def find(self, token: str, purpose: Purpose) -> FoundLink:
        """The link; LinkGoneError if it is not good, or for something else."""
        if not has_token_form(token, LINK):
            raise LinkGoneError
        link_hash = hash_token(token)
        rows = await self._store.rows(_ACCOUNTS["find_link"], {"link_hash": link_hash})
        if not rows or rows[0].purpose != purpose:
            raise LinkGoneError
        return FoundLink(link_hash, rows[0].role, rows[0].name)
