"""Entry point: `python -m serving`."""

import uvicorn

from serving.logs import configure_logs
from serving.settings import ServingSettings


def main() -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    configure_logs()
    settings = ServingSettings()
    uvicorn.run(
        "serving.app:app_from_environment",
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        workers=settings.api_workers,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.api_shutdown_seconds,
        timeout_keep_alive=settings.api_keep_alive_seconds,
    )


if __name__ == "__main__":
    main()
