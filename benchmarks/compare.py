"""Latency of requests to two checkouts that run side by side, as ratios in one run.

Each has a system of its own with the sample and one API process. In every round both are asked the
same, one after the other: a cached list, an event, and the list that is made after it. Lists that
are not looked for in the cache come over eight connections at once, and what counts is the API's
processor time: it tells more than the clock where others are at work too.
"""

import http.client
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import typer
from rich.console import Console
from rich.table import Table

from batch.evaluation.bootstrap import Interval, intervals
from benchmarks.closed_loop import get_requests, requests_a_second
from benchmarks.command import run_command
from benchmarks.soak_system import RunningSystem, running_system
from domain.errors import InvalidInputError, StackError

_ONE_PROCESS = {"TANDEM_API_WORKERS": "1"}
_WARMING = 50
_USERS, _CONNECTIONS = 500, 8
"""Of lists that are not looked for in the cache."""
_BEFORE, _AFTER = "before", "after"

Ask = Callable[[int], None]


@dataclass(slots=True)
class Client:
    """One connection to one system, kept open."""

    system: RunningSystem
    name: str
    _connection: http.client.HTTPConnection = field(init=False)
    _items: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        address = urlsplit(self.system.api_url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port)
        self._items = self.system.films

    def ask(self, method: str, path: str, body: Any = None) -> None:
        """One request; StackError if it is not answered well."""
        headers = {"X-API-Key": self.system.key}
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body), "application/json"
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        received = answer.read()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise StackError(f"{self.name} answered {answer.status}: {received[:300]!r}")

    def cached_list(self, _number: int) -> None:
        """The list of one user, again and again."""
        self.ask("GET", "/v1/users/compared/recommendations")

    def event(self, number: int) -> None:
        """One event of one of a hundred users, on ever other items."""
        event = {
            "user_id": f"compared-{number % 100}",
            "item_id": self._items[number // 100 % len(self._items)],
            "kind": "view",
        }
        self.ask("POST", "/v1/events", {"events": [event]})

    def uncached_list(self, number: int) -> None:
        """The list of the user whose event came just before."""
        self.ask("GET", f"/v1/users/compared-{number % 100}/recommendations")

    def processor_ms_a_list(self, requests: int) -> float:
        """What the API takes for a list that is not looked for in the cache."""
        port = urlsplit(self.system.api_url).port or 0
        paths = [
            f"/v1/users/viewer-{no:04d}/recommendations?use_cache=false"
            for no in range(1, _USERS + 1)
        ]
        api = psutil.Process(self.system.pids()["api"])
        before = api.cpu_times()
        contents = get_requests(port, paths, self.system.key)
        requests_a_second(port, contents, connections=_CONNECTIONS, count=requests)
        after = api.cpu_times()
        seconds = after.user - before.user + after.system - before.system
        return 1_000 * seconds / requests


def compare(
    before: Annotated[Path, typer.Argument(help="A checkout that is set up (`make setup`).")],
    after: Annotated[Path, typer.Argument(help="Another.")],
    *,
    rounds: Annotated[int, typer.Option(min=3, help="Each asks both.")] = 9,
    requests: Annotated[int, typer.Option(min=10, help="Of each sort in a round.")] = 200,
    setting: Annotated[
        list[str] | None, typer.Option(help="A variable for the second, as NAME=VALUE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Write medians in ms and the ratio of after to before, with a 95 % interval over rounds."""
    settings = dict(_pair(given) for given in setting or ())
    with ExitStack() as stack:
        clients = [
            Client(stack.enter_context(running_system(folder.resolve(), _ONE_PROCESS | more)), name)
            for name, folder, more in ((_BEFORE, before, {}), (_AFTER, after, settings))
        ]
        medians = _medians(clients, rounds, requests)
    figures = {what: _figures(found) for what, found in medians.items()}
    if as_json:
        print(json.dumps({"rounds": rounds, "requests": requests, **figures}))
    else:
        Console().print(_table(figures))
    return 0


def _pair(given: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    if not separator:
        raise InvalidInputError(f"--setting takes NAME=VALUE, and {given!r} is not.")
    return name, value


def _medians(
    clients: Sequence[Client], rounds: int, requests: int
) -> dict[str, dict[str, list[float]]]:
    """In ms, for each sort of request and system one of each round."""
    medians: dict[str, dict[str, list[float]]] = {}
    number = 0
    for client in clients:
        for warming in range(_WARMING):
            client.cached_list(warming)
            client.event(warming)
            client.uncached_list(warming)
    number = _WARMING
    for each in range(rounds):
        # Who is first changes, so that what the machine does meanwhile falls on both.
        for client in clients if each % 2 else reversed(clients):
            for what, found in _round(client, number, requests).items():
                medians.setdefault(what, {}).setdefault(client.name, []).append(found)
        number += requests
    return medians


def _round(client: Client, first: int, requests: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"cached_list": [], "event": [], "uncached_list": []}
    for number in range(first, first + requests):
        for what, asking in (
            ("cached_list", client.cached_list),
            ("event", client.event),
            ("uncached_list", client.uncached_list),
        ):
            seconds[what].append(_timed(asking, number))
    medians = {what: 1_000 * statistics.median(found) for what, found in seconds.items()}
    # The kernel tells this by the hundredth of a second.
    taken = client.processor_ms_a_list(max(requests, _USERS))
    return {**medians, "list_made_anew_processor_time": taken}


def _timed(ask: Ask, number: int) -> float:
    began_at = time.perf_counter()
    ask(number)
    return time.perf_counter() - began_at


def _figures(medians: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    before, after = np.array(medians[_BEFORE]), np.array(medians[_AFTER])
    (ratio,) = intervals((after / before)[:, None], 0)
    return {
        "before_ms": round(float(np.median(before)), 3),
        "after_ms": round(float(np.median(after)), 3),
        "ratio": _rounded(ratio),
    }


def _rounded(interval: Interval) -> dict[str, float]:
    return {
        "mean": round(interval.mean, 3),
        "low": round(interval.low, 3),
        "high": round(interval.high, 3),
    }


def _table(figures: Mapping[str, Any]) -> Table:
    table = Table("", "before, ms", "after, ms", "ratio", "95 %", box=None, pad_edge=False)
    for what, found in figures.items():
        ratio = found["ratio"]
        bounds = f"{ratio['low']} to {ratio['high']}"
        cells = (str(found["before_ms"]), str(found["after_ms"]), str(ratio["mean"]), bounds)
        table.add_row(what.replace("_", " "), *cells)
    return table


def main() -> None:
    """Measure as the command line says."""
    run_command(compare)


if __name__ == "__main__":
    main()
