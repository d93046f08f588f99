"""What the server refuses before there is a request: a problem document like all others."""

import re
import time
from dataclasses import dataclass
from http import HTTPStatus

from serving.runtime.logs import log_request
from serving.runtime.metrics import ServingMetrics
from serving.runtime.random_ids import random_bytes

UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_VISIBLE = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken."""

    status: HTTPStatus
    detail: str


MALFORMED = Refusal(HTTPStatus.BAD_REQUEST, "This is not a request in HTTP/1.1.")
MALFORMED_TARGET = Refusal(
    HTTPStatus.BAD_REQUEST, "The target of the request is not a path. Send other bytes as %XX."
)
OTHER_VERSION = Refusal(
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Send the request in HTTP/1.1, or in HTTP/1.0."
)
OTHER_CODING = Refusal(
    HTTPStatus.NOT_IMPLEMENTED,
    "The only transfer coding taken is chunked. Send the body so, or with a Content-Length.",
)
NO_HOST = Refusal(HTTPStatus.BAD_REQUEST, "A request in HTTP/1.1 needs exactly one header Host.")
BAD_HOST = Refusal(HTTPStatus.BAD_REQUEST, "The header Host is not a name with or without a port.")
TOO_MUCH_FRAMING = Refusal(
    HTTPStatus.BAD_REQUEST, "The body has far more bytes around it than in it. Send larger chunks."
)
HEADERS_TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, "The headers did not come in in time.")
TOO_MANY_PIPELINED = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Too many requests were sent on this connection before their answers. Wait for some.",
)


def target_too_long(most_bytes: int) -> Refusal:
    """Of a request line."""
    detail = f"Path and query have more than {most_bytes:,} bytes."
    return Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, detail)


def headers_too_large(most_bytes: int, most: int) -> Refusal:
    """Of headers, by bytes or by number."""
    detail = f"The headers have more than {most_bytes:,} bytes, or are more than {most}."
    return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)


def request_id_of(given: str | None) -> str:
    """The caller's id if it can stand in a header and a log, else a new one."""
    if given is not None and _VISIBLE.fullmatch(given):
        return given
    return random_bytes().hex()


def record_request(
    metrics: ServingMetrics,
    *,
    route: str,
    method: str,
    status: int,
    since: float,
    request_id: str,
) -> None:
    """Count and log a request that has ended; `since` is on the monotonic clock."""
    seconds = time.monotonic() - since
    method = method if method in METHODS else "other"
    metrics.note_request(route, method, status, seconds)
    log_request(
        method=method,
        route=route,
        status=int(status),
        ms=round(seconds * 1000, 3),
        request_id=request_id,
    )
