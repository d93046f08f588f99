"""/v1/admin/accounts, for those who administer; and PUT /v1/accounts/{account_id}/user."""

from http import HTTPStatus
from typing import Annotated

from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Query, Response

from domain.errors import UnknownUserError
from domain.identifiers import UserId
from serving.access.acting import FromActor
from serving.access.callers import check_may_appoint
from serving.access.requirements import FromCaller, may_administer, may_make_tokens
from serving.accounts.account_keeping import AccountKeeping
from serving.accounts.links import NewLink
from serving.accounts.registration import Registrar
from serving.accounts.schemas import (
    AccountAnswer,
    AccountBody,
    AccountsAnswer,
    InvitationBody,
    LinkAnswer,
    LinkedUserBody,
)
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER
from serving.runtime.faults import (
    AccountLinkedError,
    BodyTooLargeError,
    LastAdminError,
    MalformedBodyError,
    UnknownAccountError,
)

router = APIRouter(prefix="/v1", tags=["accounts"], route_class=TandemRoute)

FromAccountKeeping = Annotated[AccountKeeping, provided(AccountKeeping)]
FromRegistrar = Annotated[Registrar, provided(Registrar)]
AccountId = Annotated[int, Ge(1), Le(2**31 - 1), AS_INTEGER, Path(examples=[7])]
After = Annotated[
    int, Ge(0), Le(2**31 - 1), AS_INTEGER, Query(description="Only accounts after this one.")
]


@router.get("/admin/accounts", dependencies=[may_administer], responses=problems_of_request())
async def list_accounts(keeping: FromAccountKeeping, after: After = 0) -> AccountsAnswer:
    """Accounts, of the team and of end users; for the next thousand ask after the last one."""
    records = await keeping.list(after)
    return AccountsAnswer(accounts=[AccountAnswer.model_validate(record) for record in records])


@router.post(
    "/admin/accounts",
    dependencies=[may_administer],
    status_code=HTTPStatus.CREATED,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError),
)
async def invite(
    body: InvitationBody,
    caller: FromCaller,
    keeping: FromAccountKeeping,
    registrar: FromRegistrar,
    actor: FromActor,
) -> LinkAnswer:
    """Make a link by which one person registers with a role, within a week.

    End users can be invited where TANDEM_REGISTRATION is invitation or open.
    """
    if body.role == "user":
        registrar.check_end_users_may()
    else:
        check_may_appoint(caller)
    return _answer(await keeping.invite(body.role, actor))


@router.patch(
    "/admin/accounts/{account_id}",
    dependencies=[may_administer],
    responses=problems_of_request(
        MalformedBodyError, BodyTooLargeError, UnknownAccountError, LastAdminError
    ),
)
async def change_account(
    account_id: AccountId,
    body: AccountBody,
    caller: FromCaller,
    keeping: FromAccountKeeping,
    actor: FromActor,
) -> AccountAnswer:
    """Give an account another role, disable or enable it; its sessions end.

    The last admin stays one.
    """
    check_may_appoint(caller)
    changed = await keeping.change(account_id, actor, role=body.role, disabled=body.disabled)
    return AccountAnswer.model_validate(changed)


@router.delete(
    "/admin/accounts/{account_id}",
    dependencies=[may_administer],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(LastAdminError),
)
async def remove_account(
    account_id: AccountId, caller: FromCaller, keeping: FromAccountKeeping, actor: FromActor
) -> Response:
    """Remove an account, harmless twice. What an end user did stays: DELETE the user for that."""
    check_may_appoint(caller)
    await keeping.remove(account_id, actor)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/admin/accounts/{account_id}/reset",
    dependencies=[may_administer],
    status_code=HTTPStatus.CREATED,
    responses=problems_of_request(UnknownAccountError),
)
async def make_reset_link(
    account_id: AccountId, caller: FromCaller, keeping: FromAccountKeeping, actor: FromActor
) -> LinkAnswer:
    """Make a link by which the owner of an account chooses a password, within a day."""
    check_may_appoint(caller)
    return _answer(await keeping.make_reset_link(account_id, actor))


@router.put(
    "/accounts/{account_id}/user",
    # The account is given tokens of that user from then on.
    dependencies=[may_make_tokens],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(
        MalformedBodyError,
        BodyTooLargeError,
        UnknownAccountError,
        UnknownUserError,
        AccountLinkedError,
    ),
)
async def link_user(
    account_id: AccountId, body: LinkedUserBody, keeping: FromAccountKeeping, actor: FromActor
) -> Response:
    """Let an end user's account read and write as a user the app knows already.

    Its sessions end: the next sign-in is that user's. What was done before stays with the user id
    that was made for the account.
    """
    await keeping.link_user(account_id, UserId(body.user_id), actor)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _answer(link: NewLink) -> LinkAnswer:
    return LinkAnswer(link=link.token, path=link.path, expires_at=link.expires_at)
