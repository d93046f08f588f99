"""Entry point `python -m flows.prefect_server`: Prefect's API, scheduler and UI.

`prefect server start` answers whatever name it is called by. So a web page could point a name of
its own at this machine, and a browser would let it ask this server (DNS rebinding). Here only the
hosts of PREFECT_SERVER_CORS_ALLOWED_ORIGINS are answered, on any port.
"""

from urllib.parse import urlsplit

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings
from starlette.middleware.trustedhost import TrustedHostMiddleware

ANY = "*"


def main() -> None:
    """Serve until a signal ends it, with the settings of the environment."""
    server = get_current_settings().server
    hosts = hosts_of(server.api.cors_allowed_origins)
    uvicorn.run(
        TrustedHostMiddleware(create_app(final=True), hosts, www_redirect=False),
        host=server.api.host,
        port=server.api.port,
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
    )


def hosts_of(origins: str) -> list[str]:
    """The hosts of origins that are separated by commas; `*` stands for any."""
    named = [origin.strip() for origin in origins.split(",")]
    return [ANY if origin == ANY else urlsplit(origin).hostname or "" for origin in named]


if __name__ == "__main__":
    main()
