"""Asking an HTTP server for JSON."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """What a server answered."""

    status: int
    body: Any
    """None if it is not JSON."""


def ask(url: str, headers: Mapping[str, str] | None = None) -> JsonAnswer | None:
    """The answer to a GET of an `http://` address; None if there is none in time."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path, headers=dict(headers or {}))
        response = connection.getresponse()
        return JsonAnswer(response.status, _parsed(response.read()))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
