"""What is sent to, and answered by, the routes of accounts."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints
from typing_extensions import TypeAliasType

from serving.access.callers import AccountRole
from serving.accounts.names import AccountName
from serving.accounts.passwords import LEAST_CHARACTERS, MOST_CHARACTERS
from serving.http.values import Text, UserIdentifier

RoleName = TypeAliasType("RoleName", AccountRole)

_FORBID = ConfigDict(extra="forbid")

Secret = Annotated[SecretStr, Field(max_length=MOST_CHARACTERS)]
"""A password or a token that is compared: a wrong one is refused, whatever its form."""
NewPassword = Annotated[
    SecretStr,
    Field(
        max_length=MOST_CHARACTERS,
        description=f"{LEAST_CHARACTERS} to {MOST_CHARACTERS:,} characters of any kind.",
    ),
]
LinkToken = Annotated[SecretStr, Field(max_length=200, description="The token of a link.")]


class TokenForm(BaseModel):
    """A sign-in by OAuth 2.0 (RFC 6749): by password, or by refresh token."""

    model_config = _FORBID

    grant_type: Annotated[Text, StringConstraints(max_length=50)] = Field(
        description="password or refresh_token"
    )
    username: AccountName | None = None
    password: Secret | None = None
    refresh_token: Annotated[SecretStr, Field(max_length=200)] | None = None
    scope: str = Field("", description="Not read: the role says what is allowed.")
    client_id: str = Field("", description="Not read: there are no clients to tell apart.")
    client_secret: SecretStr = Field(SecretStr(""), description="Not read.")


class SignInAnswer(BaseModel):
    """Tokens, shown this once (RFC 6749, 5.1)."""

    access_token: str = Field(description="To be sent as `Authorization: Bearer TOKEN`.")
    token_type: str = Field("Bearer", examples=["Bearer"])
    expires_in: int = Field(description="Seconds the access token lives.", examples=[900])
    refresh_token: str = Field(
        description="Good once, for the next two; one that comes again ends the session."
    )
    scope: RoleName = Field(description="The role of the account.")


class RegistrationBody(BaseModel):
    """A name and a password of one's own; an invitation where one is needed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "ann@example.org", "password": "correct horse battery"}]
        },
    )

    name: AccountName
    password: NewPassword
    invitation: LinkToken | None = None


class WhoAnswer(BaseModel):
    """Who is signed in."""

    account_id: int | None = Field(description="Null: an app made the token for its own user.")
    name: str | None
    role: RoleName = Field(description="user: an end user; the others are of the team.")
    user_id: str | None = Field(
        description="The one user whose lists are read and events written. Null: of the team."
    )


class PasswordBody(BaseModel):
    """Another password."""

    model_config = _FORBID

    current: Secret
    new: NewPassword


class ResetBody(BaseModel):
    """A password by a link."""

    model_config = _FORBID

    link: LinkToken
    password: NewPassword


class ResetRequestBody(BaseModel):
    """Whose password was forgotten."""

    model_config = _FORBID

    name: AccountName


class SessionBody(BaseModel):
    """A sign-in of a browser."""

    model_config = _FORBID

    name: AccountName
    password: Secret


class SessionAnswer(BaseModel):
    """The session of a browser; what signs it in is in a cookie that no script can read."""

    account: WhoAnswer
    csrf_token: str = Field(
        description="To be sent as `X-CSRF-Token` with each request that changes something."
    )


class InvitationBody(BaseModel):
    """Who is to be invited."""

    model_config = _FORBID

    role: RoleName


class LinkAnswer(BaseModel):
    """A link, shown this once."""

    link: str = Field(description="Its token.")
    path: str = Field(description="The page of this server where it is used.")
    expires_at: datetime


class AccountBody(BaseModel):
    """What is to be changed of an account; what is left out stays."""

    model_config = _FORBID

    role: RoleName | None = None
    disabled: Annotated[bool, Field(strict=True)] | None = None


class AccountAnswer(BaseModel):
    """An account, as those who administer see it."""

    model_config = ConfigDict(from_attributes=True)

    account_id: int
    name: str
    role: RoleName
    user_id: str | None
    created_at: datetime
    has_password: bool = Field(description="False: a first one is to be chosen by a link.")
    password_changed_at: datetime | None
    disabled_at: datetime | None


class AccountsAnswer(BaseModel):
    """Accounts in the order in which they were made, up to a thousand."""

    accounts: list[AccountAnswer]


class LinkedUserBody(BaseModel):
    """The user an account is to read and write as."""

    model_config = _FORBID

    user_id: UserIdentifier
