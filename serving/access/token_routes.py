"""POST /v1/tokens and DELETE /v1/users/{user_id}/tokens, with a key of the scope `token`."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from domain.identifiers import UserId
from serving.access.requirements import may_make_tokens
from serving.access.settings import TokenSeconds
from serving.access.user_tokens import UserTokens
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import UserIdentifier
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError, NoSigningKeysError

router = APIRouter(prefix="/v1", tags=["tokens"], route_class=TandemRoute)

TokenType = TypeAliasType("TokenType", Literal["Bearer"])
FromUserTokens = Annotated[UserTokens, provided(UserTokens)]


class TokenBody(BaseModel):
    """For whom a token is, and for how long."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"user_id": "ann", "seconds": 900}]}
    )

    user_id: UserIdentifier
    seconds: Annotated[
        TokenSeconds | None,
        Field(strict=True, description="Its life; left out, as TANDEM_TOKEN_SECONDS says."),
    ] = None


class TokenAnswer(BaseModel):
    """A token, shown this once."""

    token: str = Field(description="To be sent as `Authorization: Bearer TOKEN`.")
    token_type: TokenType = "Bearer"  # noqa: S105 - a name of the standard
    user_id: str = Field(examples=["ann"])
    expires_at: datetime


@router.post(
    "/tokens",
    dependencies=[may_make_tokens],
    status_code=HTTPStatus.CREATED,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError, NoSigningKeysError),
)
async def create_token(body: TokenBody, user_tokens: FromUserTokens) -> TokenAnswer:
    """Make a token for one user, known or not, to be given to that user's browser or phone.

    It reads that user's lists and writes that user's events, and opens nothing else; `me` in a path
    or an event stands for the user. It cannot be looked up again.
    """
    made = user_tokens.make(UserId(body.user_id), seconds=body.seconds)
    return TokenAnswer(token=made.token, user_id=body.user_id, expires_at=made.expires_at)


@router.delete(
    "/users/{user_id:id}/tokens",
    dependencies=[may_make_tokens],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(),
)
async def revoke_tokens(
    user_id: Annotated[UserIdentifier, Path(examples=["ann"])], user_tokens: FromUserTokens
) -> Response:
    """End all tokens of a user that were made until now. Harmless twice.

    Other processes refuse them within 10 seconds (TANDEM_API_KEY_SECONDS), as revoked keys.
    """
    await user_tokens.revoke(UserId(user_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)
