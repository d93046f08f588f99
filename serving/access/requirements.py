"""What routes require: a key that grants a scope, or that something is shown to whoever asks."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as RequestScope

from domain.errors import TandemError
from serving.access.access import Access, Scope
from serving.access.exposure import Exposure, Openness
from serving.access.keys import hash_key
from serving.http.bodies import METHODS_WITH_BODY
from serving.http.errors import nothing_here, problem_of
from serving.http.routing import Services
from serving.runtime.budget import RequestBudgets

KEY_HEADER = "X-API-Key"

_HEADER = APIKeyHeader(
    name=KEY_HEADER,
    scheme_name=KEY_HEADER,
    description="A key of `tandem key create` with the scopes it needs: read for lists and items,"
    " write for events and items, users for what is said of users, admin.",
    auto_error=False,
)

SentKey = Annotated[str | None, Security(_HEADER)]


class RequiredScope:
    """A dependency that lets a request pass if its key grants the scope.

    `kind` is what the request does, and so whose time and connections it spends.
    """

    def __init__(self, scope: Scope, kind: Literal["read", "write", "admin"]) -> None:
        self.scope: Scope = scope
        self.kind = kind

    async def __call__(self, request: Request, key: SentKey) -> None:
        """UnauthenticatedError or ForbiddenError if it does not."""
        state = request.scope["state"]
        if request.method not in METHODS_WITH_BODY or state.get("granted") != self.scope:
            await self.check(state, key)
        if request.method in METHODS_WITH_BODY:
            # Its body has been read, which had a time of its own: from here on the time is ours.
            state["services"][RequestBudgets].begin(self.kind)

    async def check(self, state: dict[str, Any], key: str | None) -> None:
        """Return if the key grants the scope; UnauthenticatedError or ForbiddenError if not.

        The time to look the key up is part of the request's budget, which begins here.
        """
        services: Services = state["services"]
        services[RequestBudgets].begin(self.kind, since=state.get("asked_at"))
        await services[Access].check(key, self.scope)
        state["granted"] = self.scope
        state["key_hash"] = hash_key((key or "").strip(" \t"))


may_read = Depends(RequiredScope("read", "read"))
may_write = Depends(RequiredScope("write", "write"))
may_read_users = Depends(RequiredScope("users", "read"))
may_write_users = Depends(RequiredScope("users", "write"))
may_administer = Depends(RequiredScope("admin", "admin"))


class RequiredOpenness:
    """A dependency that lets a request pass if what it asks for is shown to whoever asks."""

    def __init__(self, of: Callable[[Exposure], Openness]) -> None:
        self._of = of

    async def __call__(self, request: Request, key: SentKey) -> None:
        """HTTPException if it is not shown at all; the errors of a key if it needs one."""
        openness = self._of(request.state.services[Exposure])
        if openness == "off":
            raise nothing_here()
        if openness == "admin":
            await RequiredScope("admin", "admin")(request, key)


def _of_docs_page(exposure: Exposure) -> Openness:
    """A browser cannot send a key for a page: the page asks for one, and shows nothing before."""
    return "off" if exposure.docs == "off" else "open"


may_open_docs = Depends(RequiredOpenness(_of_docs_page))
may_read_docs = Depends(RequiredOpenness(lambda exposure: exposure.docs))
may_read_metrics = Depends(RequiredOpenness(lambda exposure: exposure.metrics))


@dataclass(frozen=True, slots=True)
class GuardedPath:
    """A route that takes a body, and the scope its key must grant."""

    methods: frozenset[str]
    path: re.Pattern[str]
    required: RequiredScope


class AccessGate:
    """Refuses a request with a body from its headers alone.

    FastAPI reads a body before it looks at what a route depends on, so without this anybody could
    take the slots of those who have a key. Requests without a body have nothing to take.
    """

    def __init__(self, app: ASGIApp, guarded: Sequence[GuardedPath]) -> None:
        self._app = app
        self._guarded = guarded

    async def __call__(self, scope: RequestScope, receive: Receive, send: Send) -> None:
        """Pass a request on if its key grants what its route asks for, or there is no route."""
        if scope["type"] == "http" and scope["method"] in METHODS_WITH_BODY:
            needed = self._needed(scope["method"], scope["path"])
            if needed is not None:
                key = Headers(scope=scope).get(KEY_HEADER)
                try:
                    await needed.check(scope["state"], key)
                except TandemError as error:
                    refusal = problem_of(scope["path"], scope["state"]["request_id"], error)
                    await refusal(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _needed(self, method: str, path: str) -> RequiredScope | None:
        for route in self._guarded:
            if method in route.methods and route.path.match(path):
                return route.required
        return None


def guarded_paths(app: FastAPI) -> tuple[GuardedPath, ...]:
    """Of all routes of the app that take a body, in the order in which they are tried."""
    return tuple(
        GuardedPath(frozenset(route.methods or ()), route.path_regex, required)
        for route in app.routes
        if isinstance(route, APIRoute) and METHODS_WITH_BODY & set(route.methods or ())
        for required in _required((route.dependant,))
    )


def _required(dependants: Iterable[Dependant]) -> Iterator[RequiredScope]:
    for dependant in dependants:
        if isinstance(dependant.call, RequiredScope):
            yield dependant.call
        yield from _required(dependant.dependencies)
