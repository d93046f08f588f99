"""What the API answers when it refuses or fails: problem documents (RFC 9457) as exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import httpx


class Fault(TypedDict):
    """One thing that is wrong with a request."""

    pointer: str
    """A JSON pointer into the body, or query:NAME or path:NAME."""
    detail: str


class TandemError(Exception):
    """A problem that the API has answered with; its message is the detail."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.type: str = problem.get("type", "about:blank")
        """The kind of problem, which stays the same, such as urn:tandem:problem:faulty-input."""
        self.title: str = problem.get("title", "")
        self.detail: str = problem.get("detail", "") or self.title or f"HTTP {status}"
        self.instance: str | None = problem.get("instance")
        self.request_id: str | None = problem.get("request_id")
        self.errors: list[Fault] = problem.get("errors", [])
        self.event_ids: list[str] = problem.get("event_ids", [])
        self.retry_after = retry_after
        """Seconds to wait, if the answer names them."""
        super().__init__(self.detail)


class UnauthenticatedError(TandemError):
    """401: no key or token, or one that is not valid."""


class ForbiddenError(TandemError):
    """403: whoever asks may not."""


class NotFoundError(TandemError):
    """404: there is no such item, user, event or path."""


class ConflictError(TandemError):
    """409: something else is stored already."""


class FaultyInputError(TandemError):
    """422: `errors` say what is wrong where."""


class RateLimitedError(TandemError):
    """429: too many requests; `retry_after` says when to come back."""


class UnavailableError(TandemError):
    """503: a store is away, or the API is busy."""


_BY_STATUS = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    422: FaultyInputError,
    429: RateLimitedError,
    503: UnavailableError,
}


def error_of(response: httpx.Response) -> TandemError:
    """The exception for an answer; one from a proxy need not be a problem document."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason_phrase, "detail": response.text[:500]}
    kind = _BY_STATUS.get(response.status_code, TandemError)
    return kind(response.status_code, problem, _seconds(response.headers.get("Retry-After")))


def _seconds(written: str | None) -> float | None:
    try:
        return float(written) if written is not None else None
    except ValueError:
        return None
