"""The environment of a flow that a command runs, and a Prefect server for it while none runs."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from serving.console.kept_schedule import find_schedule
from stack.health import refusal
from stack.local.environment import child_environment, prefect_environment
from stack.local.home import Home
from stack.local.ports import free_port
from stack.local.prefect_database import ensure_prefect_database
from stack.local.processes import prefect_server_service
from stack.local.servers.child_process import stop_child, wait_for_answer
from stack.local.stores import Stores
from stack.local.supervision.log_file import open_log
from stack.local.supervision.service import POLITE
from stack.settings import StackSettings

_NO_SCHEDULER = {"PREFECT__SERVER_EPHEMERAL": "1"}
"""Prefect's server then has no pages and makes no scheduled runs, for which there is no worker."""

_START_SECONDS = 300.0
"""A first start makes Prefect's database, which takes minutes on a machine that is very busy."""


@contextmanager
def flow_environment(
    settings: StackSettings, home: Home, stores: Stores, say: Callable[[str], object]
) -> Iterator[dict[str, str]]:
    """Variables of a process that runs a flow, for the time of the block.

    What takes a while is said before it begins.

    To be opened on the main thread, so that a server of our own ends whatever we die of. Raises
    ServerNotReadyError if it does not start.
    """
    if stores.prefect_url is not None and find_schedule(home.prefect_rest_file) is not None:
        say("Prefect rests; it is started for this, and rests again later.")
    with _prefect_server(home, stores.prefect_url) as url:
        yield child_environment(
            prefect_environment(home, url),
            settings,
            home,
            database_url=stores.database_url,
            redis_url=stores.redis_url,
        )


@contextmanager
def _prefect_server(home: Home, running: str | None) -> Iterator[str]:
    """The address of the server that is `running`, or else of one of our own.

    Prefect would start one by itself, but would leave it behind if the flow's process were killed.
    """
    if running is not None:
        yield running
        return
    ensure_prefect_database(home.prefect)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {**prefect_environment(home, url), **_NO_SCHEDULER}
    launch = prefect_server_service(environment, port).prepare()
    log = home.log("prefect-server")
    with open_log(log) as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            launch.command, stdout=output, stderr=output, **launch.options()
        )
    try:
        wait_for_answer(
            "prefect-server",
            partial(refusal, f"{url}/api/health"),
            process,
            timeout_seconds=_START_SECONDS,
            log=log,
        )
        yield url
    finally:
        stop_child(process, POLITE)
