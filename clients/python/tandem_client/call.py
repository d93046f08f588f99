"""A call of the API as it is sent, and what becomes of its answer: the same with and without await.

What is pure stands here; `client` sends, waits and asks for tokens.
"""

from __future__ import annotations

import base64
import json
import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import httpx

from tandem_client.errors import TandemError, error_of

EVENTS = "/v1/events"
_LIFE_USED = 0.9
"""Share of its life after which a token is renewed: clocks and networks are slow."""
_UNKNOWN_LIFE_SECONDS = 60.0
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_NOTHING_DONE = frozenset({429})
"""After which also what may not happen twice is sent again."""
_LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """A request, without the address of the server and who asks."""

    method: str
    path: str
    query: Mapping[str, Any] | None = None
    body: Any = None
    form: Mapping[str, Any] | None = None
    content: bytes | None = None
    repeatable: bool = False
    """Whether it may be sent again without knowing what became of the first time."""

    def arguments(self) -> dict[str, Any]:
        """Those of `httpx.Client.request`."""
        given: dict[str, Any] = {"method": self.method, "url": self.path}
        if self.query:
            given["params"] = list(_pairs(self.query))
        if self.body is not None:
            given["json"] = self.body
        if self.form is not None:
            given["data"] = {name: value for name, value in self.form.items() if value is not None}
        if self.content is not None:
            given["content"] = self.content
            given["headers"] = {"Content-Type": "application/octet-stream"}
        return given


def in_path(value: object) -> str:
    """An id as it stands in a path."""
    return quote(str(value), safe="")


def _pairs(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, given in query.items():
        values = given if isinstance(given, list | tuple | set | frozenset) else (given,)
        for value in values:
            if value is not None:
                yield name, _written(value)


def _written(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def with_event_ids(call: Call) -> Call:
    """The call with an id for each event: however often it is sent, each counts once."""
    if (call.method, call.path) != ("POST", EVENTS) or not isinstance(call.body, Mapping):
        return call
    events = [{"event_id": str(uuid.uuid4()), **_without_none(e)} for e in call.body["events"]]
    return replace(call, body={**call.body, "events": events})


def _without_none(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value is not None}


def body_of(response: httpx.Response) -> Any:
    """What a good answer says; TandemError if it is no good one."""
    if not response.is_success:
        raise error_of(response)
    if not response.content:
        return None
    if response.headers.get("content-type", "").startswith("application/json"):
        return response.json()
    return response.text


def wait_before_retry(call: Call, failure: Exception, failures: int, most: int) -> float | None:
    """Seconds until a call that failed so often may be sent again; None: it may not.

    The wait doubles, and chance keeps clients apart; the server may ask for a longer one.
    """
    if failures > most or not _may_be_repeated(call, failure):
        return None
    asked = failure.retry_after if isinstance(failure, TandemError) else None
    # Not for secrets.
    wait = 0.25 * 2.0**failures * random.uniform(0.5, 1.0)  # noqa: S311
    return min(max(wait, asked or 0.0), _LONGEST_WAIT_SECONDS)


def _may_be_repeated(call: Call, failure: Exception) -> bool:
    if isinstance(failure, TandemError):
        return failure.status in (_TRY_AGAIN if call.repeatable else _NOTHING_DONE)
    if isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return True
    return call.repeatable and isinstance(failure, httpx.TransportError)


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token, and until when it is used."""

    token: str
    until: float
    """On the monotonic clock."""

    @classmethod
    def of(cls, token: str) -> KnownToken:
        """As of now, by the times that the token names."""
        return cls(token, time.monotonic() + _LIFE_USED * _life_seconds(token))

    @property
    def is_fresh(self) -> bool:
        """Whether it may be sent."""
        return time.monotonic() < self.until


def _life_seconds(token: str) -> float:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"] - claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError):
        return _UNKNOWN_LIFE_SECONDS


def listed(answer: Mapping[str, Any]) -> Iterable[Any]:
    """The entries of a page: of the one list among its fields, or its `items`."""
    if "items" in answer:
        return list(answer["items"])
    lists = [value for value in answer.values() if isinstance(value, list)]
    if len(lists) != 1:
        raise TypeError("This answer has no single list of entries to go through.")
    return list(lists[0])
