"""What routes depend on: the services, and the key every route under /v1 asks for."""

from typing import Annotated, Literal

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from serving.services.access import Scope
from serving.wiring import Services

_HEADER = APIKeyHeader(
    name="X-API-Key",
    scheme_name="X-API-Key",
    description="A key of `tandem key create` with the scopes it needs: read for lists and items,"
    " write for events and items, users for what is said of users, admin.",
    auto_error=False,
)


async def services(request: Request) -> Services:
    """The services of the app.

    A coroutine, because FastAPI calls a plain function in a thread.
    """
    found: Services = request.state.services
    return found


FromServices = Annotated[Services, Depends(services)]
SentKey = Annotated[str | None, Security(_HEADER)]


class RequiredScope:
    """A dependency that lets a request pass if its key grants the scope.

    `kind` is what the request does, and so whose time and connections it spends.
    """

    def __init__(self, scope: Scope, kind: Literal["read", "write", "admin"]) -> None:
        self.scope: Scope = scope
        self.kind = kind

    async def __call__(self, services: FromServices, key: SentKey) -> None:
        """UnauthenticatedError or ForbiddenError if it does not."""
        # Its body has been read, so from here on the time is ours.
        services.budgets.begin(self.kind)
        await services.access.check(key, self.scope)


may_read = Depends(RequiredScope("read", "read"))
may_write = Depends(RequiredScope("write", "write"))
may_read_users = Depends(RequiredScope("users", "read"))
may_write_users = Depends(RequiredScope("users", "write"))
may_administer = Depends(RequiredScope("admin", "admin"))
