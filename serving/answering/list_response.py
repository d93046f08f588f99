"""Answers with lists: their tags, who may keep them, and nothing but a tag where nothing is new."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import Header, Response

RECOMMENDATION_ID = "Tandem-Recommendation-Id"
SHARED_SECONDS = 10
"""So long whoever is on the way may give a list that is the same for everybody."""

RawHeader = tuple[bytes, bytes]

_JSON: RawHeader = (b"content-type", b"application/json")
_ID_HEADER = RECOMMENDATION_ID.lower().encode()
_PERSONAL: Sequence[RawHeader] = ((b"cache-control", b"private, no-cache"),)
# By the caller: one who may not read gets nothing that was kept for another.
_FOR_ALL: Sequence[RawHeader] = (
    (b"cache-control", b"public, max-age=%d" % SHARED_SECONDS),
    (b"vary", b"X-API-Key, Authorization, Cookie"),
)

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
        f" header {RECOMMENDATION_ID}, if it has one."
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


@dataclass(frozen=True, slots=True)
class LastingPart:
    """What stays the same in all answers with one list."""

    rest: bytes
    """The JSON of its fields, which those of one answer stand before."""
    tag: str | None
    """None: it is less than it might have been, and not to be kept."""
    headers: Sequence[RawHeader]

    @classmethod
    def of(cls, answer: Mapping[str, Any], *, is_for_all: bool) -> "LastingPart":
        """That of an answer. The tag covers run, items, scores and all that is said of the list."""
        fields = {name: value for name, value in answer.items() if name not in _OF_THIS_ANSWER}
        rest = orjson.dumps(fields)
        if answer["degraded"] is not None:
            return cls(rest, None, ())
        tag = _tag(answer["run"], rest)
        kept = _FOR_ALL if is_for_all else _PERSONAL
        return cls(rest, tag, (*kept, (b"etag", tag.encode())))

    def written(
        self, answer: Mapping[str, Any], if_none_match: str | None
    ) -> tuple[HTTPStatus, list[RawHeader], bytes]:
        """Status, headers and body of one answer, or 304 if the client has this list."""
        headers = list(self.headers)
        shown_as = answer.get("recommendation_id")
        if shown_as is not None:
            headers.append((_ID_HEADER, str(shown_as).encode()))
        if self.tag is not None and if_none_match is not None and _matches(if_none_match, self.tag):
            return HTTPStatus.NOT_MODIFIED, headers, b""
        own = {name: value for name, value in answer.items() if name in _OF_THIS_ANSWER}
        body = b"%b,%b" % (orjson.dumps(own)[:-1], self.rest[1:])
        headers += ((b"content-length", b"%d" % len(body)), _JSON)
        return HTTPStatus.OK, headers, body


def list_response(
    answer: Mapping[str, Any], if_none_match: str | None, *, is_for_all: bool
) -> Response:
    """The answer, or 304 if the client has this list.

    `is_for_all`: whether it is the same for everybody.
    """
    lasting = LastingPart.of(answer, is_for_all=is_for_all)
    status, headers, body = lasting.written(answer, if_none_match)
    response = Response(body, status)
    response.raw_headers = headers
    return response


def _tag(run: Mapping[str, Any] | None, rest: bytes) -> str:
    """A weak one: two answers with the same list are never the same bytes."""
    run_part = orjson.dumps(run and (run["id"], run["cut_off_at"]))
    digest = blake2b(run_part + rest, digest_size=12).digest()
    return f'W/"{base64.urlsafe_b64encode(digest).decode()}"'


def _matches(if_none_match: str, tag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    return _TAG.fullmatch(tag)[1] in _TAG.findall(if_none_match)  # type: ignore[index]
