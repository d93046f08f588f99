"""/v1/auth: to register, to sign in and out by token, and to choose another password."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response

from domain.errors import ForbiddenError
from serving.access.requirements import (
    may_be_whoever,
    may_change_own_account,
    may_read_own_account,
)
from serving.accounts.cookies import delete_cookie
from serving.accounts.password_changes import PasswordChanger, session_of
from serving.accounts.registration import Registrar
from serving.accounts.reset_webhook import ResetRequests
from serving.accounts.schemas import (
    PasswordBody,
    RegistrationBody,
    ResetBody,
    ResetRequestBody,
    SignInAnswer,
    TokenForm,
    WhoAnswer,
)
from serving.accounts.sessions import Sessions, TokenPair
from serving.accounts.sign_in import SignIn
from serving.accounts.signed_in import FromSignedIn, load_who, who
from serving.http.errors import problems_of_anybody, problems_of_request
from serving.http.forms import described_form, read_form
from serving.http.routing import TandemRoute, provided
from serving.limits.client_addresses import client_address
from serving.runtime.faults import (
    BodyTooLargeError,
    Fault,
    GrantRefusedError,
    LinkGoneError,
    MalformedBodyError,
    NameTakenError,
    NoResetWebhookError,
    NoSigningKeysError,
    UnsupportedGrantError,
    invalid_request,
)

router = APIRouter(prefix="/v1/auth", tags=["accounts"], route_class=TandemRoute)

FromSessions = Annotated[Sessions, provided(Sessions)]
FromSignIn = Annotated[SignIn, provided(SignIn)]
FromRegistrar = Annotated[Registrar, provided(Registrar)]
FromPasswordChanger = Annotated[PasswordChanger, provided(PasswordChanger)]
FromResetRequests = Annotated[ResetRequests, provided(ResetRequests)]


@router.post(
    "/token",
    dependencies=[may_be_whoever],
    responses=problems_of_anybody(GrantRefusedError, NoSigningKeysError),
    openapi_extra=described_form(TokenForm),
)
async def issue_tokens(
    request: Request, sign_in: FromSignIn, sessions: FromSessions
) -> SignInAnswer:
    """Sign in with a password, or renew the tokens of a session (OAuth 2.0, RFC 6749).

    The access token of an end user reads that user's lists and writes that user's events; one of a
    person of the team does what the role allows. After ten wrong passwords a name has to wait at
    the address they came from, for a quarter of an hour.
    """
    sessions.check_tokens_on()
    form = await read_form(request, TokenForm)
    if form.grant_type == "refresh_token":
        if form.refresh_token is None:
            raise _missing("refresh_token")
        return _answer(await sessions.refresh(form.refresh_token.get_secret_value()), sessions)
    if form.grant_type != "password":
        raise UnsupportedGrantError
    if form.username is None or form.password is None:
        raise _missing("username" if form.username is None else "password")
    password = form.password.get_secret_value()
    verified = await sign_in.verify(form.username, password, client_address(request.scope))
    return _answer(await sessions.begin(verified), sessions)


@router.post(
    "/register",
    dependencies=[may_be_whoever],
    status_code=HTTPStatus.CREATED,
    responses=problems_of_anybody(
        MalformedBodyError, BodyTooLargeError, ForbiddenError, NameTakenError, LinkGoneError
    ),
)
async def register(request: Request, body: RegistrationBody, registrar: FromRegistrar) -> WhoAnswer:
    """Make an account, where TANDEM_REGISTRATION allows it or by an invitation; then sign in.

    The user id of an end user is made here, and nobody's before.
    """
    password = body.password.get_secret_value()
    if body.invitation is None:
        return who(await registrar.register(body.name, password))
    invitation = body.invitation.get_secret_value()
    request_id = request.state.request_id
    return who(await registrar.accept(invitation, body.name, password, request_id=request_id))


@router.get("/me", dependencies=[may_read_own_account], responses=problems_of_request())
async def find_me(caller: FromSignedIn, sessions: FromSessions) -> WhoAnswer:
    """Who is signed in, by token or cookie."""
    return await load_who(caller, sessions)


@router.post(
    "/sign-out",
    dependencies=[may_change_own_account],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(),
)
async def sign_out(request: Request, caller: FromSignedIn, sessions: FromSessions) -> Response:
    """End the session of whoever asks, with all its tokens.

    Other processes refuse them within 10 seconds (TANDEM_API_KEY_SECONDS), as revoked keys.
    """
    await sessions.end(session_of(caller))
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    delete_cookie(request, response)
    return response


@router.post(
    "/password",
    dependencies=[may_change_own_account],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError, GrantRefusedError),
)
async def change_password(
    request: Request, body: PasswordBody, caller: FromSignedIn, changer: FromPasswordChanger
) -> Response:
    """Choose another password; all other sessions of the account end."""
    current, new = body.current.get_secret_value(), body.new.get_secret_value()
    await changer.change(caller, current, new, client_address(request.scope))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/reset",
    dependencies=[may_be_whoever],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_anybody(MalformedBodyError, BodyTooLargeError, LinkGoneError),
)
async def reset_password(body: ResetBody, changer: FromPasswordChanger) -> Response:
    """Choose a password by a link, which is good once; all sessions of the account end."""
    await changer.reset(body.link.get_secret_value(), body.password.get_secret_value())
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/reset-request",
    dependencies=[may_be_whoever],
    status_code=HTTPStatus.ACCEPTED,
    responses=problems_of_anybody(MalformedBodyError, BodyTooLargeError, NoResetWebhookError),
)
async def request_reset(body: ResetRequestBody, requests: FromResetRequests) -> Response:
    """Have the app send a link to an end user who has forgotten the password.

    The answer is the same whether there is such an account or not.
    """
    requests.add(body.name)
    return Response(status_code=HTTPStatus.ACCEPTED)


def _missing(field: str) -> Exception:
    return invalid_request([Fault(f"/{field}", "This grant needs it.")])


def _answer(pair: TokenPair, sessions: Sessions) -> SignInAnswer:
    return SignInAnswer(
        access_token=pair.access.token,
        expires_in=sessions.access_seconds,
        refresh_token=pair.refresh_token,
        scope=pair.role,
    )
