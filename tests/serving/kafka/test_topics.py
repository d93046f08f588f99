"""Events through a topic of a real Kafka: once each, and nothing is passed over in silence."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from sqlalchemy import Engine, text

from tests.kafka.broker import Broker, running_broker
from tests.serving.conftest import Seeds, Start, event, ids, recommended, send
from tests.waiting import wait_until

Consume = Callable[..., "subprocess.Popen[bytes]"]
PARTITIONS = 4
LONG_SECONDS = 180


@pytest.fixture(scope="module")
def one_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("kafka") / "broker") as broker:
        yield broker


@pytest.fixture
def broker(one_broker: Broker) -> Iterator[Broker]:
    yield one_broker
    if one_broker.process is None:
        one_broker.start()


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"events-{uuid.uuid4().hex}"
    broker.create_topic(name, PARTITIONS)
    return name


@pytest.fixture
def consume(
    broker: Broker, topic: str, database_url: str, redis_url: str, tmp_path: Path
) -> Iterator[Consume]:
    """Starts a member of the test's group; those that still run are ended with the test."""
    with ExitStack() as stack:

        def start(**settings: object) -> "subprocess.Popen[bytes]":
            given = {f"TANDEM_KAFKA_{name.upper()}": str(value) for name, value in settings.items()}
            variables = {
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "TANDEM_KAFKA_SERVERS": broker.servers,
                "TANDEM_KAFKA_TOPICS": topic,
                "TANDEM_KAFKA_GROUP": topic,
                "TANDEM_KAFKA_CLIENT_FILE": str(client_file),
                **given,
            }
            return stack.enter_context(consumer(tmp_path / "kafka.log", variables))

        client_file = tmp_path / "client.properties"
        # A member that was killed is missed soon.
        client_file.write_text("session.timeout.ms=6000\nheartbeat.interval.ms=500\n")
        yield start


@contextmanager
def consumer(log: Path, variables: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving.kafka_events"],
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def encoded(*events: dict[str, Any]) -> list[bytes | None]:
    return [json.dumps(event).encode() for event in events]


def count(engine: Engine, query: str, **parameters: Any) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query), parameters).scalar_one())


def rejects(engine: Engine) -> dict[int, str]:
    """The reasons by offset."""
    with engine.connect() as connection:
        rows = connection.execute(text("select message_offset, reason from kafka_rejects"))
        return {row.message_offset: row.reason for row in rows}


def is_read(engine: Engine, messages: int) -> bool:
    """Whether all messages of the test's topic are recorded or rejected, and made known."""
    return count(engine, "select coalesce(sum(known_offset), 0) from kafka_offsets") == messages


async def test_a_message_is_an_event_and_changes_cached_lists(
    broker: Broker, topic: str, consume: Consume, start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(10))
    client = await start()
    assert "film-0" in ids(await recommended(client, "ann", limit=5))
    consume()
    broker.send(topic, encoded(event("ann", 0)))
    await asyncio.to_thread(wait_until, lambda: is_read(seeds.engine, 1), seconds=LONG_SECONDS)
    # It is made known before its offset is: no list from before is given any more.
    assert "film-0" not in ids(await recommended(client, "ann", limit=5))


async def test_what_is_no_event_is_told_by_reason_and_the_others_are_recorded(
    broker: Broker, topic: str, consume: Consume, start: Start, seeds: Seeds
) -> None:
    client = await start()
    known = event("ann", 0, event_id="order-1")
    assert (await send(client, known)).status_code == 202
    messages = [
        *encoded(event("ann", 1), event("bob", 2, kind="click")),
        b"{",
        None,
        *encoded(
            event("ann", 99),
            event("ann", 3, kind="unheard"),
            {"user_id": "ann"},
            event("me", 1),
            event("ann", 5, event_id="order-1"),
            known,
        ),
        b"[]",
    ]
    broker.send(topic, messages)
    process = consume()
    wait_until(lambda: is_read(seeds.engine, len(messages)), seconds=LONG_SECONDS)
    beginnings = {
        2: "The message is no JSON: ",
        3: "The message is empty.",
        4: "/item_id: There is no item 'film-99'.",
        5: "/kind: There is no kind 'unheard'.",
        6: "/item_id: Field required.",
        7: "/user_id: ",
        8: "The event id 'order-1' was recorded before with another content",
        10: "Input should be ",
    }
    found = rejects(seeds.engine)
    assert found.keys() == beginnings.keys()
    for offset, beginning in beginnings.items():
        assert found[offset].startswith(beginning), found[offset]
    assert seeds.count("interactions") == 3
    of_ann = "select count(*) from kafka_rejects where user_id = 'ann'"
    assert count(seeds.engine, of_ann) == 4
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    key = seeds.key("users", name="users")
    forgotten = await client.delete("/v1/users/ann", headers={"X-API-Key": key})
    assert forgotten.json()["removed"]["kafka_rejects"] == 4
    assert count(seeds.engine, of_ann) == 0


def test_each_message_counts_once_though_consumers_and_the_broker_are_killed(
    broker: Broker, topic: str, consume: Consume, engine: Engine, film_nos: list[int]
) -> None:
    bad = 7
    parts = []
    for part in range(4):
        # Half of them have ids of their own, the others none.
        events = [
            event(f"user-{number % 50}", number % 30)
            | ({"event_id": f"{part}-{number}"} if number % 2 else {})
            for number in range(3_000)
        ]
        parts.append([*encoded(*events), *[b"no event"] * bad])
    sent = sum(map(len, parts))
    small: dict[str, object] = {"batch_messages": 100}
    process = consume(**small)
    for number, messages in enumerate(parts):
        broker.send(topic, messages, PARTITIONS)
        recorded = count(engine, "select count(*) from interactions")
        more = "select count(*) from interactions"
        wait_until(lambda: count(engine, more) > recorded, seconds=LONG_SECONDS)  # noqa: B023
        if number % 2:
            broker.kill()
            broker.start()
        else:
            process.kill()
            process = consume(**small)
    wait_until(lambda: is_read(engine, sent), seconds=LONG_SECONDS)
    assert count(engine, "select count(*) from interactions") == sent - bad * len(parts)
    assert count(engine, "select count(distinct event_id) from interactions") == (
        sent - bad * len(parts)
    )
    assert count(engine, "select count(*) from kafka_rejects") == bad * len(parts)


def test_the_partitions_of_a_member_that_is_killed_are_taken_over(
    broker: Broker, topic: str, consume: Consume, engine: Engine, film_nos: list[int]
) -> None:
    first, second = consume(batch_messages=50), consume(batch_messages=50)
    messages = encoded(*(event(f"user-{number}", number % 30) for number in range(2_000)))
    broker.send(topic, messages, PARTITIONS)
    wait_until(lambda: is_read(engine, 2_000), seconds=LONG_SECONDS)
    broker.send(topic, messages, PARTITIONS)
    first.kill()
    broker.send(topic, messages, PARTITIONS)
    wait_until(lambda: is_read(engine, 6_000), seconds=LONG_SECONDS)
    assert second.poll() is None
    assert count(engine, "select count(*) from interactions") == 6_000


def test_messages_that_the_topic_lost_before_they_were_read_are_told(
    broker: Broker, topic: str, consume: Consume, engine: Engine, film_nos: list[int]
) -> None:
    broker.send(topic, encoded(event("ann", 0)))
    process = consume()
    wait_until(lambda: is_read(engine, 1), seconds=LONG_SECONDS)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    broker.send(topic, encoded(*(event("ann", film) for film in range(1, 6))))
    admin = broker.admin()
    (deleted,) = admin.delete_records([TopicPartition(topic, 0, 4)]).values()
    deleted.result()
    consume()
    wait_until(lambda: is_read(engine, 6), seconds=LONG_SECONDS)
    assert rejects(engine) == {1: "3 messages were deleted from the topic before they were read."}
    assert count(engine, "select count(*) from interactions") == 3


def test_a_group_goes_on_when_postgresql_ends_its_connections(
    broker: Broker, topic: str, consume: Consume, engine: Engine, film_nos: list[int]
) -> None:
    consume(batch_messages=20)
    ended: Counter[bool] = Counter()
    for part in range(5):
        events = (event(f"user-{part}-{number}", number % 30) for number in range(400))
        broker.send(topic, encoded(*events), PARTITIONS)
        with engine.begin() as connection:
            found = connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'tandem-kafka' and datname = current_database()"
                )
            )
            ended.update(found.scalars())
        recorded = 400 * (part + 1)
        wait_until(
            lambda: count(engine, "select count(*) from interactions") >= recorded,  # noqa: B023
            seconds=LONG_SECONDS,
        )
    assert ended[True]
    wait_until(lambda: is_read(engine, 2_000), seconds=LONG_SECONDS)
    assert count(engine, "select count(*) from interactions") == 2_000
