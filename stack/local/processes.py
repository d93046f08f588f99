"""The seven processes of the stack, as services."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from domain.errors import StackError
from loading.priority import NICENESS
from serving.console.prefect_api import UNATTENDED
from serving.postgres.settings import ResilienceSettings
from serving.server.settings import ProcessSettings
from stack.database_addresses import DatabaseAddresses
from stack.health import refusal
from stack.local.embedded_database import DATABASE, embedded_addresses
from stack.local.home import Home
from stack.local.servers import postgres, redis_server
from stack.local.servers.child_process import ending_with_parent, wait_for_answer
from stack.local.supervision.readiness import ReadyListener
from stack.local.supervision.service import Launch, Service

WORK_POOL = "tandem"
ANSWER_TIMEOUT_SECONDS = 120.0
_TO_ASK_PREFECT = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_UI_URL")
_LET_OTHERS_GO_FIRST = (
    f'{{ echo {NICENESS} >/proc/self/autogroup; }} 2>/dev/null; exec nice -n {NICENESS} "$@"'
)
"""A program for the shell, as `let_others_go_first` has to be said before ours begins."""
_STOP_GRACE_SECONDS = 5.0
"""Beyond what the API gives its own processes to finish."""
_OTHER_CONNECTIONS = 40
"""Of the speed worker, nights, commands, analysts, and what PostgreSQL keeps for its owner."""
_FEWEST_CONNECTIONS = 100


class EmbeddedPostgres:
    """The embedded PostgreSQL."""

    def __init__(self, home: Home, port: int | None) -> None:
        self._home = home
        self._port = port
        self._server: postgres.PostgresServer | None = None

    def service(self) -> Service:
        """For the supervisor."""
        return Service("postgres", self._prepare, postgres.SHUTDOWN)

    @property
    def server(self) -> postgres.PostgresServer:
        """What runs; the service must have been started. Its database may have to be made."""
        if self._server is None:
            raise StackError("PostgreSQL has not been started.")
        return self._server

    def addresses(self) -> DatabaseAddresses:
        """The database's addresses; the service must have been started."""
        return embedded_addresses(self.server, DATABASE)

    def _prepare(self) -> Launch:
        server = postgres.prepare_postgres(
            self._home.postgres, port=self._port, connections=connections_needed()
        )
        self._server = server

        wait = partial(postgres.wait_until_ready, server, timeout_seconds=ANSWER_TIMEOUT_SECONDS)
        return Launch(server.command(), server.popen_options, wait)


class EmbeddedRedis:
    """The embedded Redis."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._server: redis_server.RedisServer | None = None

    def service(self) -> Service:
        """For the supervisor."""
        return Service("redis", self._prepare, redis_server.SHUTDOWN)

    def url(self) -> str:
        """Redis's address; the service must have been started."""
        if self._server is None:
            raise StackError("Redis has not been started.")
        return self._server.url()

    def _prepare(self) -> Launch:
        server = redis_server.prepare_redis(self._home.redis)
        self._server = server
        return Launch(
            server.command(),
            server.popen_options,
            lambda process: redis_server.wait_until_ready(server, process),
        )


def connections_needed() -> int:
    """What the embedded PostgreSQL must take: all pools of all API processes, and the rest."""
    pools, api = ResilienceSettings(), ProcessSettings()
    each = (
        pools.postgres_connections
        + pools.postgres_overflow_connections
        + pools.postgres_write_connections
        + pools.postgres_background_connections
        + pools.postgres_exclusion_connections
        + 2  # on which it listens, and on which it feels for a sign of life
    )
    return max(api.api_workers * each + _OTHER_CONNECTIONS, _FEWEST_CONNECTIONS)


def prefect_server_service(environment: Mapping[str, str], port: int) -> Service:
    """Prefect's API, scheduler and UI."""
    where = {"PREFECT_SERVER_API_HOST": "127.0.0.1", "PREFECT_SERVER_API_PORT": str(port)}
    health_url = f"http://127.0.0.1:{port}/api/health"
    return _python("prefect-server", ["flows.prefect_server"], {**environment, **where}, health_url)


def prefect_server_on(
    environment: Mapping[str, str], port: int, descriptor: int, asked_file: Path
) -> Service:
    """The same on a socket that is held open, noting in a file when somebody asks."""
    service = prefect_server_service(environment, port)

    def prepare() -> Launch:
        launch = service.prepare()
        noting = ["--note-asked", str(asked_file), "--unattended", UNATTENDED]
        command = [*launch.command, "--listen-on", str(descriptor), *noting]

        def options() -> dict[str, Any]:
            return {**launch.options(), "pass_fds": (descriptor,)}

        return replace(launch, command=command, options=options)

    return replace(service, prepare=prepare)


def prefect_worker_service(environment: Mapping[str, str], directory: Path) -> Service:
    """The worker that runs scheduled flows, each in a process that lets others go first."""
    command = ["flows.prefect_worker", "--pool", WORK_POOL, "--type", "process"]
    # That it asks what is due is no reason to keep a server up that rests when nobody asks.
    headers = {"PREFECT_CLIENT_CUSTOM_HEADERS": json.dumps({UNATTENDED: "1"})}
    variables = {**environment, **headers}

    def prepare() -> Launch:
        return _nice(_python("prefect-worker", command, variables, None, directory).prepare())

    return Service("prefect-worker", prepare)


def speed_service(environment: Mapping[str, str]) -> Service:
    """The worker that turns events into live vectors; ready when its first pass has ended."""

    def prepare() -> Launch:
        listener = ReadyListener()
        variables = {**_without_prefect(environment), **listener.environment}
        wait = partial(listener.wait, "speed", seconds=ANSWER_TIMEOUT_SECONDS)
        return replace(
            _python("speed", ["speed"], variables, None).prepare(), wait_until_ready=wait
        )

    return Service("speed", prepare)


def loading_service(environment: Mapping[str, str]) -> Service:
    """The worker that loads what was uploaded; it lets others go first."""
    service = _python("loading", ["loading.worker"], _without_prefect(environment), None)
    return replace(service, prepare=lambda: _nice(service.prepare()))


def api_service(environment: Mapping[str, str], api_url: str) -> Service:
    """The HTTP API."""
    # Its console asks Prefect when the next night comes. Like all that this account runs it could
    # read the password in its file anyway.
    asking = {name: environment[name] for name in _TO_ASK_PREFECT if name in environment}
    variables = {**_without_prefect(environment), **asking}
    service = _python("api", ["serving"], variables, f"{api_url}/readyz")
    seconds = ProcessSettings().api_shutdown_seconds + _STOP_GRACE_SECONDS
    return replace(service, shutdown=((signal.SIGTERM, seconds),))


def _nice(launch: Launch) -> Launch:
    return replace(launch, command=["sh", "-c", _LET_OTHERS_GO_FIRST, "sh", *launch.command])


def _without_prefect(environment: Mapping[str, str]) -> dict[str, str]:
    """For those that never ask Prefect: whoever has its password runs what they like as a flow."""
    return {name: value for name, value in environment.items() if not name.startswith("PREFECT_")}


def _python(
    name: str,
    module: list[str],
    environment: Mapping[str, str],
    health_url: str | None,
    directory: Path | None = None,
) -> Service:
    """A Python module as a service; without `health_url` it is ready as soon as it runs."""

    def options() -> dict[str, Any]:
        return {
            "env": environment,
            "cwd": directory,
            "start_new_session": True,
            **ending_with_parent(signal.SIGTERM),
        }

    def wait(process: subprocess.Popen[Any]) -> None:
        if health_url is not None:
            wait_for_answer(
                name,
                partial(refusal, health_url),
                process,
                timeout_seconds=ANSWER_TIMEOUT_SECONDS,
                log=None,
            )

    return Service(name, lambda: Launch([sys.executable, "-m", *module], options, wait))
