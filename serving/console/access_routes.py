"""The page Access: keys with their limits, and people with their roles.

What it changes goes to `/v1/admin`, which makes sure first that whoever asks still may.
"""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from serving.access.callers import ROLES, SCOPES
from serving.access.key_keeping import KeyKeeping
from serving.access.keys import MOST_PER_MINUTE
from serving.accounts.account_keeping import AccountKeeping
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages
from serving.console.requirements import may_see_access
from serving.http.routing import provided
from serving.limits.limits import Limits

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromKeyKeeping = Annotated[KeyKeeping, provided(KeyKeeping)]
FromAccountKeeping = Annotated[AccountKeeping, provided(AccountKeeping)]
FromLimits = Annotated[Limits, provided(Limits)]


@router.get("/console/access", dependencies=[may_see_access])
async def access_page(
    request: Request,
    pages: FromPages,
    keys: FromKeyKeeping,
    accounts: FromAccountKeeping,
    limits: FromLimits,
) -> Response:
    """All keys that are in force or were, and the people of the team."""
    people = [account for account in await accounts.list(0) if account.role != "user"]
    return pages.page(
        "access.html",
        keys=sorted(await keys.list(), key=lambda key: (key.revoked_at is not None, key.key_id)),
        people=people,
        scopes=SCOPES,
        roles=ROLES,
        own_id=request.state.caller.account_id,
        usual_per_minute=limits.per_minute.key,
        most_per_minute=MOST_PER_MINUTE,
    )
