"""What routes depend on: the services, and the key every route under /v1 asks for."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException

from serving.body_gate import METHODS_WITH_BODY
from serving.exposure import Exposure, Openness
from serving.keys import hash_key
from serving.services.access import Scope
from serving.wiring import Services

KEY_HEADER = "X-API-Key"

_HEADER = APIKeyHeader(
    name=KEY_HEADER,
    scheme_name=KEY_HEADER,
    description="A key of `tandem key create` with the scopes it needs: read, write, admin.",
    auto_error=False,
)


async def services(request: Request) -> Services:
    """The services of the app.

    A coroutine, because FastAPI calls a plain function in a thread.
    """
    found: Services = request.state.services
    return found


FromServices = Annotated[Services, Depends(services)]


async def check_key(state: dict[str, Any], key: str | None, scope: Scope) -> None:
    """Return if the key grants the scope; UnauthenticatedError or ForbiddenError if not.

    The time to look the key up is part of the request's budget, which begins here.
    """
    found: Services = state["services"]
    found.budgets.begin(scope, since=state.get("asked_at"))
    key = None if key is None else key.strip(" \t")
    await found.access.check(key, scope)
    state["granted"] = scope
    state["key_hash"] = hash_key(key or "")


class RequiredScope:
    """A dependency that lets a request pass if its key grants the scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope

    async def __call__(
        self, request: Request, key: Annotated[str | None, Security(_HEADER)]
    ) -> None:
        """UnauthenticatedError or ForbiddenError if it does not."""
        state = request.scope["state"]
        if request.method not in METHODS_WITH_BODY or state.get("granted") != self.scope:
            await check_key(state, key, self.scope)
        if request.method in METHODS_WITH_BODY:
            # Its body has been read, which had a time of its own: from here on the time is ours.
            state["services"].budgets.begin(self.scope)


may_read = Depends(RequiredScope("read"))
may_write = Depends(RequiredScope("write"))
may_administer = Depends(RequiredScope("admin"))


class RequiredOpenness:
    """A dependency that lets a request pass if what it asks for is shown to whoever asks."""

    def __init__(self, of: Callable[[Exposure], Openness]) -> None:
        self._of = of

    async def __call__(
        self, request: Request, key: Annotated[str | None, Security(_HEADER)]
    ) -> None:
        """HTTPException if it is not shown at all; the errors of a key if it needs one."""
        openness = self._of(request.state.services.exposure)
        if openness == "off":
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if openness == "admin":
            await RequiredScope("admin")(request, key)


def _of_docs_page(exposure: Exposure) -> Openness:
    """A browser cannot send a key for a page: the page asks for one, and tells nothing before."""
    return "off" if exposure.docs == "off" else "open"


may_open_docs = Depends(RequiredOpenness(_of_docs_page))
may_read_docs = Depends(RequiredOpenness(lambda exposure: exposure.docs))
may_read_metrics = Depends(RequiredOpenness(lambda exposure: exposure.metrics))
