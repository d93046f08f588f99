"""How long requests take as their rate nears the greatest that an API process can answer.

    python -m benchmarks load-curve [--shares 20,40,60,80,95] [--seconds 8] [--rounds 2] [--json]

A system of its own with the sample and one API process. First it is asked as fast as it answers,
which is the greatest rate; then requests are due at shares of that rate, in turn up and down. They
are those of `serving-load`: 80 % cached lists, 15 % that are not looked for in the cache, 5 %
events. Beside each share stands how much of a core the process took: what autoscaling looks at.
"""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import typer

from benchmarks.closed_loop import requests_a_second
from benchmarks.command import run_command
from benchmarks.loaded_files import progress
from benchmarks.open_loop import Outcomes, send_at_rate
from benchmarks.serving_load import CACHED, EVENT, UNCACHED, contents_of, mixed
from benchmarks.soak_system import RunningSystem, running_system
from domain.errors import StackError
from stack.cli.options import AsJson

_ONE_PROCESS = {"TANDEM_API_WORKERS": "1"}
_CONNECTIONS, _OPEN_CONNECTIONS = 16, 200
_WARM_REQUESTS, _GREATEST_REQUESTS = 2_000, 2_000
_ROUNDS_OF_GREATEST = 3
_SORTS = (CACHED, UNCACHED, EVENT)


def load_curve(
    *,
    shares: Annotated[
        str, typer.Option(help="Percent of the greatest rate.")
    ] = "20,40,60,70,80,90,95",
    seconds: Annotated[float, typer.Option(min=1.0, help="Of each share in a round.")] = 6.0,
    rounds: Annotated[int, typer.Option(min=1, help="Up, down, up ...")] = 2,
    as_json: AsJson = False,
) -> int:
    """Write percentiles of milliseconds, counted from when requests were due, for each share."""
    percents = _read_percents(shares)
    with progress() as on_step, running_system(settings=_ONE_PROCESS) as system:
        load = _Load(system)
        greatest = load.greatest()
        on_step(f"the greatest rate is {greatest:.0f} a second")
        outcomes: dict[int, list[tuple[Outcomes, float]]] = {percent: [] for percent in percents}
        for number in range(rounds):
            for percent in percents[:: -1 if number % 2 else 1]:
                on_step(f"round {number}: {percent} %")
                outcomes[percent].append(load.at(greatest * percent / 100, seconds))
    rows = [_row(percent, greatest, found) for percent, found in outcomes.items()]
    if as_json:
        typer.echo(json.dumps({"greatest_per_second": round(greatest), "shares": rows}))
    else:
        for line in _table(rows):
            typer.echo(line)
    return 0


def _read_percents(shares: str) -> list[int]:
    try:
        percents = [int(part) for part in shares.split(",")]
    except ValueError as error:
        raise StackError(f"{shares!r} is not a list of numbers, as in 20,40,60") from error
    if not percents or min(percents) < 1:
        raise StackError("A share is at least 1 percent.")
    return percents


class _Load:
    """Requests to the API process of a system."""

    def __init__(self, system: RunningSystem) -> None:
        self._system = system
        self._port = int(urlsplit(system.api_url).port or 0)
        self._contents = contents_of(self._port, system)
        requests_a_second(
            self._port, self._contents[CACHED], connections=_CONNECTIONS, count=_WARM_REQUESTS
        )

    def greatest(self) -> float:
        """Requests a second when each connection asks as soon as it was answered: the median."""
        rates = []
        for _ in range(_ROUNDS_OF_GREATEST):
            due = mixed(self._contents, self._system, self._port, _GREATEST_REQUESTS)
            requests = [request.content for request in due]
            rates.append(
                requests_a_second(
                    self._port, requests, connections=_CONNECTIONS, count=len(requests)
                )
            )
        return float(np.median(rates))

    def at(self, per_second: float, seconds: float) -> tuple[Outcomes, float]:
        """What became of requests at a rate, and the cores that the process took."""
        due = mixed(self._contents, self._system, self._port, max(1, round(per_second * seconds)))
        used, began = self._processor_seconds(), time.perf_counter()
        outcomes = send_at_rate(
            self._port, due, connections=_OPEN_CONNECTIONS, per_second=per_second
        )
        took = time.perf_counter() - began
        return outcomes, (self._processor_seconds() - used) / took

    def _processor_seconds(self) -> float:
        api = psutil.Process(self._system.pids()["api"])
        times = [process.cpu_times() for process in (api, *api.children(recursive=True))]
        return float(sum(found.user + found.system for found in times))


def _row(percent: int, greatest: float, found: Sequence[tuple[Outcomes, float]]) -> dict[str, Any]:
    """The figures of one share, all rounds together."""
    of = {
        sort: [ms for outcomes, _ in found for ms in outcomes.milliseconds.get(sort, [])]
        for sort in _SORTS
    }
    of["all"] = [ms for sort in _SORTS for ms in of[sort]]
    times = {
        f"{sort}_p{q}_ms": round(float(np.percentile(values, q)), 1) if values else None
        for sort, values in of.items()
        for q in (50, 99)
    }
    return {
        "percent": percent,
        "per_second": round(greatest * percent / 100),
        "cores": round(float(np.mean([cores for _, cores in found])), 2),
        **times,
        "shed": sum(outcomes.shed for outcomes, _ in found),
        "failed": sum(outcomes.failed for outcomes, _ in found),
    }


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines as a document has them: any terminal shows all columns."""
    yield f"| {' | '.join(name.replace('_', ' ') for name in rows[0])} |"
    yield "|---" * len(rows[0]) + "|"
    for row in rows:
        yield f"| {' | '.join('' if value is None else str(value) for value in row.values())} |"


def main() -> None:
    """Measure as the command line says."""
    run_command(load_curve)


if __name__ == "__main__":
    main()
