"""Finds out who asks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

from domain.errors import ForbiddenError, UnauthenticatedError
from serving.access.callers import ApiKey, Caller, Required, SignedIn, TeamMember
from serving.access.console_sessions import ConsoleSessions
from serving.access.known_keys import KnownKeys
from serving.access.random_tokens import is_csrf_token
from serving.access.tokens import Tokens

_KEY, _AUTHORIZATION, _CSRF = b"x-api-key", b"authorization", b"x-csrf-token"
_COOKIE = b"cookie"
_READ = (_KEY, _AUTHORIZATION, _CSRF)
_BEARER = "bearer "
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

SESSION_COOKIE: Final = "tandem_session"
SECURE_COOKIE: Final = f"__Host-{SESSION_COOKIE}"
"""Browsers take a cookie of such a name from the host itself and over TLS only."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request was sent with."""

    key: str = ""
    authorization: str = ""
    session_secret: str = ""
    """From the cookie."""
    csrf_token: str = ""
    changes_nothing: bool = False
    """Whether its method is one that a link on any page may be asked by."""

    @classmethod
    def of(cls, scope: Scope) -> "Credentials":
        """Those of a request; of a header given twice the first counts."""
        headers: dict[bytes, str] = {}
        cookies: list[str] = []
        for name, value in scope["headers"]:
            if name in _READ and not headers.get(name):
                # Blanks around a header's value are no part of it (RFC 9110, 5.5).
                headers[name] = value.decode("latin-1").strip(" \t")
            elif name == _COOKIE:
                cookies.append(value.decode("latin-1"))
        return cls(
            headers.get(_KEY, ""),
            headers.get(_AUTHORIZATION, ""),
            _session_secret(cookies, is_secure=is_secure(scope)) if cookies else "",
            headers.get(_CSRF, ""),
            scope["method"] in _SAFE_METHODS,
        )


def is_secure(scope: Scope) -> bool:
    """Whether the request came over TLS, as far as the server knows."""
    return scope.get("scheme") == "https"


def _session_secret(cookies: Iterable[str], *, is_secure: bool) -> str:
    """Over TLS only the cookie that no other host, and no page without TLS, could have set."""
    wanted = SECURE_COOKIE if is_secure else SESSION_COOKIE
    for header in cookies:
        for pair in header.split(";"):
            name, _, value = pair.strip(" \t").partition("=")
            if name == wanted:
                return value.strip('"')
    return ""


class Access:
    """Finds out who asks: by a key, a token, or the session of a browser."""

    def __init__(self, keys: KnownKeys, tokens: Tokens, sessions: ConsoleSessions) -> None:
        self._keys = keys
        self._tokens = tokens
        self._sessions = sessions

    async def identify(
        self, sent: Credentials, required: Required, is_guessing: Callable[[], bool]
    ) -> Caller:
        """Who asks, whatever they may do.

        `is_guessing` is asked before something is looked up that nobody knows.
        A key or a token is what counts where one is sent: a browser adds its cookie by itself.
        UnauthenticatedError without valid credentials, or with a key and a token. The errors of
        `KnownKeys.find` and `ConsoleSessions.find` where a key or a session cannot be looked up.
        """
        if sent.key and sent.authorization:
            raise UnauthenticatedError(
                "Both an API key and a token were sent: send X-API-Key or Authorization, not both."
            )
        if sent.key:
            key = await self._keys.find(
                sent.key, to_read=required.scope == "read", is_guessing=is_guessing
            )
            if key is None:
                raise UnauthenticatedError(
                    "The API key in the header X-API-Key is unknown, revoked or expired."
                )
            return key
        if sent.authorization:
            return self._tokens.read(_bearer(sent.authorization))
        if sent.session_secret:
            return await self._of_session(sent, is_guessing)
        raise UnauthenticatedError

    def find_known(self, key: str) -> ApiKey | None:
        """The key if it is known here to be in force; None: `identify` must tell."""
        return self._keys.find_known(key)

    async def confirm(self, sent: Credentials, caller: Caller) -> None:
        """UnauthenticatedError if the caller may not do so any more as the store has it just now.

        What this process knows may be some seconds old: enough for whoever was shut out elsewhere
        to come back.
        """
        if isinstance(caller, ApiKey):
            holds = await self._keys.holds(sent.key)
        else:
            holds = isinstance(caller, TeamMember) and await self._sessions.holds(caller)
        if not holds:
            raise UnauthenticatedError("This key or session has ended just now.")

    async def _of_session(self, sent: Credentials, is_guessing: Callable[[], bool]) -> SignedIn:
        caller = await self._sessions.find(sent.session_secret, is_guessing=is_guessing)
        if caller is None:
            raise UnauthenticatedError("The session has ended. Sign in again.")
        if not sent.changes_nothing and not is_csrf_token(sent.csrf_token, sent.session_secret):
            raise ForbiddenError(
                "A request by cookie that changes something needs the header X-CSRF-Token, as GET"
                " /v1/auth/session tells it."
            )
        return caller


def _bearer(authorization: str) -> str:
    if authorization[: len(_BEARER)].lower() != _BEARER:
        raise UnauthenticatedError(
            "The header Authorization takes `Bearer TOKEN`. An API key goes into X-API-Key."
        )
    return authorization[len(_BEARER) :].strip(" ")
