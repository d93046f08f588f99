"""Whether a server of this stack answers, asked without a library that would stay in memory."""

import http.client
from http import HTTPStatus
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 5.0


def refusal(url: str) -> str | None:
    """Why GET of the address, which is plain HTTP, does not answer 200; None if it does."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", address.path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if status == HTTPStatus.OK else f"it answers {status}"
