"""Answers with lists: their tags, who may keep them, and nothing but a tag where nothing is new."""

import base64
import re
from collections.abc import Mapping
from hashlib import blake2b
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import Header, Response

RECOMMENDATION_ID = "Tandem-Recommendation-Id"
SHARED_SECONDS = 10
"""So long whoever is on the way may give a list that is the same for everybody."""

_PERSONAL = {"Cache-Control": "private, no-cache"}
# By the caller: one who may not read gets nothing that was kept for another.
_FOR_ALL = {
    "Cache-Control": f"public, max-age={SHARED_SECONDS}",
    "Vary": "X-API-Key, Authorization, Cookie",
}
_NOT_KEPT: Mapping[str, str] = {}
"""What every answer says where nothing else is said."""

_OF_THIS_ANSWER = frozenset(
    {
        "recommendation_id",
        "generated_at",
        "generation_time_ms",
        "list_age_seconds",
        "live_vector_age_seconds",
        "next",
        "run",
        "source",
    }
)
"""Fields that say nothing of the list."""
_TAG = re.compile(r'(?:W/)?"([^"]*)"')

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.NOT_MODIFIED): {
        "description": "The list is the one of this ETag; it counts as shown under the id in the"
        f" header {RECOMMENDATION_ID}, if lists of this kind have one."
    }
}

IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The ETag of a list that is at hand: if it is still the same, 304 without it.",
        examples=['W/"JpDzBxEPaX8wqQ"'],
    ),
]


def list_response(
    answer: Mapping[str, Any], if_none_match: str | None, *, is_for_all: bool
) -> Response:
    """The answer, or 304 if the client has this list.

    `is_for_all`: whether it is the same for everybody. The tag covers run, items, scores and all
    that is said of the list. What is less than it might have been is not to be kept.
    """
    items = orjson.dumps(answer["items"])
    headers = dict(_NOT_KEPT)
    if answer["degraded"] is None:
        headers |= _FOR_ALL if is_for_all else _PERSONAL
        headers["ETag"] = tag = _tag(answer, items)
    else:
        tag = None
    if "recommendation_id" in answer:
        headers[RECOMMENDATION_ID] = str(answer["recommendation_id"])
    if tag is not None and if_none_match is not None and _matches(if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    body = orjson.dumps({**answer, "items": orjson.Fragment(items)})
    return Response(body, headers=headers, media_type="application/json")


def _tag(answer: Mapping[str, Any], items: bytes) -> str:
    """A weak one: two answers with the same list are never the same bytes."""
    run = answer["run"]
    said = {name: value for name, value in answer.items() if name not in _OF_THIS_ANSWER}
    del said["items"]
    rest = orjson.dumps([run and (run["id"], run["cut_off_at"]), said])
    digest = blake2b(items + rest, digest_size=12).digest()
    return f'W/"{base64.urlsafe_b64encode(digest).decode()}"'


def _matches(if_none_match: str, tag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    return _TAG.fullmatch(tag)[1] in _TAG.findall(if_none_match)  # type: ignore[index]
