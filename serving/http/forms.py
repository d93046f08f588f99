"""Bodies that are forms, where a standard wants one: read as strictly as those that are JSON."""

from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ValidationError

from serving.http.bodies import whole_body
from serving.http.errors import faults_of
from serving.runtime.faults import (
    MalformedBodyError,
    UnsupportedMediaTypeError,
    invalid_request,
)

Form = TypeVar("Form", bound=BaseModel)

MEDIA_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


def described_form(form: type[BaseModel]) -> dict[str, Any]:
    """What the description of a route says of its body."""
    content = {MEDIA_TYPE: {"schema": form.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


async def read_form(request: Request, form: type[Form]) -> Form:
    """The body of a request as this form, whose fields are texts.

    MalformedBodyError or UnsupportedMediaTypeError if it is no form, FaultyInputError if it is
    another one. What was sent is in no message: it may be a password.
    """
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != MEDIA_TYPE:
        sent = f"is {given[:80]}" if given else "is missing"
        raise UnsupportedMediaTypeError(
            f"The Content-Type of the body {sent}. Send a form with the header Content-Type:"
            f" {MEDIA_TYPE}."
        )
    body = await whole_body(request)
    try:
        return form.model_validate(parsed_form(body))
    except ValidationError as error:
        raise invalid_request(faults_of(error.errors())) from None


def parsed_form(body: bytes) -> dict[str, str]:
    """The fields of a form; MalformedBodyError if it is none, or a name stands twice."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        # The reason would quote what was sent.
        raise MalformedBodyError(
            f"The body is not a form of up to {_MOST_FIELDS} fields in percent-encoded UTF-8."
        ) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedBodyError("The body is not a form: a field stands twice.")
    return fields
