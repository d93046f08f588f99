"""Requests a second of one API process, beside a bare server with the same bytes.

A system of its own with the sample and one API process. In every round each sort of request is
asked over the same few connections, one after the other: lists that are cached, lists that are not
looked for in the cache, lists of users nobody knows, `/healthz`, and a bare route of FastAPI and a
bare ASGI function on the same kind of server, which answer with the bytes of a list.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import typer

from benchmarks import bare_server
from benchmarks.closed_loop import get_requests, requests_a_second
from benchmarks.command import run_command
from benchmarks.rounds import Rates, report_rounds
from benchmarks.soak_system import RunningSystem, running_system
from stack.local.ports import free_port
from stack.local.servers.child_process import ending_with_parent
from tests.waiting import wait_until

_ONE_PROCESS = {"TANDEM_API_WORKERS": "1"}
_USERS = 500
_CONNECTIONS = 8
FASTAPI, ASGI = "bare_fastapi", "bare_asgi"
CACHED, UNCACHED, UNKNOWN, HEALTH = "cached_list", "uncached_list", "unknown_user", "healthz"
_IN_CACHE = {CACHED, UNKNOWN}
"""Each of their lists is made once before it is measured."""
_RATIOS = (
    (CACHED, FASTAPI),
    (CACHED, ASGI),
    (UNCACHED, FASTAPI),
    (UNKNOWN, CACHED),
    (HEALTH, FASTAPI),
)

Sorts = Mapping[str, tuple[int, Sequence[bytes], int]]
"""By name: port, requests, and how many of them a round asks."""


def measure(
    *,
    rounds: Annotated[int, typer.Option(min=3, help="Each asks all sorts.")] = 7,
    requests: Annotated[int, typer.Option(min=100, help="Of each sort in a round.")] = 3_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Write requests a second and ratios: the median of the rounds, the least and the most."""
    with running_system(settings=_ONE_PROCESS) as system, _bare(_body(system)) as port:
        rates = _rates(_sorts(system, port, requests), rounds)
    report_rounds(rates, _RATIOS, as_json=as_json)
    return 0


def _sorts(system: RunningSystem, bare: int, count: int) -> Sorts:
    port = int(urlsplit(system.api_url).port or 0)
    known = [f"/v1/users/viewer-{no:04d}/recommendations" for no in range(1, _USERS + 1)]
    unknown = [f"/v1/users/unknown-{no}/recommendations" for no in range(_USERS)]
    users = [str(no) for no in range(_USERS)]
    return {
        CACHED: (port, get_requests(port, known, system.key), count),
        UNKNOWN: (port, get_requests(port, unknown, system.key), count),
        UNCACHED: (
            port,
            get_requests(port, [f"{path}?use_cache=false" for path in known], system.key),
            count // 10,
        ),
        HEALTH: (port, get_requests(port, ["/healthz"], system.key), count),
        FASTAPI: (bare, get_requests(bare, [bare_server.FASTAPI + no for no in users], ""), count),
        ASGI: (bare, get_requests(bare, [bare_server.ASGI + no for no in users], ""), count),
    }


def _rates(sorts: Sorts, rounds: int) -> Rates:
    for name, (port, requests, count) in sorts.items():
        first = max(count, _USERS) if name in _IN_CACHE else count
        requests_a_second(port, requests, connections=_CONNECTIONS, count=first)
    rates: dict[str, list[float]] = {name: [] for name in sorts}
    for number in range(rounds):
        # Who is first changes, so that what the machine does meanwhile falls on all.
        for name in list(sorts)[:: 1 if number % 2 else -1]:
            port, requests, count = sorts[name]
            rate = requests_a_second(port, requests, connections=_CONNECTIONS, count=count)
            rates[name].append(rate)
    return rates


def _body(system: RunningSystem) -> bytes:
    """A list as it is answered."""
    answer = httpx.get(
        f"{system.api_url}/v1/users/viewer-0001/recommendations",
        headers={"X-API-Key": system.key},
        trust_env=False,
    )
    return answer.raise_for_status().content


@contextmanager
def _bare(body: bytes) -> Iterator[int]:
    """A bare server; its port."""
    port = free_port()
    with tempfile.NamedTemporaryFile(prefix="tandem-bare-") as file:
        file.write(body)
        file.flush()
        process = subprocess.Popen(  # noqa: S603 -- our own
            [sys.executable, "-m", "benchmarks.bare_server", str(port), file.name],
            cwd=Path(__file__).parents[1],
            **ending_with_parent(signal.SIGTERM),
        )
        try:
            wait_until(lambda: _answers(port))
            yield port
        finally:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).is_success
    except httpx.ConnectError:
        return False


def main() -> None:
    """The command."""
    run_command(measure)


if __name__ == "__main__":
    main()
