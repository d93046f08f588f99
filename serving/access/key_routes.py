"""GET, POST, PATCH and DELETE /v1/admin/keys, for those who administer."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self

from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Response
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from typing_extensions import TypeAliasType

from domain.errors import InvalidInputError
from serving.access.acting import FromActor
from serving.access.callers import Scope, grantable_scopes
from serving.access.key_keeping import KeyKeeping
from serving.access.keys import LONGEST_NAME, MOST_PER_MINUTE, KeyWanted, check_expiry
from serving.access.requirements import FromCaller, may_administer
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER, ONE_NAME, Moment, identifier
from serving.runtime.faults import (
    BodyTooLargeError,
    KeyNameTakenError,
    MalformedBodyError,
    UnknownKeyError,
)

router = APIRouter(prefix="/v1/admin", tags=["keys"], route_class=TandemRoute)

FromKeyKeeping = Annotated[KeyKeeping, provided(KeyKeeping)]
KeyId = Annotated[int, Ge(1), Le(2**31 - 1), AS_INTEGER, Path(examples=[3])]
KeyScope = TypeAliasType("KeyScope", Scope)
KeyName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_NAME),
    AfterValidator(identifier),
    ONE_NAME,
]
PerMinute = Annotated[
    Annotated[int, Field(ge=1, le=MOST_PER_MINUTE, strict=True)] | None,
    Field(description="Requests a minute; null: as the settings say."),
]


def _in_time(given: datetime) -> datetime:
    try:
        check_expiry(given)
    except InvalidInputError as error:
        raise ValueError(str(error)) from error
    return given


ExpiresAt = Annotated[
    Annotated[Moment, AfterValidator(_in_time)] | None,
    Field(description="In the future; ISO 8601, UTC without a time zone. Null: never."),
]


class KeyBody(BaseModel):
    """What a new key may do, and how long."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "shop", "scopes": ["read", "write"], "per_minute": 600}]
        },
    )

    name: Annotated[KeyName, Field(description="No other key has it, or had it.")]
    scopes: Annotated[
        list[KeyScope],
        Field(min_length=1, max_length=20, description="None that the key of the caller lacks."),
    ]
    per_minute: PerMinute = None
    expires_at: ExpiresAt = None


class KeyChangeBody(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"per_minute": 1200}], "minProperties": 1}
    )

    per_minute: PerMinute = None
    expires_at: ExpiresAt = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give per_minute, expires_at or both")
        return self


class KeyAnswer(BaseModel):
    """What is known of a key; the key itself is stored nowhere."""

    model_config = ConfigDict(from_attributes=True)

    key_id: int
    name: str = Field(examples=["shop"])
    prefix: str = Field(description="How it begins, to know it by.")
    scopes: list[str] = Field(examples=[["read", "write"]])
    per_minute: int | None = Field(description="Requests a minute; null: as the settings say.")
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: never.")
    revoked_at: datetime | None = Field(description="Null: it is not.")
    last_used_at: datetime | None = Field(
        description="To within some seconds. Null: never since it was made."
    )


class NewKeyAnswer(KeyAnswer):
    """A key that was just made."""

    key: str = Field(description="To be sent as `X-API-Key`. It is shown this once.")


class KeysAnswer(BaseModel):
    """All keys."""

    keys: list[KeyAnswer]


@router.get("/keys", dependencies=[may_administer], responses=problems_of_request())
async def list_keys(keys: FromKeyKeeping) -> KeysAnswer:
    """All keys, oldest first: those that are revoked or have expired too."""
    return KeysAnswer(keys=[KeyAnswer.model_validate(key) for key in await keys.list()])


@router.post(
    "/keys",
    dependencies=[may_administer],
    status_code=HTTPStatus.CREATED,
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError, KeyNameTakenError),
)
async def create_key(
    body: KeyBody, keys: FromKeyKeeping, caller: FromCaller, actor: FromActor
) -> NewKeyAnswer:
    """Make a key, which works at once. It is shown this once: only its hash is stored."""
    wanted = KeyWanted(body.name, sorted(set(body.scopes)), body.per_minute, body.expires_at)
    key, record = await keys.create(wanted, actor, grantable=grantable_scopes(caller))
    shown = KeyAnswer.model_validate(record)
    return NewKeyAnswer(key=key, **shown.model_dump())


@router.patch(
    "/keys/{key_id}",
    dependencies=[may_administer],
    responses=problems_of_request(MalformedBodyError, BodyTooLargeError, UnknownKeyError),
)
async def change_key(
    key_id: KeyId, body: KeyChangeBody, keys: FromKeyKeeping, caller: FromCaller, actor: FromActor
) -> KeyAnswer:
    """Give a key another limit or expiry; nothing else of it can change.

    Other processes know within 10 seconds (TANDEM_API_KEY_SECONDS).
    """
    wanted: dict[str, Any] = body.model_dump(exclude_unset=True)
    record = await keys.change(key_id, wanted, actor, grantable=grantable_scopes(caller))
    return KeyAnswer.model_validate(record)


@router.delete(
    "/keys/{key_id}",
    dependencies=[may_administer],
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems_of_request(UnknownKeyError),
)
async def revoke_key(key_id: KeyId, keys: FromKeyKeeping, actor: FromActor) -> Response:
    """End a key. Harmless twice.

    Other processes refuse it within 10 seconds (TANDEM_API_KEY_SECONDS), or once PostgreSQL is
    back.
    """
    await keys.revoke(key_id, actor)
    return Response(status_code=HTTPStatus.NO_CONTENT)
