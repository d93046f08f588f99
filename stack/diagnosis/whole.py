"""Looking at everything at the same time; whatever does not answer in time is a finding."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from serving.diagnosis.finding import Bounds, Finding, merged, worst_first
from serving.diagnosis.process import RedisFigures, judge_redis, postgres_away
from stack.diagnosis import api
from stack.diagnosis.judging import (
    Disk,
    judge_disk,
    judge_leftovers,
    judge_processes,
    not_running,
)
from stack.diagnosis.prefect import check_schedules
from stack.diagnosis.schedules import server_in_trouble
from stack.diagnosis.stores import check_postgres, check_redis
from stack.local.home import Home, is_up
from stack.local.supervision.background import in_thread
from stack.local.supervision.state import ProcessEntry, StackState, checked, find_state
from stack.settings import StackSettings

Check = Callable[[], list[Finding]]

PATIENCE_SECONDS = 15.0
_WORKER = "prefect-worker"


async def diagnose(settings: StackSettings, home: Home, bounds: Bounds) -> list[Finding]:
    """All findings, the worst first. Starts nothing and writes nothing."""
    state = find_state(home.state_file)
    if is_up(home):
        findings = await _running(state, home, bounds)
    else:
        findings = await _not_supervised(settings, state, home, bounds)
    disk = _disk(home.directory, holds_postgres=settings.external_database_url is None)
    return worst_first([*findings, judge_disk(disk)])


async def _running(state: StackState | None, home: Home, bounds: Bounds) -> list[Finding]:
    """The stack of this home runs: its processes, its stores, its API and its Prefect."""
    if state is None or not state.migrated:
        return [Finding("stack", "notice", "Tandem is starting.", advice="Look again shortly.")]
    checks = _checks_of_stores(state.database_url, state.redis_url, bounds)
    checks.append((partial(api.check_api, state.api_url, home.diagnose_key_file), []))
    entries = checked(state, supervised=True)
    # The worker is started last, after the deployments were registered.
    if _WORKER in state.processes:
        checks.append(
            (partial(check_schedules, state.prefect_url, home, entries), [_no_prefect(state)])
        )
    processes = judge_processes(entries, home.log, frozen_names(entries, home))
    return [*processes, *merged(*await _all(checks))]


def frozen_names(entries: Mapping[str, ProcessEntry], home: Home) -> list[str]:
    """The processes that a signal has stopped, but for the worker while it is put to rest.

    The file is there before the worker is frozen and until it has gone or goes on.
    """
    before = home.prefect_rest_file.exists()
    frozen = [name for name, entry in entries.items() if entry.is_frozen()]
    if before or home.prefect_rest_file.exists():
        return [name for name in frozen if name != _WORKER]
    return frozen


def _no_prefect(state: StackState) -> Finding:
    silent = f"it does not answer within {PATIENCE_SECONDS:g} seconds"
    advice = "See that prefect-server runs (`tandem status`) and what its log says."
    return server_in_trouble(state.prefect_url, silent, advice)


async def _not_supervised(
    settings: StackSettings, state: StackState | None, home: Home, bounds: Bounds
) -> list[Finding]:
    """Nothing runs, or Tandem runs on servers of somebody's own, as containers do."""
    elsewhere = await in_thread(partial(api.answers, settings.api_url))
    checks = _checks_of_stores(settings.external_database_url, settings.external_redis_url, bounds)
    if elsewhere:
        checks.append((partial(api.check_api, settings.api_url, home.diagnose_key_file), []))
    leftovers = [] if state is None else judge_leftovers(checked(state, supervised=False))
    stack = [] if elsewhere else [not_running()]
    return [*stack, *leftovers, *merged(*await _all(checks))]


def _checks_of_stores(
    database_url: str | None, redis_url: str | None, bounds: Bounds
) -> list[tuple[Check, list[Finding]]]:
    """What to do, and what it means if that does not end."""
    silent = f"it does not answer within {PATIENCE_SECONDS:g} seconds"
    no_redis = RedisFigures(answers=False, fault=silent)
    checks: list[tuple[Check, list[Finding]]] = []
    if database_url:
        checks.append((partial(check_postgres, database_url, bounds), [postgres_away(silent)]))
    if redis_url:
        checks.append((partial(check_redis, redis_url), [judge_redis(no_redis)]))
    return checks


async def _all(checks: list[tuple[Check, list[Finding]]]) -> list[list[Finding]]:
    return await asyncio.gather(*(_in_time(check, otherwise) for check, otherwise in checks))


async def _in_time(check: Check, otherwise: list[Finding]) -> list[Finding]:
    try:
        return await asyncio.wait_for(in_thread(check), PATIENCE_SECONDS)
    except TimeoutError:
        return otherwise


def _disk(folder: Path, *, holds_postgres: bool) -> Disk:
    """The disk of a folder, or of where it would be made."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    usage = shutil.disk_usage(there)
    return Disk(folder, usage.total, usage.free, holds_postgres)
