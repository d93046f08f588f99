"""A start, step by step: as much as possible at the same time."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from stack.database_addresses import DatabaseAddresses
from stack.local.environment import api_environment, child_environment, prefect_environment
from stack.local.prefect_database import ensure_prefect_database
from stack.local.processes import (
    EmbeddedPostgres,
    EmbeddedRedis,
    api_service,
    loading_service,
    speed_service,
)
from stack.local.servers.postgres import PostgresServer
from stack.local.starting.first_night import first_night
from stack.local.starting.helper_process import call
from stack.local.starting.start import STEPS, Start
from stack.local.starting.welcome import Welcome
from stack.local.supervision.background import together
from stack.local.supervision.log_file import last_lines
from stack.local.supervision.one_off import run_python
from stack.local.supervision.service import Service

DEPLOYMENTS = ["-m", "flows.deployments"]
REPORTED_LOG_LINES = 12


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
    with_sample = start.begins_with_sample()
    embedded, database, redis_url = await _stores(start)
    environment = child_environment(
        prefect_variables,
        start.settings,
        start.home,
        database_url=database.app,
        redis_url=redis_url,
    )
    async with first_night(start, database.app, environment) as night:
        if with_sample:
            night.prepare()
        with start.terminal.step("database at the newest revision"):
            await start.ask("prepare", embedded, database)
        start.recorder.migrated()
        await _sample(start, database.app)
        await together(night.run(), _layers(start, environment))
        first = await _welcome(start, database.app)
        # Not before the first answer, which they would delay.
        await _service(start, loading_service(environment))
        await prefect.wait()
        await _schedule(start, environment)
        await night.end()
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


async def _layers(start: Start, environment: Mapping[str, str]) -> None:
    with_signing_keys = api_environment(environment, start.home)
    await together(
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
