"""Reading topics: which partitions are this process's, from where, and what is gone."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from domain.errors import TandemError
from serving.kafka.messages import TopicMessage
from serving.kafka.settings import KafkaSettings

log = structlog.get_logger()

_WAIT_SECONDS = 0.25
_ASK_SECONDS = 30.0


class TopicTruncatedError(TandemError):
    """A partition ends before what was read of it."""


class TopicReader:
    """One member of the consumer group. Where it reads on from, PostgreSQL says.

    Offsets are committed to Kafka too, for who watches the group's lag, and never read there.
    """

    def __init__(
        self, settings: KafkaSettings, positions: Callable[[str], Mapping[int, int]]
    ) -> None:
        """`positions`: of a topic by its id, from where each partition is read."""
        options: dict[str, str | int | float | bool] = {
            **settings.client_options(),
            "bootstrap.servers": settings.servers,
        }
        self._admin = AdminClient(options, logger=logging.getLogger("kafka.admin"))
        self._consumer = Consumer(
            options
            | {
                "group.id": settings.group,
                "enable.auto.commit": False,
                # What is gone before it was read must be told, and not be skipped.
                "auto.offset.reset": "error",
                "partition.assignment.strategy": "cooperative-sticky",
            },
            logger=logging.getLogger("kafka"),
        )
        self._topics = settings.topic_names()
        self._most = settings.batch_messages
        self._positions = positions
        self._topic_ids: dict[str, str] = {}
        self._reported: set[int] = set()

    def begin(self) -> None:
        """Join the group."""
        self._consumer.subscribe(self._topics, on_assign=self._assigned)

    def read(self) -> list[TopicMessage]:
        """The messages that have come, one at least, or none within a quarter of a second.

        KafkaException if the consumer cannot go on; TopicTruncatedError.
        """
        first = self._consumer.poll(_WAIT_SECONDS)
        if first is None:
            return []
        found = [first, *self._consumer.consume(self._most - 1, 0.0)]
        return [read for message in found if (read := self._read(message)) is not None]

    def commit(self, ends: Sequence[tuple[str, int, int]]) -> None:
        """Tell Kafka how far topics and partitions are recorded; it may be away."""
        offsets = [TopicPartition(topic, partition, offset) for topic, partition, offset in ends]
        with suppress(KafkaException):
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def close(self) -> None:
        """Leave the group, so that others have the partitions at once."""
        self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for topic in {partition.topic for partition in partitions}:
            known = self._positions(self._look_up(topic))
            for partition in partitions:
                if partition.topic == topic:
                    partition.offset = known.get(partition.partition, OFFSET_BEGINNING)
        consumer.incremental_assign(partitions)
        log.info("kafka_partitions_assigned", partitions=len(partitions))

    def _look_up(self, topic: str) -> str:
        """The id of a topic, as Kafka has it now."""
        (described,) = self._admin.describe_topics(
            TopicCollection([topic]), request_timeout=_ASK_SECONDS
        ).values()
        self._topic_ids[topic] = str(described.result().topic_id)
        return self._topic_ids[topic]

    def _read(self, message: Message) -> TopicMessage | None:
        error = message.error()
        if error is not None:
            return self._failed(error, message)
        self._reported.clear()
        kind, milliseconds = message.timestamp()
        sent_at = None
        if kind != TIMESTAMP_NOT_AVAILABLE:
            sent_at = datetime.fromtimestamp(milliseconds / 1000, UTC)
        topic, partition = _place(message)
        return TopicMessage(
            self._topic_ids[topic],
            topic,
            partition,
            int(message.offset() or 0),
            message.value(),
            sent_at,
        )

    def _failed(self, error: KafkaError, message: Message) -> TopicMessage | None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 -- its public name
            return self._go_on_after_loss(*_place(message))
        if error.fatal():
            raise KafkaException(error)
        if error.code() not in self._reported:
            log.warning("kafka_away", code=error.name(), error=error.str())
        self._reported.add(error.code())
        return None

    def _go_on_after_loss(self, topic: str, partition: int) -> TopicMessage | None:
        """Read on from the first message that is there; what to tell of those that are not."""
        before = self._topic_ids.get(topic)
        topic_id = self._look_up(topic)
        place = TopicPartition(topic, partition)
        first, end = self._consumer.get_watermark_offsets(place, timeout=_ASK_SECONDS)
        known = self._positions(topic_id).get(partition, first)
        if known > end:
            raise TopicTruncatedError(
                f"Partition {partition} of the topic {topic} ends at {end}, but was read up to"
                f" {known}: Kafka lost messages. To read it from its beginning, where what is"
                f" recorded counts once, delete its row in kafka_offsets and start again."
            )
        # A partition that cannot be read any more cannot be sought in either.
        self._consumer.incremental_unassign([place])
        self._consumer.incremental_assign([TopicPartition(topic, partition, max(first, known))])
        if before != topic_id or first <= known:
            return None
        reason = f"{first - known} messages were deleted from the topic before they were read."
        return TopicMessage(topic_id, topic, partition, known, None, reason=reason)


def _place(message: Message) -> tuple[str, int]:
    """The topic and the partition, which every message but a general error has."""
    return str(message.topic()), int(message.partition() or 0)
