"""Mixed requests at a steady rate over a thousand open connections, and how long they take.

    python -m benchmarks serving-load [--seconds 30] [--json]

A system of its own with the sample and two API processes. Of the requests 80 % ask for lists that
are cached, 5 % send an event, and the others ask for lists that are not looked for in the cache.
They are due at a steady rate, whatever became of those before. Then cached lists alone, and others
alone, come at half the greatest rate that was measured before, over a few connections.
"""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Annotated, Any
from urllib.parse import urlsplit

import numpy as np
import typer

from benchmarks.closed_loop import get_requests, post_requests, requests_a_second
from benchmarks.command import run_command
from benchmarks.open_loop import Due, Outcomes, send_at_rate
from benchmarks.soak_system import RunningSystem, running_system
from stack.cli.options import AsJson

_TWO_PROCESSES = {"TANDEM_API_WORKERS": "2"}
_USERS = 500
_WRITERS = 1_500
"""Users who send events; others than those whose lists are cached, which an event would drop."""
CACHED, UNCACHED, EVENT = "cached", "uncached", "event"
_SHARES = {CACHED: 0.8, UNCACHED: 0.15, EVENT: 0.05}
_RATES = (1_000.0, 1_667.0)
_CONNECTIONS, _FEW_CONNECTIONS = 1_000, 16
_WARM_REQUESTS, _CLOSED_LOOP_REQUESTS = 1_000, {CACHED: 6_000, UNCACHED: 600}


def serving_load(
    *,
    seconds: Annotated[float, typer.Option(min=1.0, help="Of each rate.")] = 30.0,
    as_json: AsJson = False,
) -> int:
    """Write milliseconds from when requests were due, and how many were shed."""
    with running_system(settings=_TWO_PROCESSES) as system:
        measured = _measured(system, seconds)
    if as_json:
        typer.echo(json.dumps(measured))
        return 0
    for name, figures in measured.items():
        typer.echo(name)
        for sort, found in figures.items():
            typer.echo(f"  {sort}: {found}")
    return 0


def _measured(system: RunningSystem, seconds: float) -> dict[str, Any]:
    port = int(urlsplit(system.api_url).port or 0)
    contents = contents_of(port, system)
    requests_a_second(port, contents[CACHED], connections=_FEW_CONNECTIONS, count=_WARM_REQUESTS)
    measured: dict[str, Any] = {}
    for rate in _RATES:
        due = mixed(contents, system, port, round(rate * seconds))
        outcomes = send_at_rate(port, due, connections=_CONNECTIONS, per_second=rate)
        measured[f"{rate:.0f} a second"] = _figures(outcomes)
    for sort, count in _CLOSED_LOOP_REQUESTS.items():
        most = requests_a_second(port, contents[sort], connections=_FEW_CONNECTIONS, count=count)
        due = [Due(sort, content) for content in islice(cycle(contents[sort]), count)]
        outcomes = send_at_rate(port, due, connections=_FEW_CONNECTIONS, per_second=most / 2)
        measured[f"{sort}, half of {most:.0f} a second"] = _figures(outcomes)
    return measured


def contents_of(port: int, system: RunningSystem) -> dict[str, Sequence[bytes]]:
    """Requests for lists of all viewers, cached and not."""
    lists = [f"/v1/users/viewer-{no:04d}/recommendations" for no in range(1, _USERS + 1)]
    return {
        CACHED: get_requests(port, lists, system.key),
        UNCACHED: get_requests(port, [f"{path}?use_cache=false" for path in lists], system.key),
    }


def mixed(
    contents: Mapping[str, Sequence[bytes]], system: RunningSystem, port: int, count: int
) -> list[Due]:
    """Requests of all sorts by their shares, the same each time but for the ids of events."""
    draw = random.Random(5)  # noqa: S311 -- load, no secret
    sorts = draw.choices([*_SHARES], [*_SHARES.values()], k=count)
    bodies = [_event(draw, system.films) for sort in sorts if sort == EVENT]
    events = iter(post_requests(port, "/v1/events", bodies, system.key))
    return [
        Due(sort, next(events) if sort == EVENT else draw.choice(contents[sort])) for sort in sorts
    ]


def _event(draw: random.Random, films: Sequence[str]) -> bytes:
    event = {
        "event_id": str(uuid.uuid4()),
        "user_id": f"writer-{draw.randrange(_WRITERS)}",
        "item_id": draw.choice(films),
        "kind": "view",
    }
    return json.dumps({"events": [event]}).encode()


def _figures(outcomes: Outcomes) -> dict[str, Any]:
    """Milliseconds of each sort and of all, and how many were not answered well."""
    of_all = [ms for found in outcomes.milliseconds.values() for ms in found]
    sorts = {**outcomes.milliseconds, "all": of_all}
    figures: dict[str, Any] = {
        sort: {
            "answered": len(found),
            **{f"p{q}_ms": round(float(np.percentile(found, q)), 1) for q in (50, 95, 99)},
        }
        for sort, found in sorts.items()
        if found
    }
    return figures | {"shed": outcomes.shed, "failed": outcomes.failed}


def main() -> None:
    """Measure as the command line says."""
    run_command(serving_load)


if __name__ == "__main__":
    main()
