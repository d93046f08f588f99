"""Entry point: `python -m serving`."""

import gc

if __name__ == "__main__":
    # What is imported stays: looking through it for garbage as it grows takes a fifth of the start.
    gc.disable()

import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

# Loaded by the server otherwise: after the fork, and so once in every process.
from uvicorn.lifespan import on as _lifespan  # noqa: F401
from uvicorn.loops import uvloop as _loop  # noqa: F401

from sql.environment import refuse_unknown_variables
from sql.optional_libraries import not_installed

# structlog would load rich to write for people, lark regex for grammars unlike ours, and redis the
# SDK for figures of its own. Traces load the SDK if they are asked for.
with not_installed("rich", "regex", "opentelemetry.sdk"):
    from serving.app import app_of_process
    from serving.runtime.logs import configure_logs
    from serving.server.figures import ProcessSlot
    from serving.server.protocol import GuardedProtocol
    from serving.server.workers import Heart, Workers, listen
    from serving.settings import ServingSettings

_OTHER_FILES = 500
"""Descriptors of a process besides its clients' connections: stores, logs, libraries."""
_GRACE_SECONDS = 2.0


def main() -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    refuse_unknown_variables()
    settings = ServingSettings()
    configure_logs(settings.log_level)
    _allow_files(settings.api_connections + _OTHER_FILES)
    # Loaded once and for all processes: what is not touched any more they share.
    gc.collect()
    gc.freeze()
    gc.enable()
    with listen(settings.api_host, settings.api_port) as listener:
        if settings.api_workers == 1:
            _serve(settings, ProcessSlot(0, 1, None), listener, None)
        else:
            sys.exit(_serve_together(settings, listener))


def _serve_together(settings: ServingSettings, listener: socket.socket) -> int:
    """Serve in several processes; the code to end with."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-api-"))

    workers = Workers(
        partial(_serve_at, settings, folder),
        listener,
        settings.api_workers,
        stop_seconds=settings.api_shutdown_seconds + _GRACE_SECONDS,
        hung_seconds=settings.api_hung_seconds,
    )
    try:
        return workers.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve_at(
    settings: ServingSettings, folder: Path, number: int, listener: socket.socket, heart: Heart
) -> None:
    _serve(settings, ProcessSlot(number, settings.api_workers, folder), listener, heart)


def _serve(
    settings: ServingSettings, slot: ProcessSlot, listener: socket.socket, heart: Heart | None
) -> None:
    """Serve in this process."""
    configure_logs(settings.log_level)
    app = partial(app_of_process, settings, slot)
    config = server_config(settings, app, None if heart is None else heart.beat)
    uvicorn.Server(config).run([listener])


def server_config(
    settings: ServingSettings,
    app: Callable[[], ASGIApp],
    beat: Callable[[], Awaitable[None]] | None = None,
) -> uvicorn.Config:
    """How the app that this makes is served; `beat` is called again and again."""
    return uvicorn.Config(
        app,
        factory=True,
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # The app has its own, which trusts whom the settings name.
        proxy_headers=False,
        timeout_graceful_shutdown=settings.api_shutdown_seconds,
        timeout_keep_alive=settings.api_keep_alive_seconds,
        callback_notify=beat,
        timeout_notify=0,
        # A request that waits for its turn is begun as the one before it ends, whose id in the
        # log, time and trace are not its own.
        reset_contextvars=True,
    )


def _allow_files(most: int) -> None:
    """Each connection is an open file, and systems often allow 1024 where more may be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < most:
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


if __name__ == "__main__":
    main()
