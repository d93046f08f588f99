"""Events a second from a topic of a real Kafka into the log, beside the log's own statement.

A broker, PostgreSQL, Redis and `python -m serving.kafka_events`, without a speed worker. In every
round a topic is filled first; then a member of a group starts, and is timed from the first batch
that it has recorded to the last. `record_events` is the statement that it ends in, asked with
events that are checked already, by one connection: as fast as PostgreSQL takes them.
"""

import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Annotated

import psutil
import typer
from sqlalchemy import Engine, text

from benchmarks.command import run_command
from benchmarks.halved_runs import ITEMS, USERS
from benchmarks.loaded_files import new_database
from benchmarks.read_system import process_of
from benchmarks.rounds import report_rounds
from domain.identifiers import ItemNo, KindNo, UserId
from sql.engine import make_engine
from sql.log import NewEvent, record_parameters
from sql.statements import statements
from stack.cli.options import AsJson
from stack.local.servers.postgres import running_postgres
from stack.local.servers.redis_server import running_redis
from tests.kafka.broker import Broker, running_broker
from tests.waiting import wait_until

_PARTITIONS = 4
_CONSUMER = "serving.kafka_events"
_BATCH = 5_000
"""Messages and events of one transaction."""
_READ = text("select coalesce(sum(next_offset), 0) from kafka_offsets where topic = :topic")
_ITEMS = text(
    "insert into items (item_id, title)"
    " select 'item-' || n, 'Item ' || n from generate_series(1, :n) as n"
)
_BACKEND = text("select pid from pg_stat_activity where application_name = 'tandem-kafka'")


@dataclass(slots=True)
class _System:
    """What runs, and what the consumer took of the processors."""

    broker: Broker
    engine: Engine
    stores: dict[str, str]
    folder: Path
    numbers: Iterator[int] = field(default_factory=count)
    microseconds: dict[str, list[float]] = field(
        default_factory=lambda: {"consumer": [], "postgresql": []}
    )

    def from_topic(self, events: int) -> float:
        """Events a second of one member of a group."""
        topic = f"events-{uuid.uuid4().hex}"
        self.broker.create_topic(topic, _PARTITIONS)
        messages = [json.dumps(_event(next(self.numbers))).encode() for _ in range(events)]
        self.broker.send(topic, messages, _PARTITIONS)
        settings = self.stores | {
            "TANDEM_KAFKA_SERVERS": self.broker.servers,
            "TANDEM_KAFKA_TOPICS": topic,
            "TANDEM_KAFKA_GROUP": topic,
            "TANDEM_KAFKA_BATCH_MESSAGES": str(_BATCH),
        }
        with process_of(_CONSUMER, self.folder / "kafka.log", settings):
            wait_until(lambda: self._read(topic), seconds=300)
            began_at, before, used_before = time.perf_counter(), self._read(topic), self._used()
            wait_until(lambda: self._read(topic) == events, seconds=600)
            seconds, used = time.perf_counter() - began_at, self._used()
        for name, values in self.microseconds.items():
            values.append(1e6 * (used[name] - used_before[name]) / (events - before))
        return (events - before) / seconds

    def recorded(self, events: int) -> float:
        """Events a second that `record_events` takes of one connection."""
        statement, now = statements("log")["record_events_in_part"], datetime.now(UTC)
        batches = [
            record_parameters([_new_event(next(self.numbers), now) for _ in range(_BATCH)])
            for _ in range(max(1, events // _BATCH))
        ]
        began_at = time.perf_counter()
        for parameters in batches:
            with self.engine.begin() as connection:
                connection.execute(statement, parameters)
        return len(batches) * _BATCH / (time.perf_counter() - began_at)

    def _read(self, topic: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(_READ, {"topic": topic}).scalar_one())

    def _used(self) -> dict[str, float]:
        """Seconds of a processor, so far."""
        with self.engine.connect() as connection:
            backends = connection.execute(_BACKEND).scalars().all()
        consumer = next(
            child for child in psutil.Process().children() if _CONSUMER in child.cmdline()
        )
        return {
            "consumer": _seconds(consumer),
            "postgresql": sum(_seconds(psutil.Process(pid)) for pid in backends),
        }


def measure(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Each measures everything.")] = 5,
    events: Annotated[int, typer.Option(min=10_000, help="In a round.")] = 200_000,
    as_json: AsJson = False,
) -> int:
    """Write events a second, their ratio, and microseconds of a processor for an event."""
    with _system() as system:
        rates: dict[str, list[float]] = {"topic": [], "record_events": []}
        for _ in range(rounds):
            rates["topic"].append(system.from_topic(events))
            rates["record_events"].append(system.recorded(events))
        used = {
            f"{name}_microseconds": round(statistics.median(values), 1)
            for name, values in system.microseconds.items()
        }
    report_rounds(rates, [("topic", "record_events")], as_json=as_json)
    print(json.dumps(used))
    return 0


@contextmanager
def _system() -> Iterator[_System]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-")))
        folder.chmod(0o755)
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        redis = stack.enter_context(running_redis(folder / "redis"))
        broker = stack.enter_context(running_broker(folder / "kafka"))
        url = new_database(postgres, "tandem")
        engine = make_engine(url)
        stack.callback(engine.dispose)
        with engine.begin() as connection:
            connection.execute(_ITEMS, {"n": ITEMS})
        yield _System(broker, engine, {"DATABASE_URL": url, "REDIS_URL": redis.url()}, folder)


def _event(number: int) -> dict[str, str]:
    return {
        "event_id": str(uuid.uuid4()),
        "user_id": f"user-{number * 7919 % USERS}",
        "item_id": f"item-{number * 104729 % ITEMS + 1}",
        "kind": "view",
        "occurred_at": datetime.now(UTC).isoformat(),
    }


def _new_event(number: int, now: datetime) -> NewEvent:
    return NewEvent(
        uuid.uuid4(),
        UserId(f"user-{number * 7919 % USERS}"),
        ItemNo(number * 104729 % ITEMS + 1),
        KindNo(1),
        None,
        now,
    )


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """The command."""
    run_command(measure)


if __name__ == "__main__":
    main()
