"""Cross-origin requests: which pages may ask from a browser, and what they may read."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# No X-API-Key: a key does not belong into a browser.
_REQUEST_HEADERS = ("Authorization", "Content-Type", "If-None-Match", "X-Request-ID")
_ANSWER_HEADERS = (
    "X-Request-ID",
    "X-Process-Time",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "ETag",
    "Tandem-Recommendation-Id",
)


def add_cors(app: FastAPI, origins: Sequence[str]) -> None:
    """Let pages of these origins ask; tokens travel in headers, so no cookie is ever allowed.

    To be put around all that answers: a page cannot read an error without these headers.
    """
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=frozenset(origins),
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_ANSWER_HEADERS,
        )
