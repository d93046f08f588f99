"""Whether an HTTP server answers."""

import http.client
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 5.0


def refusal(url: str) -> str | None:
    """Why GET of the address does not answer 200; None if it does."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return None if status == http.client.OK else f"it answers {status}"
