"""The environment of the processes."""

import os
from collections.abc import Mapping

from stack.home import Home
from stack.settings import StackSettings

# A person's own Prefect account or profile has no say in this stack.
_STRANGERS = ("PREFECT_API_", "PREFECT_PROFILE", "PREFECT_CLIENT_")


def prefect_environment(home: Home, prefect_url: str | None) -> dict[str, str]:
    """Variables of Prefect, on top of ours; `prefect_url` None: it starts a server of its own."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_STRANGERS)
    }
    address = (
        {"PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true"}
        if prefect_url is None
        else {"PREFECT_API_URL": f"{prefect_url}/api"}
    )
    return {
        **_DEFAULTS,
        **inherited,
        **address,
        **_PRIVACY,
        "PREFECT_HOME": str(home.prefect),
    }


def child_environment(
    prefect: Mapping[str, str],
    settings: StackSettings,
    home: Home,
    *,
    database_url: str,
    redis_url: str | None,
) -> dict[str, str]:
    """Variables of our own processes, on top of Prefect's; without Redis none is told."""
    return {
        **prefect,
        "DATABASE_URL": database_url,
        **({} if redis_url is None else {"REDIS_URL": redis_url}),
        "TANDEM_HOME": str(home.directory),
        "TANDEM_API_HOST": settings.api_host,
        "TANDEM_API_PORT": str(settings.api_port),
    }


_DEFAULTS = {
    # More threads in the linear algebra library slow the factorization down.
    "OPENBLAS_NUM_THREADS": "1",
    "PREFECT_LOGGING_LEVEL": "INFO",
    # For a night without a running server, on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # Events, which no request can delete, go after 30 days, and so do logs of runs that are gone.
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P30D",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,orphans",
    "PREFECT_WORKER_QUERY_SECONDS": "5",
    "PYTHONUNBUFFERED": "1",
}

# Nothing is told to anybody outside.
_PRIVACY = {
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
