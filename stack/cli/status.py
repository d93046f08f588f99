"""Show what runs, where, and which model run is served."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from serving.console.kept_schedule import find_schedule
from serving.console.prefect_api import format_time
from sql.passwords import masked
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.local.home import Home, is_up
from stack.local.prefect_password import credentials
from stack.local.supervision.state import (
    NAMES,
    ProcessEntry,
    StackState,
    checked,
    find_state,
)
from stack.settings import StackSettings

_COLOURS = {"running": "green", "failed": "red", "resting": "green", "stopped": "dim"}


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON object with the keys of `Status`."""
    status = _status(*prepare())
    if as_json:
        typer.echo(json.dumps(status))
    else:
        _show(Console(soft_wrap=True, highlight=False), status)


def _status(settings: StackSettings, home: Home) -> dict[str, Any]:
    supervised = is_up(home)
    state = find_state(home.state_file) or _never_started(settings)
    processes = checked(state, supervised=supervised)
    served = _served_run(state, supervised=supervised)
    return {
        "api_url": state.api_url,
        "prefect_url": state.prefect_url,
        "database_url": masked(state.database_url),
        "redis_url": masked(state.redis_url),
        "processes": {
            name: {"pid": entry.pid, "state": entry.state} for name, entry in processes.items()
        },
        **served,
        **_schedules(state, home, processes),
        "first_recommendation_seconds": state.first_recommendation_seconds,
    }


def _never_started(settings: StackSettings) -> StackState:
    return StackState(
        api_url=settings.api_url,
        prefect_url=settings.prefect_url,
        database_url=settings.external_database_url or "",
        redis_url=settings.external_redis_url or "",
        processes={name: ProcessEntry("stopped") for name in NAMES},
    )


def _served_run(state: StackState, *, supervised: bool) -> dict[str, Any]:
    """What the database has of the run being served; all None if it was not asked."""
    if not (supervised and state.migrated):
        return {"database_answers": None, "run": None, "run_unknown_because": None}
    # Without a database there is no need to wait for its driver.
    from stack.served_run import look_up_served_run  # noqa: PLC0415

    lookup = look_up_served_run(state.database_url)
    return {
        "database_answers": lookup.answers,
        "run": lookup.run,
        "run_unknown_because": lookup.fault,
    }


def _schedules(
    state: StackState, home: Home, processes: Mapping[str, ProcessEntry]
) -> dict[str, Any]:
    """When each scheduled deployment runs next by itself; None for all if nobody was asked."""
    reported: dict[str, Any] = {
        "schedules": None,
        "schedules_unknown_because": None,
        "prefect_rests_until": None,
    }
    server = processes.get("prefect-server", ProcessEntry("stopped")).state
    kept = None if server == "stopped" else find_schedule(home.prefect_rest_file)
    if kept is not None:
        # To ask it would start it.
        runs = {each.name: each.next_run_at for each in kept.deployments if each.has_schedule}
        return reported | {
            "schedules": _formatted(runs),
            "prefect_rests_until": format_time(kept.until),
        }
    if server != "running":
        return reported
    # Without Prefect's server there is no need to wait for what asks it.
    from serving.console import prefect_api  # noqa: PLC0415

    password = credentials(home.prefect_password_file)
    try:
        runs = prefect_api.PrefectApi(state.prefect_url, password).next_runs(datetime.now(UTC))
    except prefect_api.PrefectAskedInVainError as error:
        return reported | {"schedules_unknown_because": str(error)}
    return reported | {"schedules": _formatted(runs)}


def _formatted(runs: Mapping[str, datetime | None]) -> dict[str, str | None]:
    return {name: None if time is None else format_time(time) for name, time in runs.items()}


def _show(console: Console, status: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, process in status["processes"].items():
        colour = _COLOURS.get(process["state"], "yellow")
        pid = "" if process["pid"] is None else f"pid {process['pid']}"
        table.add_row(name, f"[{colour}]{process['state']}[/]", pid)
    console.print(table)
    console.print()
    for title in ("api_url", "prefect_url", "database_url", "redis_url"):
        if status[title]:
            console.print(f"{title.removesuffix('_url'):<12} {status[title]}", markup=False)
    _show_schedules(console, status)
    run = status["run"]
    if run is not None:
        console.print(f"serving      run {run['run_id']}, cut off at {run['cut_off_at'][:19]}")
    elif status["database_answers"] is False:
        console.print("serving      unknown: the database does not answer; see tandem diagnose")
    elif status["run_unknown_because"] is not None:
        why = status["run_unknown_because"]
        console.print(f"serving      unknown: {why}; see tandem diagnose", markup=False)
    elif status["processes"].get("api", {}).get("state") == "running":
        console.print("serving      popular items; no run is published yet")


def _show_schedules(console: Console, status: dict[str, Any]) -> None:
    if status["schedules_unknown_because"] is not None:
        why = status["schedules_unknown_because"]
        console.print(f"schedules    unknown: {why}; see tandem diagnose", markup=False)
    if status["prefect_rests_until"] is not None:
        until = status["prefect_rests_until"][:16].replace("T", " ")
        console.print(f"prefect      rests until {until} UTC, or until somebody asks it")
    for name, time in (status["schedules"] or {}).items():
        next_run = f"next run {time[:16].replace('T', ' ')} UTC" if time else "no run is scheduled"
        console.print(
            f"{name:<12} {next_run}{'' if time else '; see tandem diagnose'}", markup=False
        )
