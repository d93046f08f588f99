"""Requests a second of one API process, beside a bare server with the same bytes.

    python -m benchmarks serving [--items 10000] [--rounds 7] [--json]

A system of its own with one API process and a made-up run over so many items: 500 users have a
history of 100 events each, a live vector and a nightly list, and no two have the same. In every
round each sort of request is asked over the same few connections, one after the other: lists that
are cached, lists that are not looked for in the cache, lists of users nobody knows, `/healthz`, and
a bare route of FastAPI and a bare ASGI function on the same kind of server, which answer with the
bytes of a list.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import typer
from sqlalchemy import text

from benchmarks import bare_server
from benchmarks.closed_loop import get_requests, requests_a_second
from benchmarks.command import Seed, run_command
from benchmarks.loaded_files import progress
from benchmarks.made_run import load_histories, publish_made_run
from benchmarks.read_system import running_system
from benchmarks.rounds import Rates, report_rounds
from sql.engine import make_engine
from stack.cli.options import AsJson
from stack.local.ports import free_port
from stack.local.servers.child_process import ending_with_parent
from tests.waiting import wait_until

_USERS, _EVENTS, _LISTED = 500, 100, 200
"""Users, events of each, and items of each nightly list."""
_NEW = 10
"""One of so many items is new: nobody likes it yet."""
_START_SECONDS = 60.0
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
    items: Annotated[int, typer.Option(min=_LISTED, help="Items of the catalogue.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=3, help="Each asks all sorts.")] = 7,
    requests: Annotated[int, typer.Option(min=100, help="Of each sort in a round.")] = 3_000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Write requests a second and ratios: the median of the rounds, the least and the most."""
    with (
        progress() as on_step,
        running_system(apis=1, fill=partial(_fill, items=items, seed=seed)) as (_, ports, key),
    ):
        on_step(f"{items:,} items and {_USERS} users are stored")
        (port,) = ports.values()
        with _bare(_list_of(port, key)) as bare:
            rates = _rates(_sorts(port, key, bare, requests), rounds)
    report_rounds(rates, _RATIOS, as_json=as_json)
    return 0


def _fill(url: str, folder: Path, *, items: int, seed: int) -> None:
    """A catalogue, users with histories, and a run with a vector and a list of each."""
    load_histories(url, folder, users=_USERS, items=items, events=_EVENTS, seed=seed)
    publish_made_run(
        url, items, seed=seed, list_length=_LISTED, users=_USERS, new_items=items // _NEW
    )
    engine = make_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("vacuum (analyze)"))
    engine.dispose()


def _sorts(port: int, key: str, bare: int, count: int) -> Sorts:
    known = [f"/v1/users/user-{no}/recommendations" for no in range(_USERS)]
    unknown = [f"/v1/users/unknown-{no}/recommendations" for no in range(_USERS)]
    users = [str(no) for no in range(_USERS)]
    return {
        CACHED: (port, get_requests(port, known, key), count),
        UNKNOWN: (port, get_requests(port, unknown, key), count),
        UNCACHED: (
            port,
            get_requests(port, [f"{path}?use_cache=false" for path in known], key),
            count // 10,
        ),
        HEALTH: (port, get_requests(port, ["/healthz"], key), count),
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


def _list_of(port: int, key: str) -> bytes:
    """A list as it is answered."""

    def is_answered() -> bool:
        try:
            found.append(httpx.get(url, headers={"X-API-Key": key}, trust_env=False))
        except httpx.ConnectError:
            return False
        return found[-1].is_success

    found: list[httpx.Response] = []
    url = f"http://127.0.0.1:{port}/v1/users/user-0/recommendations"
    wait_until(is_answered, seconds=_START_SECONDS)
    return found[-1].content


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
