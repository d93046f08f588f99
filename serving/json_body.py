"""JSON as it comes in: what is not JSON, or not sent so, is refused with location and reason."""

import json
import re
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from serving.errors import body_broken_off
from serving.runtime.faults import MalformedBodyError, UnsupportedMediaTypeError

_MOST_DIGITS = 4300
"""Python converts no longer texts to whole numbers."""
_TOO_MANY_DIGITS = re.compile(rf"\d{{{_MOST_DIGITS + 1}}}")
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|[\]}]')
_DEEPEST_REPORTED = 500
_LONGEST_SCAN = 200_000
"""Characters that are looked at for the position where a body is nested too deep."""


class JsonRequest(Request):
    """A request whose body is read as JSON, strictly, before the route sees it."""

    async def read_json(self) -> None:
        """Read the body; MalformedBodyError or UnsupportedMediaTypeError if it is of no use."""
        _check_encoding(self.headers.get("content-encoding", ""))
        try:
            body = await self.body()
        except ClientDisconnect as error:
            raise body_broken_off() from error
        if body:
            _check_media_type(self.headers.get("content-type", ""))
            self._json = parsed(body)


def parsed(body: bytes) -> Any:
    """What a body says; MalformedBodyError tells where it is wrong, and why."""
    text = _decoded(body)
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise _malformed(f"it is nested too deep{_location_of_depth(text)}") from error
    except ValueError as error:
        found = _TOO_MANY_DIGITS.search(text)
        location = f" at character {found.start()}" if found else ""
        raise _malformed(f"a number of more than {_MOST_DIGITS:,} digits{location}") from error


def _malformed(reason: str) -> MalformedBodyError:
    return MalformedBodyError(f"The body is not JSON: {reason}.")


def _check_encoding(encoding: str) -> None:
    if encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaTypeError(
            f"The body is sent with Content-Encoding: {encoding[:40]}. Send it as it is, without"
            " this header."
        )


def _check_media_type(given: str) -> None:
    media_type, _, parameters = given.lower().partition(";")
    kind, _, subtype = media_type.strip().partition("/")
    is_json = kind == "application" and (subtype == "json" or subtype.endswith("+json"))
    charset = re.search(r'charset\s*=\s*"?([^";\s]+)', parameters)
    if not is_json or (charset and not charset[1].startswith("utf-")):
        sent = f"is {given[:80]}" if given else "is missing"
        raise UnsupportedMediaTypeError(
            f"The Content-Type of the body {sent}. Send a JSON object with the header"
            " Content-Type: application/json."
        )


def _decoded(body: bytes) -> str:
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise _malformed(f"{error.reason} ({error.encoding}) at byte {error.start}") from error


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """MalformedBodyError for a name that stands twice: readers differ in which one they take."""
    said = dict(members)
    if len(said) != len(members):
        seen: set[str] = set()
        twice = next(name for name, _ in members if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _malformed(f"an object has two members named {twice[:80]!r}")
    return said


def _location_of_depth(text: str) -> str:
    """Where the brackets that are open become too many, if that is near enough to be looked for."""
    depth = 0
    for found in _TEXT_OR_BRACKET.finditer(text, 0, _LONGEST_SCAN):
        if found[1]:
            depth += 1
        elif not found[0].startswith('"'):
            depth -= 1
        if depth > _DEEPEST_REPORTED:
            return f" at character {found.start()}"
    return ""
