"""Prefect's server and worker, running always or when they are needed, as is set."""

from collections.abc import Mapping
from datetime import timedelta

from domain.errors import StackError
from serving.console.prefect_api import PrefectApi
from stack.local.home import Home
from stack.local.on_demand.held_port import HeldPort
from stack.local.on_demand.prefect import Bounds, Files, PrefectOnDemand
from stack.local.prefect_password import credentials
from stack.local.processes import (
    prefect_server_on,
    prefect_server_service,
    prefect_worker_service,
)
from stack.local.supervision.service import Service
from stack.local.supervision.supervisor import Reporter, Supervisor
from stack.settings import StackSettings


class PrefectProcesses:
    """How both are started, and kept afterwards."""

    def __init__(self, settings: StackSettings, home: Home) -> None:
        self._settings = settings
        self._home = home
        self._files = Files(home.prefect_asked_file, home.prefect_rest_file)
        self._port: HeldPort | None = None
        self._server: Service | None = None
        self._worker: Service | None = None

    def server(self, environment: Mapping[str, str]) -> Service:
        """The server; from now on its port is held, if it is to rest at times."""
        self._files.begin()
        port = self._settings.prefect_port
        if self._settings.prefect == "always":
            return prefect_server_service(environment, port)
        try:
            self._port = held = HeldPort(port)
        except OSError as error:
            raise StackError(f"Prefect cannot listen on port {port}: {error.strerror}") from error
        self._server = prefect_server_on(environment, port, held.descriptor, self._files.asked)
        return self._server

    def worker(self, environment: Mapping[str, str]) -> Service:
        """The worker."""
        self._worker = prefect_worker_service(environment, self._home.directory)
        return self._worker

    async def keep(self, supervisor: Supervisor, reporter: Reporter) -> None:
        """Stop and start both as they are needed; returns only if they run always."""
        if self._port is None or self._server is None or self._worker is None:
            return
        settings = self._settings
        ahead = timedelta(seconds=settings.prefect_ahead_seconds)
        await PrefectOnDemand(
            supervisor,
            reporter,
            self._server,
            self._worker,
            self._port,
            PrefectApi(settings.prefect_url, credentials(self._home.prefect_password_file)),
            self._files,
            Bounds(ahead, settings.prefect_idle_seconds),
        ).keep()
