"""/v1/auth/session: the session of a browser, in a cookie."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from domain.errors import UnauthenticatedError
from serving.access.random_tokens import csrf_token
from serving.access.requirements import (
    may_be_whoever,
    may_change_own_account,
    may_read_own_account,
)
from serving.accounts.auth_routes import FromSessions, FromSignIn, sign_out
from serving.accounts.cookies import set_cookie
from serving.accounts.schemas import SessionAnswer, SessionBody
from serving.accounts.sessions import CONSOLE_LIFE
from serving.accounts.signed_in import FromSignedIn, load_who, session_secret, who
from serving.http.errors import problems_of_anybody, problems_of_request
from serving.http.routing import TandemRoute
from serving.limits.client_addresses import client_address
from serving.runtime.faults import BodyTooLargeError, GrantRefusedError, MalformedBodyError

router = APIRouter(prefix="/v1/auth", tags=["accounts"], route_class=TandemRoute)


@router.post(
    "/session",
    dependencies=[may_be_whoever],
    status_code=HTTPStatus.CREATED,
    responses=problems_of_anybody(MalformedBodyError, BodyTooLargeError, GrantRefusedError),
)
async def start_session(
    request: Request,
    response: Response,
    body: SessionBody,
    sign_in: FromSignIn,
    sessions: FromSessions,
) -> SessionAnswer:
    """Sign a browser in for twelve hours; it needs no signing keys."""
    password = body.password.get_secret_value()
    verified = await sign_in.verify(body.name, password, client_address(request.scope))
    session = await sessions.begin_in_browser(verified)
    set_cookie(request, response, session.secret, int(CONSOLE_LIFE.total_seconds()))
    return SessionAnswer(account=who(session.account), csrf_token=csrf_token(session.secret))


@router.get("/session", dependencies=[may_read_own_account], responses=problems_of_request())
async def find_session(
    request: Request, caller: FromSignedIn, sessions: FromSessions
) -> SessionAnswer:
    """Who is signed in by the cookie, and what a page must send to change something."""
    secret = session_secret(request)
    if not secret or request.headers.get("authorization"):
        raise UnauthenticatedError("There is no session of a browser, but a token.")
    return SessionAnswer(account=await load_who(caller, sessions), csrf_token=csrf_token(secret))


@router.delete(
    "/session",
    dependencies=[may_change_own_account],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(),
)
async def end_session(request: Request, caller: FromSignedIn, sessions: FromSessions) -> Response:
    """Sign the browser out."""
    return await sign_out(request, caller, sessions)
