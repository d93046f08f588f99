"""Who asks, and what a route requires of them.

A caller is an app with an API key, a user with a token, or a person of the team.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from domain.errors import ForbiddenError
from domain.identifiers import UserId

Scope = Literal["read", "write", "users", "token", "admin"]
"""What an API key may do. users: what is said of users; token: make tokens for users."""

Role = Literal["viewer", "operator", "admin"]
"""Of a person of the team; each may do what those before it may."""

AccountRole = Literal[Role, "user"]
"""Of whoever has an account; `user`: an end user, who reads and writes as one user id only."""

SCOPES: tuple[Scope, ...] = get_args(Scope)
ROLES: tuple[Role, ...] = get_args(Role)

Kind = Literal["read", "write", "admin"]
"""What a request does, and so whose time and connections it spends."""


@dataclass(frozen=True, slots=True)
class Required:
    """What a route requires of its caller."""

    scope: Scope | None
    """Of an API key; None: no key opens it, it is for people who are signed in."""
    kind: Kind
    role: Role
    """Of a person of the team: this one, or one that may do more."""
    own: bool = False
    """A user's token opens it too, for what is the user's own."""

    @property
    def administers(self) -> bool:
        """Whether it may give rights, or take them."""
        return self.scope == self.role == "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An app, by a key that is in force."""

    key_id: int
    name: str
    scopes: frozenset[str]
    per_minute: int | None = None
    """Requests a minute; None: as the settings say."""
    expires_at: datetime | None = None

    @property
    def caller_id(self) -> str:
        """What it is counted under."""
        return f"key:{self.key_id}"

    @property
    def label(self) -> str:
        """As people know it."""
        return f"key {self.name}"

    def check(self, required: Required) -> None:
        """ForbiddenError if the key lacks the scope."""
        if required.scope is None:
            raise ForbiddenError("This is for people who are signed in; an API key is nobody.")
        if required.scope not in self.scopes:
            raise ForbiddenError(f"This needs an API key with the scope {required.scope}.")


@dataclass(frozen=True, slots=True)
class TokenUser:
    """A user, by a token: reads that user's lists and writes that user's events, nothing else."""

    user_id: UserId
    session_id: str | None = None
    """Of an account that is signed in; None: an app made the token."""

    @property
    def caller_id(self) -> str:
        """What it is counted under."""
        return f"user:{self.user_id}"

    @property
    def label(self) -> str:
        """As people know it."""
        return "user"

    def check(self, required: Required) -> None:
        """ForbiddenError if the route is not for users."""
        if not required.own:
            raise ForbiddenError("A token for one user opens that user's lists and events only.")


@dataclass(frozen=True, slots=True)
class TeamMember:
    """A person of the team, signed in."""

    account_id: int
    name: str
    role: Role
    session_id: str | None = None

    @property
    def caller_id(self) -> str:
        """What it is counted under."""
        return f"account:{self.account_id}"

    @property
    def label(self) -> str:
        """As people know it."""
        return f"account {self.name}"

    def check(self, required: Required) -> None:
        """ForbiddenError if the role is too small."""
        if ROLES.index(self.role) < ROLES.index(required.role):
            raise ForbiddenError(f"This needs the role {required.role}; yours is {self.role}.")


SignedIn = TokenUser | TeamMember
Caller = ApiKey | SignedIn


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in with a password."""

    account_id: int
    name: str
    role: AccountRole
    user_id: UserId | None
    """The one user an end user reads and writes as; None: it is a person of the team."""

    def as_caller(self, session_id: str) -> SignedIn:
        """The account, signed in."""
        if self.role == "user":
            if self.user_id is None:
                raise ValueError(f"account {self.account_id} is an end user's and has no user id")
            return TokenUser(self.user_id, session_id)
        return TeamMember(self.account_id, self.name, self.role, session_id)


def own_user(caller: Caller) -> UserId | None:
    """The one user a caller speaks for; None: it may speak for all."""
    return caller.user_id if isinstance(caller, TokenUser) else None


def check_may_appoint(caller: Caller) -> None:
    """ForbiddenError for a key that would make somebody who may do more than the key itself."""
    if isinstance(caller, ApiKey) and not caller.scopes >= set(SCOPES):
        raise ForbiddenError(
            f"A person of the team may do more than this key: it needs {', '.join(SCOPES)}."
        )


def grantable_scopes(caller: Caller) -> frozenset[str]:
    """What a caller who administers may give to a key: a key no more than its own scopes."""
    return caller.scopes if isinstance(caller, ApiKey) else frozenset(SCOPES)


def may_see_users(caller: Caller) -> bool:
    """Whether what a user did, and what is said of one, may be told to who may ask for the list."""
    return not isinstance(caller, ApiKey) or "users" in caller.scopes
