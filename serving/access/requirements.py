"""What routes require: a key that grants a scope, or that something is shown to whoever asks."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from serving.access.access import Access, Scope
from serving.access.exposure import Exposure, Openness
from serving.access.keys import hash_key
from serving.http.bodies import METHODS_WITH_BODY
from serving.http.errors import nothing_here
from serving.http.services import Services
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
