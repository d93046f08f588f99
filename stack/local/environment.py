"""The environment of the processes."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from serving.access.signing_keys import rotate_signing_keys
from stack.local.home import Home
from stack.local.password_file import ensure_password
from stack.local.prefect_password import USER
from stack.settings import StackSettings

# A person's own Prefect account or profile has no say in this stack.
_STRANGERS = ("PREFECT_API_", "PREFECT_PROFILE", "PREFECT_CLIENT_", "PREFECT_SERVER_API_")
_SIGNING_KEYS = "TANDEM_SIGNING_KEYS_FILE"
_CANARY = "TANDEM_CANARY_SECONDS"
_CANARY_SECONDS = "60"
"""Of a machine of one's own: so that the page Health shows how soon lists follow."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def prefect_environment(home: Home, prefect_url: str) -> dict[str, str]:
    """Variables of Prefect, on top of ours, for the server at this address and who asks it.

    The server asks for a password, which is made if there is none yet.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_STRANGERS)
    }
    return {
        **_DEFAULTS,
        # What the flows log goes through Prefect.
        **_renamed(inherited, "TANDEM_LOG_LEVEL", "PREFECT_LOGGING_LEVEL"),
        **inherited,
        **no_proxy(*_LOOPBACK),
        "PREFECT_API_URL": f"{prefect_url}/api",
        **_doors(home, prefect_url),
        **_PRIVACY,
        "PREFECT_HOME": str(home.prefect),
    }


def _renamed(variables: Mapping[str, str], name: str, other: str) -> dict[str, str]:
    return {other: variables[name]} if name in variables else {}


def child_environment(
    prefect: Mapping[str, str],
    settings: StackSettings,
    home: Home,
    *,
    database_url: str,
    redis_url: str | None,
) -> dict[str, str]:
    """Variables of our own processes, on top of Prefect's; without Redis none is named."""
    inherited = {name: value for name, value in prefect.items() if name not in _NOT_THEIRS}
    return {
        **inherited,
        "DATABASE_URL": database_url,
        **({} if redis_url is None else {"REDIS_URL": redis_url}),
        "TANDEM_BATCH_FOLDER": inherited.get("TANDEM_BATCH_FOLDER") or str(home.nights),
        "TANDEM_HOME": str(home.directory),
        "TANDEM_API_HOST": settings.api_host,
        "TANDEM_API_PORT": str(settings.api_port),
    }


def api_environment(environment: Mapping[str, str], home: Home) -> dict[str, str]:
    """Variables of the API, on top of those of all processes: a canary and its signing keys.

    The file of the keys is made if it is missing, unless the caller has one elsewhere.
    """
    variables = {**environment, "TANDEM_PREFECT_REST_FILE": str(home.prefect_rest_file)}
    if not variables.get(_CANARY):
        variables[_CANARY] = _CANARY_SECONDS
    if variables.get(_SIGNING_KEYS):
        return variables
    file = home.signing_keys_file
    if not file.exists():
        rotate_signing_keys(file)
    return {**variables, _SIGNING_KEYS: str(file)}


def no_proxy(*hosts: str) -> dict[str, str]:
    """Variables by which HTTP libraries reach these hosts without the proxy of the environment.

    Both spellings are read, by some libraries the one and by others the other. What the caller
    wants reached without a proxy stays so.
    """
    spelt = (os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    named = [host.strip() for value in spelt for host in value.split(",") if host.strip()]
    exempt = ",".join(dict.fromkeys([*named, *hosts]))
    return {"no_proxy": exempt, "NO_PROXY": exempt}


def _doors(home: Home, prefect_url: str) -> dict[str, str]:
    """Who may ask the Prefect server: whoever knows the password, from no page but its own."""
    password = f"{USER}:{ensure_password(home.prefect_password_file)}"
    port = urlsplit(prefect_url).port
    origins = [f"http://{host}:{port}" for host in ("127.0.0.1", "localhost")]
    return {
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
    }


# Passwords stand in the addresses by now. How to come as the owner or as an analyst is not the
# processes' to know.
_NOT_THEIRS = frozenset(
    {
        "DATABASE_PASSWORD_FILE",
        "DATABASE_OWNER_URL",
        "DATABASE_OWNER_PASSWORD_FILE",
        "DATABASE_ANALYST_URL",
        "DATABASE_ANALYST_PASSWORD_FILE",
        "REDIS_PASSWORD_FILE",
    }
)

_DEFAULTS = {
    # Threads of Python take turns: heaps of their own spare them no wait, and each keeps what was
    # freed in it.
    "MALLOC_ARENA_MAX": "1",
    # More threads in the linear algebra library slow the factorization down.
    "OPENBLAS_NUM_THREADS": "1",
    # Those of the factorization would spin while they wait for one that others keep from its core.
    "OMP_WAIT_POLICY": "passive",
    # What keeps the tasks of Prefect's server would have each of its functions wrapped in checks.
    "PY_KEY_VALUE_DISABLE_BEARTYPE": "true",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # Events, which no request can delete, go after 30 days, and so do logs of runs that are gone.
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P30D",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,orphans",
    "PREFECT_WORKER_QUERY_SECONDS": "5",
    "PYTHONUNBUFFERED": "1",
}

# Nothing is reported to anybody outside.
_PRIVACY = {
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
