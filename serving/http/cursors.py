"""Cursors: where a list goes on, as a text that says nothing to a client."""

import base64
import binascii
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field

from serving.http.values import AS_INTEGER
from serving.runtime.faults import Fault, FaultyInputError, invalid_request

LONGEST_CURSOR = 2_000
"""Characters."""
_LARGEST_NUMBER = 2**31 - 1
"""Of a user or an item."""
_MOST_DIGITS = len(str(_LARGEST_NUMBER))


def encoded_cursor(content: str) -> str:
    """What a client sends to go on."""
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decoded_cursor(text: str) -> str | None:
    """What was encoded; None if it is none of ours."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def decoded_number(text: str | None) -> int:
    """The number to go on after, 0 without a cursor; FaultyInputError if it is none of ours."""
    if text is None:
        return 0
    content = decoded_cursor(text) or ""
    is_number = content.isascii() and content.isdecimal() and len(content) <= _MOST_DIGITS
    if not is_number or int(content) > _LARGEST_NUMBER:
        raise not_a_cursor()
    return int(content)


def not_a_cursor() -> FaultyInputError:
    """The error of a cursor that is none."""
    detail = "This is no `next` of an answer; leave it out to begin at the beginning."
    return invalid_request([Fault("query:cursor", detail)])


Limit = Annotated[int, Ge(1), Le(1_000), AS_INTEGER, Field(description="How many at most.")]


class PageQuery(BaseModel):
    """Which page of a list that is gone through to its end."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = 100
    cursor: Annotated[
        str | None,
        Field(max_length=LONGEST_CURSOR, description="`next` of the answer before."),
    ] = None
