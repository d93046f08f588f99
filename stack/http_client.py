"""HTTP requests to the stack's own servers."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """What a server answered."""

    status: int
    body: Any
    """None if it is not JSON."""


def send(
    method: str, url: str, *, seconds: float = _TIMEOUT_SECONDS, **options: Any
) -> httpx.Response:
    """The answer to one request, with options of `httpx.Client.request`.

    Raises httpx.HTTPError if there is none in time.
    """
    return _client().request(method, url, timeout=seconds, **options)


def ask(url: str, headers: Mapping[str, str] | None = None) -> JsonAnswer | None:
    """The answer to a GET; None if there is none in time."""
    try:
        response = send("GET", url, headers=headers)
    except httpx.HTTPError:
        return None
    return JsonAnswer(response.status_code, _parsed(response))


@cache
def _client() -> httpx.Client:
    return httpx.Client(
        # A proxy, or a .netrc, of the caller's environment is not for servers of this machine.
        trust_env=False,
        # They speak plain HTTP: to load the certificates of the world would take longest.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        # A server that was started again must not be asked on a connection of the one before.
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def _parsed(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
