"""What routes require of who asks, or that something is shown to whoever asks."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as RequestScope

from domain.errors import OverloadedError, TandemError, UnauthenticatedError
from serving.access.access import Access, Credentials
from serving.access.callers import ApiKey, Caller, Kind, Required, Role, Scope
from serving.access.exposure import Exposure, Openness
from serving.access.own import narrow_to_own
from serving.http.bodies import METHODS_WITH_BODY
from serving.http.errors import nothing_here, problem_of
from serving.http.routing import Services
from serving.limits.client_addresses import client_address
from serving.limits.limits import Limits
from serving.runtime.budget import RequestBudgets


class Declaration(ABC):
    """What a route says of who may ask: a dependency that lets a request pass, or refuses it."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        """What the request does, and so whose time and connections it spends."""

    async def __call__(self, request: Request) -> None:
        """As `check`, unless that was done from the headers already."""
        state = request.scope["state"]
        if state.get("granted") is not self:
            await self.check(request.scope)
        if request.method in METHODS_WITH_BODY:
            # Its body has been read, which had a time of its own: from here on the time is ours.
            state["services"][RequestBudgets].begin(self.kind)

    async def check(self, scope: RequestScope) -> None:
        """Return if whoever asks may, which is then found in the state; a TandemError if not.

        The request's budget begins here: the time to look a key up is part of it.
        """
        state = scope["state"]
        self.begin_budget(state)
        await self._admit(scope, state, state["services"])
        state["granted"] = self

    def begin_budget(self, state: dict[str, Any]) -> None:
        """Let the budget of a request begin, which counts from when its headers had come in."""
        services: Services = state["services"]
        services[RequestBudgets].begin(self.kind, since=state.get("asked_at"))

    @abstractmethod
    async def _admit(
        self, scope: RequestScope, state: dict[str, Any], services: Services
    ) -> None: ...


class RequiredScope(Declaration):
    """Lets a request pass if its caller may do what the route does."""

    def __init__(self, required: Required) -> None:
        super().__init__(required.kind)
        self.required = required

    async def __call__(self, request: Request) -> None:
        """See `Declaration`; UnauthenticatedError or ForbiddenError if the caller may not.

        RateLimitedError if the caller asks too often.
        """
        await super().__call__(request)
        if self.required.own:
            narrow_to_own(request, request.scope["state"]["caller"])

    async def _admit(self, scope: RequestScope, state: dict[str, Any], services: Services) -> None:
        sent = Credentials.of(scope)
        caller = await _identified(sent, scope, services, self.required)
        await _count(services[Limits], state, caller)
        caller.check(self.required)
        if self.required.administers and not sent.changes_nothing:
            await services[Access].confirm(sent, caller)
        _note_caller(state, caller)

    def grants(self, state: dict[str, Any], key: str) -> bool:
        """Whether `check` would let a request with this key pass, as far as can be told at once.

        Then it is granted and counted, and no budget was begun; `begin_budget` does that. False:
        nothing was counted, and `check` must tell.
        """
        services: Services = state["services"]
        caller = services[Access].find_known(key)
        if (
            caller is None
            or self.required.administers
            or self.required.scope not in caller.scopes
            or not services[Limits].try_key(state, caller.key_id, caller.per_minute)
        ):
            return False
        _note_caller(state, caller)
        state["granted"] = self
        return True


class Public(Declaration):
    """For whoever asks, as one cannot be signed in to sign in.

    Bodies are small, and all who are nobody share their slots. RateLimitedError if an address asks
    too often.
    """

    async def _admit(self, scope: RequestScope, state: dict[str, Any], services: Services) -> None:
        await services[Limits].check_address(scope)
        state["caller_id"] = ANONYMOUS
        state["anonymous_address"] = client_address(scope)
        state["most_body_bytes"] = MOST_ANONYMOUS_BYTES


def _note_caller(state: dict[str, Any], caller: Caller) -> None:
    state["caller"] = caller
    state["caller_id"] = caller.caller_id


ANONYMOUS = "anonymous"
MOST_ANONYMOUS_BYTES = 10_000


async def _identified(
    sent: Credentials, scope: RequestScope, services: Services, required: Required
) -> Caller:
    """Who asks; nobody that is known counts as the address it comes from."""
    limits = services[Limits]
    try:
        return await services[Access].identify(sent, required, partial(limits.is_guessing, scope))
    except UnauthenticatedError:
        await limits.check_address(scope)
        raise
    except OverloadedError:
        # Who guesses has to do with the limit of the address, which says when to come back.
        if limits.is_guessing(scope):
            await limits.check_address(scope)
        raise


async def _count(limits: Limits, state: dict[str, Any], caller: Caller) -> None:
    """RateLimitedError if it is one request too many."""
    if isinstance(caller, ApiKey):
        await limits.check_key(state, caller.key_id, caller.per_minute)
    else:
        await limits.check_user(state, caller.caller_id)


def _required(
    scope: Scope | None, kind: Kind, role: Role | None = None, *, own: bool = False
) -> params.Depends:
    usual: Mapping[Kind, Role] = {"read": "viewer", "write": "operator", "admin": "admin"}
    depends: params.Depends = Depends(
        RequiredScope(Required(scope, kind, role or usual[kind], own=own))
    )
    return depends


may_read = _required("read", "read", own=True)
may_write = _required("write", "write")
may_write_events = _required("write", "write", own=True)
may_read_history = _required("users", "read", own=True)
may_read_users = _required("users", "read")
may_write_users = _required("users", "write")
may_make_tokens = _required("token", "write", "admin")
may_look_after = _required("admin", "admin", "viewer")
may_operate = _required("admin", "admin", "operator")
may_administer = _required("admin", "admin")
may_be_whoever = Depends(Public("write"))
may_read_own_account = _required(None, "read", "viewer", own=True)
may_change_own_account = _required(None, "write", "viewer", own=True)


async def find_caller(request: Request) -> Caller:
    """Who asks, as the route's requirement has found out."""
    caller: Caller = request.state.caller
    return caller


FromCaller = Annotated[Caller, Depends(find_caller)]


class RequiredOpenness:
    """A dependency that lets a request pass if what it asks for is shown to whoever asks."""

    def __init__(self, of: Callable[[Exposure], Openness]) -> None:
        self._of = of

    async def __call__(self, request: Request) -> None:
        """HTTPException if it is not shown at all; the errors of a key if it needs one."""
        openness = self._of(request.state.services[Exposure])
        if openness == "off":
            raise nothing_here()
        if openness == "admin":
            await RequiredScope(_SHOWN_TO)(request)


_SHOWN_TO = Required("admin", "admin", "viewer")


def _of_docs_page(exposure: Exposure) -> Openness:
    """A browser cannot send a key for a page: the page asks for one, and shows nothing before."""
    return "off" if exposure.docs == "off" else "open"


may_open_docs = Depends(RequiredOpenness(_of_docs_page))
may_load_sdk = Depends(RequiredOpenness(lambda _: "open"))
may_read_docs = Depends(RequiredOpenness(lambda exposure: exposure.docs))
may_read_metrics = Depends(RequiredOpenness(lambda exposure: exposure.metrics))


@dataclass(frozen=True, slots=True)
class GuardedPath:
    """A route that takes a body, and what it requires."""

    methods: frozenset[str]
    path: re.Pattern[str]
    required: Declaration


class AccessGate:
    """Refuses a request with a body from its headers alone.

    FastAPI reads a body before it looks at what a route depends on, so without this anybody could
    take the slots of those who have a key. Requests without a body have nothing to take.
    """

    def __init__(self, app: ASGIApp, guarded: Sequence[GuardedPath]) -> None:
        self._app = app
        self._guarded = guarded

    async def __call__(self, scope: RequestScope, receive: Receive, send: Send) -> None:
        """Pass a request on if its caller may do what its route does, or there is no route."""
        if scope["type"] == "http" and scope["method"] in METHODS_WITH_BODY:
            needed = self._needed(scope["method"], scope["path"])
            if needed is not None and scope["state"].get("granted") is not needed:
                try:
                    await needed.check(scope)
                except TandemError as error:
                    refusal = problem_of(scope["path"], scope["state"]["request_id"], error)
                    await refusal(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _needed(self, method: str, path: str) -> Declaration | None:
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
        for required in declarations_of((route.dependant,))
    )


def requirement_of(route: APIRoute) -> Required | None:
    """What a route requires; None: nothing that is the same for all."""
    declared = declarations_of((route.dependant,))
    return next((found.required for found in declared if isinstance(found, RequiredScope)), None)


def required_scope(route: APIRoute) -> RequiredScope:
    """What admits the callers of a route that is for those with a key or a token."""
    (found,) = (
        declared
        for declared in declarations_of((route.dependant,))
        if isinstance(declared, RequiredScope)
    )
    return found


def is_public(route: APIRoute) -> bool:
    """Whether a route says that it is for whoever asks."""
    return any(isinstance(found, Public) for found in declarations_of((route.dependant,)))


def declarations_of(dependants: Iterable[Dependant]) -> Iterator[Declaration]:
    """What these require, and all they depend on."""
    for dependant in dependants:
        if isinstance(dependant.call, Declaration):
            yield dependant.call
        yield from declarations_of(dependant.dependencies)
