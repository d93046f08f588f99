"""A start, step by step: as much as possible at the same time."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

from stack.database_addresses import DatabaseAddresses
from stack.local.environment import api_environment, child_environment, prefect_environment
from stack.local.flow_runs.nightly_flow import NightlyRunError, outcome, run_flow
from stack.local.home import Home
from stack.local.prefect_database import ensure_prefect_database
from stack.local.processes import (
    EmbeddedPostgres,
    EmbeddedRedis,
    api_service,
    loading_service,
    speed_service,
)
from stack.local.servers.postgres import PostgresServer
from stack.local.starting.helper_process import ask, call
from stack.local.starting.prefect_processes import PrefectProcesses
from stack.local.starting.welcome import Welcome
from stack.local.supervision.background import together
from stack.local.supervision.log_file import last_lines
from stack.local.supervision.one_off import run_python
from stack.local.supervision.service import Service
from stack.local.supervision.state_recorder import StateRecorder
from stack.local.supervision.supervisor import Supervisor
from stack.settings import StackSettings
from stack.terminal import Terminal

STEPS = "stack.local.starting.database_steps"
DEPLOYMENTS = ["-m", "flows.deployments"]
REPORTED_LOG_LINES = 12
_PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Start:
    """What a start works with."""

    settings: StackSettings
    home: Home
    terminal: Terminal
    supervisor: Supervisor
    recorder: StateRecorder
    with_sample: bool
    began_at: float
    """When the person began to wait, in seconds since 1970."""
    helper: Executor
    """Where the steps in the database are done."""
    prefect: PrefectProcesses

    def begins_with_sample(self) -> bool:
        """Whether the sample will be loaded, as far as can be told before there is a database."""
        embedded = self.settings.external_database is None
        return self.with_sample and embedded and not self.home.postgres.exists()

    async def ask(self, step: str, *arguments: Any) -> Any:
        """What a step of `stack.local.starting.database_steps` answers."""
        return await ask(self.helper, STEPS, step, *arguments)


async def start_up(start: Start) -> Welcome:
    """Start everything; returns when the first personal recommendation was given, or cannot be.

    Raises StackError if something does not start; what runs by then goes on running.
    """
    variables = prefect_environment(start.home, start.settings.prefect_url)
    if start.begins_with_sample():
        start.helper.submit(call, STEPS, "simulate_sample_ahead")
    prefect = asyncio.Event()
    welcome: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
    # Prefect's server takes longest and needs nothing, so it goes first.
    await together(
        _prefect(start, variables, prefect), _everything_else(start, variables, prefect, welcome)
    )
    return await welcome


async def _prefect(start: Start, variables: Mapping[str, str], ready: asyncio.Event) -> None:
    ensure_prefect_database(start.home.prefect)
    await _service(start, start.prefect.server(variables))
    ready.set()


async def _everything_else(
    start: Start,
    prefect_variables: Mapping[str, str],
    prefect: asyncio.Event,
    welcome: asyncio.Future[Welcome],
) -> None:
    embedded, database, redis_url = await _stores(start)
    with start.terminal.step("database at the newest revision"):
        await start.ask("prepare", embedded, database)
    start.recorder.migrated()
    environment = child_environment(
        prefect_variables,
        start.settings,
        start.home,
        database_url=database.app,
        redis_url=redis_url,
    )
    await _data_and_layers(start, database.app, environment)
    await _first_night(start, database.app, environment)
    first = await _welcome(start, database.app)
    # Not before the first answer, which they would delay.
    await _service(start, loading_service(environment))
    await prefect.wait()
    await _schedule(start, environment)
    start.recorder.first_recommendation(first.seconds)
    welcome.set_result(first)


async def _stores(start: Start) -> tuple[PostgresServer | None, DatabaseAddresses, str]:
    """Addresses of the database and of Redis, both started unless others were given.

    The embedded server too, if it is that.
    """
    settings = start.settings
    postgres = EmbeddedPostgres(start.home, settings.postgres_port)
    redis = EmbeddedRedis(start.home)
    database, redis_url = settings.external_database, settings.external_redis_url
    services = [] if database else [postgres.service()]
    services += [] if redis_url else [redis.service()]
    await together(*(_service(start, service) for service in services))
    stores = (database or postgres.addresses(), redis_url or redis.url())
    start.recorder.stores(*stores)
    return None if database else postgres.server, *stores


async def _data_and_layers(start: Start, database_url: str, environment: Mapping[str, str]) -> None:
    with_signing_keys = api_environment(environment, start.home)
    await together(
        _sample(start, database_url),
        _service(start, speed_service(environment)),
        _service(start, api_service(with_signing_keys, start.settings.api_url)),
    )


async def _service(start: Start, service: Service) -> None:
    with start.terminal.step(service.name):
        await start.supervisor.start(service)


async def _sample(start: Start, database_url: str) -> None:
    if not start.with_sample:
        return
    with start.terminal.step("sample") as note:
        loaded = await start.ask("load_sample_if_empty", database_url)
        note.text = "sample: not needed, there are items"
        if loaded is not None:
            note.text = f"sample: {loaded.films:,} films, {loaded.events:,} events"


async def _schedule(start: Start, environment: Mapping[str, str]) -> None:
    """The schedules of the flows, and the worker that keeps them."""
    log = start.home.log("deployments")
    with start.terminal.step("schedules") as note:
        code = await run_python(DEPLOYMENTS, environment, log)
        if code != 0:
            note.fail("schedules: not registered")
    if code != 0:
        what = "Nothing runs by itself. Mend what the log says, then: tandem down, tandem up"
        start.terminal.warn(what, [f"the end of {log}:", *last_lines(log, REPORTED_LOG_LINES)])
    await _service(start, start.prefect.worker(environment))


async def _first_night(start: Start, database_url: str, environment: Mapping[str, str]) -> None:
    """Learn at once if nothing is served yet and there is something to learn from."""
    missing = await start.ask("night_is_missing", database_url)
    if missing is None:
        start.terminal.warn("There are no events to learn from yet. Load some: tandem load PATH")
    if not missing:
        return
    reason: str | None = None
    with start.terminal.step("first night") as note:
        try:
            record = await _night(start, database_url, environment)
        except NightlyRunError as error:
            reason = str(error)
            note.fail("first night: there was none")
        else:
            line = f"first night: run {record['run_id']} {record['state']}"
            note.text = ", ".join(filter(None, (line, record["accuracy"])))
            if record["state"] != _PUBLISHED:
                reason = record["reason"] or "no reason is known"
                note.fail(note.text)
    if reason is not None:
        start.terminal.warn(f"Popular items are served until a night is published. {reason}")


async def _night(start: Start, database_url: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The record of the run, with its `accuracy`; NightlyRunError if there is none."""
    log = start.home.log("nightly")
    before = await start.ask("newest_run", database_url)
    ended = await run_flow(environment, log, _silence)
    return outcome(await start.ask("find_run_after", database_url, before), ended, log)


async def _welcome(start: Start, database_url: str) -> Welcome:
    api_url = start.settings.api_url
    welcome: Welcome = await start.ask("welcome", database_url, start.home, api_url)
    if welcome.recommendation is not None:
        seconds = round(time.time() - start.began_at, 1)
        start.terminal.line(f"[bold green]first personal recommendation after {seconds:.1f} s[/]")
        welcome = replace(welcome, seconds=seconds)
    if start.terminal.is_watched():
        # What is not a terminal may be a journal, where such a link has no business.
        welcome = replace(welcome, admin_path=await start.ask("admin_path", database_url))
    return welcome


def _silence(_step: str, _seconds: float | None) -> None:
    return
