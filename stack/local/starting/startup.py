"""A start, step by step: as much as possible at the same time."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from serving.accounts.links import NewLink
from stack.accounts import first_admin_link
from stack.api_key import diagnose_key, first_key
from stack.database import using_engine
from stack.database_addresses import DatabaseAddresses
from stack.local.environment import api_environment, child_environment, prefect_environment
from stack.local.flow_runs.nightly_run import NightlyRunError, run_nightly
from stack.local.home import Home
from stack.local.processes import (
    EmbeddedPostgres,
    EmbeddedRedis,
    api_service,
    loading_service,
    prefect_server_service,
    prefect_worker_service,
    speed_service,
)
from stack.local.starting.first_data import has_events, has_items, load_sample
from stack.local.starting.first_recommendation import FirstRecommendation, first_recommendation
from stack.local.stores import prepare_database
from stack.local.supervision.background import in_thread, together
from stack.local.supervision.log_file import last_lines
from stack.local.supervision.one_off import run_python
from stack.local.supervision.service import Service
from stack.local.supervision.state_recorder import StateRecorder
from stack.local.supervision.supervisor import Supervisor
from stack.runs import PUBLISHED, accuracy, find_live_run
from stack.settings import StackSettings
from stack.terminal import Terminal

DEPLOYMENTS = ["-m", "flows.deployments"]
REPORTED_LOG_LINES = 12


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


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a person needs to try the running stack."""

    key: str
    key_is_new: bool
    recommendation: FirstRecommendation | None
    seconds: float | None
    """From the beginning to that recommendation."""
    admin_link: NewLink | None = None
    """To register as the first admin; None: there is one, or nobody looks on."""


async def start_up(start: Start) -> Welcome:
    """Start everything; returns when the first personal recommendation was given, or cannot be.

    Raises StackError if something does not start; what runs by then goes on running.
    """
    variables = prefect_environment(start.home, start.settings.prefect_url)
    prefect = asyncio.Event()
    welcome: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
    # Prefect's server takes longest and needs nothing, so it goes first.
    await together(
        _prefect(start, variables, prefect), _everything_else(start, variables, prefect, welcome)
    )
    return await welcome


async def _prefect(start: Start, variables: Mapping[str, str], ready: asyncio.Event) -> None:
    await _service(start, prefect_server_service(variables, start.settings.prefect_port))
    ready.set()


async def _everything_else(
    start: Start,
    prefect_variables: Mapping[str, str],
    prefect: asyncio.Event,
    welcome: asyncio.Future[Welcome],
) -> None:
    database, redis_url = await _stores(start)
    with start.terminal.step("database at the newest revision"):
        await in_thread(partial(prepare_database, database))
    start.recorder.migrated()
    environment = child_environment(
        prefect_variables,
        start.settings,
        start.home,
        database_url=database.app,
        redis_url=redis_url,
    )
    with using_engine(database.app) as engine:
        await _data_and_layers(start, engine, environment)
        await _first_night(start, engine, environment)
        first = await _welcome(start, engine)
        # Not before the first answer, which they would delay.
        await _service(start, loading_service(environment))
        await prefect.wait()
        await _schedule(start, environment)
    start.recorder.first_recommendation(first.seconds)
    welcome.set_result(first)


async def _stores(start: Start) -> tuple[DatabaseAddresses, str]:
    """Addresses of the database and of Redis, both started unless others were given."""
    settings = start.settings
    postgres = EmbeddedPostgres(start.home, settings.postgres_port)
    redis = EmbeddedRedis(start.home)
    database, redis_url = settings.external_database, settings.external_redis_url
    services = [] if database else [postgres.service()]
    services += [] if redis_url else [redis.service()]
    await together(*(_service(start, service) for service in services))
    stores = (database or postgres.addresses(), redis_url or redis.url())
    start.recorder.stores(*stores)
    return stores


async def _data_and_layers(start: Start, engine: Engine, environment: Mapping[str, str]) -> None:
    with_signing_keys = api_environment(environment, start.home)
    await together(
        _sample(start, engine),
        _service(start, speed_service(environment)),
        _service(start, api_service(with_signing_keys, start.settings.api_url)),
    )


async def _service(start: Start, service: Service) -> None:
    with start.terminal.step(service.name):
        await start.supervisor.start(service)


async def _sample(start: Start, engine: Engine) -> None:
    if not start.with_sample or await in_thread(partial(has_items, engine)):
        return
    with start.terminal.step("sample") as note:
        report = await in_thread(partial(load_sample, start.recorder.state.database_url))
        note.text = f"sample: {report.items_new:,} films, {report.events_stored:,} events"


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
    await _service(start, prefect_worker_service(environment, start.home.directory))


async def _first_night(start: Start, engine: Engine, environment: Mapping[str, str]) -> None:
    """Learn at once if nothing is served yet and there is something to learn from."""
    if await in_thread(partial(_is_served, engine)):
        return
    if not await in_thread(partial(has_events, engine)):
        start.terminal.warn("There are no events to learn from yet. Load some: tandem load PATH")
        return
    reason: str | None = None
    with start.terminal.step("first night") as note:
        try:
            record = await run_nightly(engine, environment, start.home.log("nightly"), _silence)
        except NightlyRunError as error:
            reason = str(error)
            note.fail("first night: there was none")
        else:
            line = f"first night: run {record['run_id']} {record['state']}"
            note.text = ", ".join(filter(None, (line, accuracy(record))))
            if record["state"] != PUBLISHED:
                reason = record["reason"] or "no reason is known"
                note.fail(note.text)
    if reason is not None:
        start.terminal.warn(f"Popular items are served until a night is published. {reason}")


async def _welcome(start: Start, engine: Engine) -> Welcome:
    key, is_new = await in_thread(partial(first_key, engine, start.home.first_key_file))
    await in_thread(partial(diagnose_key, engine, start.home.diagnose_key_file))
    given = await in_thread(partial(first_recommendation, engine, start.settings.api_url, key))
    admin_link = None
    if start.terminal.is_watched():
        # What is not a terminal may be a journal, where such a link has no business.
        admin_link = await in_thread(partial(_admin_link, engine))
    seconds = None
    if given is not None:
        seconds = round(time.time() - start.began_at, 1)
        start.terminal.line(f"[bold green]first personal recommendation after {seconds:.1f} s[/]")
    return Welcome(key, is_new, given, seconds, admin_link)


def _admin_link(engine: Engine) -> NewLink | None:
    with engine.begin() as connection:
        return first_admin_link(connection)


def _is_served(engine: Engine) -> bool:
    with engine.connect() as connection:
        return find_live_run(connection) is not None


def _silence(_step: str, _seconds: float | None) -> None:
    return
