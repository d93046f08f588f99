"""Entry point `python -m flows.prefect_server`: Prefect's API, scheduler and UI.

`prefect server start` answers whatever name it is called by. So a web page could point a name of
its own at this machine, and a browser would let it ask this server (DNS rebinding). Here only the
hosts of PREFECT_SERVER_CORS_ALLOWED_ORIGINS are answered, on any port.

`--listen-on N` serves on the socket of that file descriptor, which whoever starts the server holds
open: what connects while no server runs waits for the next one. `--note-asked FILE` touches the
file whenever somebody asks; requests with the header `--unattended NAME` do not count.
"""

import gc

from flows.ascii_slugs import load_tables_when_needed

if __name__ == "__main__":
    # What is imported stays: looking through it for garbage as it grows takes a fifth of the start.
    gc.disable()
    load_tables_when_needed()

import argparse
import socket
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from prefect.settings import get_current_settings
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from sql.optional_libraries import not_installed

# redis, which comes with it, would load the SDK for figures of its own.
with not_installed("opentelemetry.sdk"):
    from prefect.server.api.server import create_app

ANY = "*"
_STOP_SECONDS = 5
"""What is connected by then, as pages that wait for events are, is let go."""
_NOT_STARTED = 3


class NotedRequests:
    """Touches a file before a request is handled, unless it carries the header."""

    def __init__(self, app: ASGIApp, file: Path, unattended: str) -> None:
        self._app = app
        self._file = file
        self._unattended = unattended.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] == "http" and self._unattended not in dict(scope["headers"]):
            self._file.touch()
        await self._app(scope, receive, send)


def main() -> None:
    """Serve until a signal ends it, with the settings of the environment."""
    options = _options()
    server = get_current_settings().server
    hosts = hosts_of(server.api.cors_allowed_origins)
    app: ASGIApp = TrustedHostMiddleware(create_app(final=True), hosts, www_redirect=False)
    if options.note_asked is not None:
        app = NotedRequests(app, options.note_asked, options.unattended)
    config = uvicorn.Config(
        app,
        host=server.api.host,
        port=server.api.port,
        timeout_keep_alive=server.api.keepalive_timeout,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
    )
    held = options.listen_on
    serving = uvicorn.Server(config)
    # What was imported is looked through no more.
    gc.freeze()
    gc.enable()
    with suppress(KeyboardInterrupt):
        serving.run(None if held is None else [socket.socket(fileno=held)])
    if not serving.started:
        sys.exit(_NOT_STARTED)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen-on", type=int)
    parser.add_argument("--note-asked", type=Path)
    parser.add_argument("--unattended", default="")
    return parser.parse_args()


def hosts_of(origins: str) -> list[str]:
    """The hosts of origins that are separated by commas; `*` stands for any."""
    named = [origin.strip() for origin in origins.split(",")]
    return [ANY if origin == ANY else urlsplit(origin).hostname or "" for origin in named]


if __name__ == "__main__":
    main()
