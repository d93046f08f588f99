"""Who is signed in, for routes that are about them."""

from typing import Annotated

from fastapi import Depends, Request

from domain.errors import ForbiddenError
from serving.access.access import Credentials
from serving.access.callers import Account, ApiKey, SignedIn, TokenUser
from serving.access.requirements import FromCaller
from serving.accounts.schemas import WhoAnswer
from serving.accounts.sessions import Sessions


async def find_signed_in(caller: FromCaller) -> SignedIn:
    """Whoever asks; the route's requirement lets no key come here."""
    if isinstance(caller, ApiKey):
        raise ForbiddenError
    return caller


FromSignedIn = Annotated[SignedIn, Depends(find_signed_in)]


async def load_who(caller: SignedIn, sessions: Sessions) -> WhoAnswer:
    """Who somebody is; of an end user the name is looked up."""
    if not isinstance(caller, TokenUser):
        return WhoAnswer(
            account_id=caller.account_id, name=caller.name, role=caller.role, user_id=None
        )
    account = caller.session_id and await sessions.find_account(caller.session_id)
    if account:
        return who(account)
    return WhoAnswer(account_id=None, name=None, role="user", user_id=caller.user_id)


def who(account: Account) -> WhoAnswer:
    """The same of an account that is known."""
    return WhoAnswer(
        account_id=account.account_id,
        name=account.name,
        role=account.role,
        user_id=account.user_id,
    )


def session_secret(request: Request) -> str:
    """The secret in the request's cookie; empty without one."""
    return Credentials.of(request.scope).session_secret
