"""Durable events a second over HTTP, beside PostgreSQL alone on the same disk.

A system of its own. In every round, in turn: single events with some connections, beside inserts of
one row by pgbench with as many; batches of 1,000 events, beside COPY of as many prepared rows into
tables with the columns and indexes of the log and its receipts, all in one transaction, and in one
transaction for every 1,000. All of it waits for the disk (fsync).
"""

import json
import re
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer

from benchmarks.closed_loop import each_once_a_second, post_requests
from benchmarks.command import run_command
from benchmarks.halved_runs import ITEMS, USERS
from benchmarks.read_system import running_system
from benchmarks.rounds import report_rounds
from domain.errors import StackError
from sql.addresses import libpq_url
from sql.engine import make_engine
from stack.api_key import create_key
from stack.cli.options import AsJson
from stack.local.servers.binaries import postgres_program
from tests.waiting import wait_until

_BATCH = 1_000
_BATCH_CONNECTIONS = 4
_CONNECTIONS_A_KEY = 16
"""One key has at most half of the bodies that a process takes at once."""
_TABLES = """
create table plain_log (like interactions including all);
create table plain_receipts (like event_receipts including all);
"""
_ONE_ROW = f"""
\\set user_no random(1, {USERS})
\\set item_no random(1, {ITEMS})
insert into plain_log (position, event_id, user_no, item_no, kind_no, occurred_at)
values (nextval('plain_positions'), gen_random_uuid(), :user_no, :item_no, 1, now());
"""  # noqa: S608 -- our own numbers
_COPIES = (
    "copy plain_receipts (event_id, position, occurred_at) from stdin",
    "copy plain_log (position, event_id, user_no, item_no, kind_no, occurred_at) from stdin",
)

Measure = Callable[[], float]
"""Rows or events a second."""


@dataclass(slots=True)
class _Ingest:
    """A system, and what is sent to it."""

    url: str
    port: int
    keys: Sequence[str]
    singles: int
    batches: int
    seconds: float
    script: Path
    numbers: Iterator[int]

    def single_events(self, connections: int) -> float:
        """Requests with one event each."""
        return self._sent(1, connections, self.singles)

    def batches_of_events(self) -> float:
        """Requests with many events each; of events."""
        return _BATCH * self._sent(_BATCH, _BATCH_CONNECTIONS, self.batches)

    def one_row_inserts(self, connections: int) -> float:
        """pgbench; each insert is committed."""
        command = [str(postgres_program("pgbench")), "--no-vacuum", "--protocol=prepared"]
        command += [f"--client={connections}", "--jobs=2", f"--time={self.seconds:.0f}"]
        command += [f"--file={self.script}", libpq_url(self.url)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if found is None:
            raise StackError(f"pgbench says nothing of its rate: {done.stdout[-300:]}")
        return float(found[1])

    def copied_rows(self, rows_a_transaction: int) -> float:
        """COPY into the log's like, and its receipts'."""
        rows = self.batches * _BATCH
        prepared = [_prepared_rows(rows_a_transaction) for _ in range(rows // rows_a_transaction)]
        with psycopg.connect(libpq_url(self.url)) as connection, connection.cursor() as cursor:
            began_at = time.perf_counter()
            for texts in prepared:
                for statement, rows_as_text in zip(_COPIES, texts, strict=True):
                    with cursor.copy(statement) as copy:
                        copy.write(rows_as_text)
                connection.commit()
            return rows / (time.perf_counter() - began_at)

    def _sent(self, events: int, connections: int, requests: int) -> float:
        sent = [
            post_requests(
                self.port,
                "/v1/events",
                [self._body(events) for _ in range(requests // connections)],
                self.keys[number // _CONNECTIONS_A_KEY],
            )
            for number in range(connections)
        ]
        return each_once_a_second(self.port, sent)

    def _body(self, events: int) -> bytes:
        return json.dumps({"events": [_event(next(self.numbers)) for _ in range(events)]}).encode()


def measure(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Each measures everything.")] = 5,
    singles: Annotated[int, typer.Option(min=64, help="Single events in a round.")] = 4_000,
    batches: Annotated[int, typer.Option(min=1, help="Batches of 1,000 in a round.")] = 40,
    seconds: Annotated[float, typer.Option(min=1.0, help="Of pgbench in a round.")] = 3.0,
    as_json: AsJson = False,
) -> int:
    """Write events and rows a second and their ratios: the median, the least and the most."""
    with _ingest(singles, batches, seconds) as ingest:
        rates = _rates(_measures(ingest), rounds)
    report_rounds(rates, _RATIOS, as_json=as_json)
    return 0


_RATIOS = (
    ("events_16", "inserts_16"),
    ("events_64", "inserts_64"),
    ("batches", "copy"),
    ("batches", "copies_of_1000"),
)


def _measures(ingest: _Ingest) -> Mapping[str, Measure]:
    return {
        "inserts_16": lambda: ingest.one_row_inserts(16),
        "events_16": lambda: ingest.single_events(16),
        "inserts_64": lambda: ingest.one_row_inserts(64),
        "events_64": lambda: ingest.single_events(64),
        "copy": lambda: ingest.copied_rows(ingest.batches * _BATCH),
        "batches": ingest.batches_of_events,
        "copies_of_1000": lambda: ingest.copied_rows(_BATCH),
    }


def _rates(measures: Mapping[str, Measure], rounds: int) -> Mapping[str, Sequence[float]]:
    for name in ("events_16", "batches"):
        measures[name]()
    rates: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        # Who is first changes, so that what the machine does meanwhile falls on all.
        for name in list(measures)[:: 1 if number % 2 else -1]:
            rates[name].append(measures[name]())
    return rates


@contextmanager
def _ingest(singles: int, batches: int, seconds: float) -> Iterator[_Ingest]:
    with running_system(apis=1) as (url, ports, key), tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "one_row.sql")
        script.write_text(_ONE_ROW)
        with psycopg.connect(libpq_url(url)) as connection:
            connection.execute("create sequence plain_positions")
            connection.execute(_TABLES)
        engine = make_engine(url)
        with engine.begin() as open_engine:
            more = [create_key(open_engine, f"app-{n}", ["write"]) for n in range(3)]
        engine.dispose()
        (port,) = ports.values()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            wait_until(lambda: _is_ready(client), seconds=120)
        yield _Ingest(url, port, [key, *more], singles, batches, seconds, script, count())


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


def _event(number: int) -> dict[str, str]:
    return {
        "event_id": f"event-{number}",
        "user_id": f"user-{number * 7919 % USERS}",
        "item_id": f"item-{number * 104729 % ITEMS + 1}",
        "kind": "view",
        "occurred_at": datetime.now(UTC).isoformat(),
    }


def _prepared_rows(rows: int) -> tuple[bytes, bytes]:
    """Text for COPY: receipts, and their events."""
    now = datetime.now(UTC).isoformat()
    ids = [(uuid.uuid4(), position) for position in _positions(rows)]
    events = "".join(
        f"{position}\t{event_id}\t{position % USERS + 1}\t{position % ITEMS + 1}\t1\t{now}\n"
        for event_id, position in ids
    )
    receipts = "".join(f"{event_id}\t{position}\t{now}\n" for event_id, position in ids)
    return receipts.encode(), events.encode()


_next_position = count(1_000_000_000)


def _positions(rows: int) -> list[int]:
    return [next(_next_position) for _ in range(rows)]


def main() -> None:
    """The command."""
    run_command(measure)


if __name__ == "__main__":
    main()
