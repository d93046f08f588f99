"""What routes depend on: the services, and the key every route under /v1 asks for."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from serving.services.access import Scope
from serving.wiring import Services

_HEADER = APIKeyHeader(
    name="X-API-Key",
    scheme_name="X-API-Key",
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


class RequiredScope:
    """A dependency that lets a request pass if its key grants the scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope

    async def __call__(
        self, services: FromServices, key: Annotated[str | None, Security(_HEADER)]
    ) -> None:
        """UnauthenticatedError or ForbiddenError if it does not."""
        # Its body has been read, so from here on the time is ours.
        services.budgets.begin(self.scope)
        await services.access.check(key, self.scope)


may_read = Depends(RequiredScope("read"))
may_write = Depends(RequiredScope("write"))
may_administer = Depends(RequiredScope("admin"))
