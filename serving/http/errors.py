"""From errors to HTTP: the only place with status codes of errors. Problems follow RFC 9457.

What the server refuses before there is a request has its codes in `refusals`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from domain.errors import (
    ForbiddenError,
    InvalidInputError,
    OverloadedError,
    RollbackRefusedError,
    StoreUnavailableError,
    TandemError,
    UnauthenticatedError,
    UnknownEventError,
    UnknownItemError,
    UnknownRunError,
    UnknownUserError,
)
from serving.runtime.faults import (
    AccountLinkedError,
    BodyTooLargeError,
    ConflictingEventsError,
    CursorExpiredError,
    EventsNotAcknowledgedError,
    ExperimentConflictError,
    Fault,
    FaultyInputError,
    FileGoneError,
    GrantRefusedError,
    ItemConflictError,
    KeyNameTakenError,
    KindInUseError,
    LastAdminError,
    LinkGoneError,
    MalformedBodyError,
    MergedUserError,
    NameTakenError,
    NoResetWebhookError,
    NoRoomError,
    NoSigningKeysError,
    PlacementConflictError,
    RateLimitedError,
    TooManyPreferencesError,
    UnknownAccountError,
    UnknownExperimentError,
    UnknownKeyError,
    UnknownKindError,
    UnknownLoadError,
    UnknownPlacementError,
    UnsupportedMediaTypeError,
    invalid_request,
)

_STATUS: Mapping[type[Exception], HTTPStatus] = {
    MalformedBodyError: HTTPStatus.BAD_REQUEST,
    GrantRefusedError: HTTPStatus.BAD_REQUEST,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    UnknownItemError: HTTPStatus.NOT_FOUND,
    UnknownUserError: HTTPStatus.NOT_FOUND,
    UnknownEventError: HTTPStatus.NOT_FOUND,
    UnknownLoadError: HTTPStatus.NOT_FOUND,
    UnknownRunError: HTTPStatus.NOT_FOUND,
    RollbackRefusedError: HTTPStatus.CONFLICT,
    UnknownAccountError: HTTPStatus.NOT_FOUND,
    NoResetWebhookError: HTTPStatus.NOT_FOUND,
    NameTakenError: HTTPStatus.CONFLICT,
    LastAdminError: HTTPStatus.CONFLICT,
    AccountLinkedError: HTTPStatus.CONFLICT,
    MergedUserError: HTTPStatus.CONFLICT,
    TooManyPreferencesError: HTTPStatus.CONFLICT,
    UnknownKindError: HTTPStatus.NOT_FOUND,
    ItemConflictError: HTTPStatus.CONFLICT,
    KindInUseError: HTTPStatus.CONFLICT,
    UnknownExperimentError: HTTPStatus.NOT_FOUND,
    ExperimentConflictError: HTTPStatus.CONFLICT,
    UnknownPlacementError: HTTPStatus.NOT_FOUND,
    PlacementConflictError: HTTPStatus.CONFLICT,
    LinkGoneError: HTTPStatus.GONE,
    CursorExpiredError: HTTPStatus.GONE,
    UnknownKeyError: HTTPStatus.NOT_FOUND,
    ConflictingEventsError: HTTPStatus.CONFLICT,
    FileGoneError: HTTPStatus.CONFLICT,
    KeyNameTakenError: HTTPStatus.CONFLICT,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OverloadedError: HTTPStatus.TOO_MANY_REQUESTS,
    RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    NoSigningKeysError: HTTPStatus.NOT_IMPLEMENTED,
    NoRoomError: HTTPStatus.INSUFFICIENT_STORAGE,
    Exception: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_PROBLEMS_OF_REQUEST = (
    UnauthenticatedError,
    ForbiddenError,
    InvalidInputError,
    OverloadedError,
    StoreUnavailableError,
)
_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'ApiKey header="X-API-Key", Bearer'},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
    },
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "1"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}
_DETAILS: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path; /docs lists what there is.",
}
MEDIA_TYPE = "application/problem+json"


def faults_of(errors: Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Pydantic's errors as faults with pointers into what was validated."""
    return tuple(Fault(pointer(error["loc"]), sentence(error)) for error in errors)


def pointer(steps: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def sentence(error: Mapping[str, Any]) -> str:
    """Pydantic's message as a sentence."""
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("too_long", "too_short") and isinstance(error["input"], str):
        # A text that was validated before it is measured has items, as pydantic puts it.
        text = text.replace(" item", " character")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def add_error_handlers(app: FastAPI) -> None:
    """Make every error of this app a problem document."""
    app.add_exception_handler(TandemError, _on_tandem_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


def body_too_large(most_bytes: int) -> HTTPException:
    """What reading on raises once a body is larger than is taken."""
    return HTTPException(
        _STATUS[BodyTooLargeError],
        f"The body is larger than {most_bytes:,} bytes. Send less at once.",
    )


def body_too_slow(seconds: float) -> HTTPException:
    """What waiting for the rest of a body raises once it takes too long."""
    return HTTPException(
        HTTPStatus.REQUEST_TIMEOUT, f"The body did not come in within {seconds:g} seconds."
    )


def body_broken_off() -> HTTPException:
    """What reading a body raises whose client goes away before its end."""
    return HTTPException(HTTPStatus.BAD_REQUEST, "The body ended before it was complete.")


def nothing_here() -> HTTPException:
    """What is raised where there is nothing, or nothing that may be shown."""
    return HTTPException(HTTPStatus.NOT_FOUND)


def method_not_allowed(methods: Sequence[str]) -> HTTPException:
    """What is raised at a path that is there, but not for this method."""
    allowed = ", ".join(methods)
    detail = f"This path can be asked by {allowed} only; see /docs."
    return HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})


def problem_of(path: str, request_id: str, error: Exception) -> Response:
    """The answer to an error of ours."""
    return problem(
        path,
        request_id,
        status_of(error),
        str(error),
        kind=_kind_of(type(error)),
        faults=error.faults if isinstance(error, FaultyInputError) else (),
        headers=_headers_of(error),
        oauth_error=error.error if isinstance(error, GrantRefusedError) else None,
        event_ids=error.event_ids if isinstance(error, EventsNotAcknowledgedError) else (),
    )


def status_of(error: Exception) -> HTTPStatus:
    """The code of an answer to an error of ours."""
    return _status_of(type(error))


def inner_problem(error: TandemError) -> dict[str, Any]:
    """What a problem document says of one of the many things that a request asked for."""
    status = _status_of(type(error))
    problem: dict[str, Any] = {
        "type": f"urn:tandem:problem:{_kind_of(type(error))}",
        "title": status.phrase,
        "status": int(status),
        "detail": str(error),
    }
    if isinstance(error, FaultyInputError):
        problem["errors"] = [asdict(fault) for fault in error.faults]
    return problem


def _headers_of(error: Exception) -> Mapping[str, str]:
    """Those that are other than the status alone would have them."""
    if isinstance(error, RateLimitedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {}


def busy_problem(path: str, request_id: str) -> Response:
    """The answer to a request that would have to wait for too many others."""
    detail = "Too many requests are under way here just now. Try again shortly."
    return problem(path, request_id, HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="busy")


def problem(
    path: str,
    request_id: str,
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    oauth_error: str | None = None,
    event_ids: Sequence[str] = (),
) -> Response:
    """A problem document."""
    phrase = HTTPStatus(status).phrase
    content: dict[str, Any] = {
        "type": f"urn:tandem:problem:{kind or phrase.lower().replace(' ', '-')}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "instance": path,
        "request_id": request_id,
    }
    if faults:
        content["errors"] = [asdict(fault) for fault in faults]
    if oauth_error is not None:
        content |= {"error": oauth_error, "error_description": detail}
    if event_ids:
        content["event_ids"] = event_ids
    return Response(
        orjson.dumps(content),
        status,
        {**_HEADERS.get(HTTPStatus(status), {}), **(headers or {})},
        MEDIA_TYPE,
    )


def internal_problem(path: str, request_id: str) -> Response:
    """The answer to an error nobody foresaw: nothing but where to look for it."""
    detail = "Something went wrong here. The log has it under this request_id."
    return problem(path, request_id, _STATUS[Exception], detail)


def problems_of_request(*others: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The documentation of the problems of a request with a key and some input; and of others."""
    return problem_responses(*_PROBLEMS_OF_REQUEST, *others)


def problems_of_anybody(*others: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The same of a request with some input that needs neither key nor token; and of others."""
    return problem_responses(InvalidInputError, OverloadedError, StoreUnavailableError, *others)


def problem_responses(*errors: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The documentation of the problems a route may answer with."""
    return {int(status): problem_response(status) for status in sorted(map(_status_of, errors))}


def problem_response(status: HTTPStatus) -> dict[str, Any]:
    """The documentation of one problem; `serving.http.openapi` adds the schema it refers to."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


def _status_of(error: type[Exception]) -> HTTPStatus:
    return next(_STATUS[parent] for parent in error.__mro__ if parent in _STATUS)


def _kind_of(error: type[Exception]) -> str:
    """`StoreUnavailableError` is the kind `store-unavailable`."""
    words = re.findall(r"[A-Z][a-z]*", error.__name__.removesuffix("Error"))
    return "-".join(words).lower()


async def _on_tandem_error(request: Request, error: Exception) -> Response:
    return problem_of(request.url.path, request.state.request_id, error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- tells the type checker what was registered
    detail = _DETAILS.get(error.status_code, error.detail)
    path, request_id = request.url.path, request.state.request_id
    return problem(path, request_id, error.status_code, detail, headers=error.headers)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- as above
    return problem_of(request.url.path, request.state.request_id, in_our_tree(error))


def in_our_tree(error: RequestValidationError) -> FaultyInputError:
    """The error of ours that stands for what FastAPI finds wrong with a request."""
    return invalid_request([_fault(detail) for detail in error.errors()])


def _fault(found: Mapping[str, Any]) -> Fault:
    location, *steps = found["loc"]
    if location == "body" and not steps and found["type"] != "value_error":
        return Fault("", "Send a JSON object with the header Content-Type: application/json.")
    where = pointer(steps) if location == "body" else f"{location}:{'.'.join(map(str, steps))}"
    return Fault(where, sentence(found))
