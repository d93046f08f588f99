"""Batches of messages into the log: events, offsets and rejects in one transaction."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import prometheus_client
import structlog
from sqlalchemy import Connection, Row, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import StoreUnavailableError
from serving.events.checking import CheckedBatch, EventChecker, Wanted
from serving.events.event_checks import conflict_faults
from serving.events.event_log import Events, Recorded
from serving.events.invalidation import Invalidation, RecordedEvents
from serving.events.record_events import count_recorded
from serving.events.schemas import EventBody
from serving.http.entries import RefusedEntry
from serving.kafka.messages import Reject, TopicMessage, read_messages
from serving.postgres.store import WriteStore
from serving.runtime.faults import Fault
from serving.runtime.metrics import ServingMetrics
from sql.engine import AWAY_ERRORS, reason_of
from sql.log import NewEvent
from sql.statements import statements

Answer = TypeVar("Answer")

log = structlog.get_logger()

_KAFKA = statements("kafka")


@dataclass(frozen=True, slots=True)
class CheckedMessages:
    """Messages, and the events that are in them."""

    messages: Sequence[TopicMessage]
    entries: Sequence[EventBody | RefusedEntry]
    batch: CheckedBatch
    events: Sequence[NewEvent]
    """The events of the batch; one without a time has that of its message."""


class TopicRecorder:
    """Records what messages say, by the rules of `POST /v1/events`.

    Several may record the same messages, as happens while partitions change hands: each event
    counts once by its id.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        checker: EventChecker,
        invalidation: Invalidation,
        metrics: ServingMetrics,
        *,
        create_items: bool,
        rest_seconds: float,
    ) -> None:
        self._engine = engine
        self._checker = checker
        self._invalidation = invalidation
        self._metrics = metrics
        self._wanted = Wanted(partial=True, create_items=create_items)
        self._rest_seconds = rest_seconds
        self._away = False
        self._rejected = prometheus_client.Counter(
            "serving_kafka_rejects",
            "Messages of Kafka that were not recorded, by the sort of reason.",
            ["reason"],
            registry=metrics.registry,
        )

    async def positions(self, topic_id: str) -> dict[int, int]:
        """From where each partition is to be read; absent: from its beginning."""

        async def find() -> dict[int, int]:
            async with self._engine.connect() as connection:
                rows = await connection.execute(
                    _KAFKA["find_kafka_offsets"], {"topic_id": topic_id}
                )
                return {row.partition_no: row.known_offset for row in rows}

        return await self._until_done(find)

    async def check(self, messages: Sequence[TopicMessage]) -> CheckedMessages:
        """Look for faults; the stores are waited for as long as it takes."""
        entries = read_messages(messages)
        batch = await self._until_done(lambda: self._checker.checked(entries, self._wanted))
        now = datetime.now(UTC)
        events = [
            event if event.time_given else _at_its_time(event, messages[sent.index], now)
            for event, sent in zip(batch.new, batch.sent, strict=True)
        ]
        return CheckedMessages(messages, entries, batch, events)

    async def write(self, checked: CheckedMessages) -> None:
        """Record messages; when this returns it is committed and known to every process.

        The stores are waited for as long as it takes.
        """
        try:
            recorded = await self._until_done(lambda: self._recorded(checked))
        except StoreUnavailableError:
            # An item or a kind is gone that was there: with the next look the event has a fault.
            await self._checker.forget(checked.entries)
            await self.write(await self.check(checked.messages))
            return
        count_recorded(self._metrics, checked.batch, recorded)
        await self._until_done(lambda: self._make_known(checked, recorded))

    async def store_known(self, offsets: Mapping[tuple[str, str, int], int]) -> None:
        """All before these offsets, by topic id, topic and partition, is known to every process."""

        async def store() -> None:
            async with self._engine.begin() as connection:
                await connection.execute(
                    _KAFKA["store_kafka_offsets"], _offset_parameters(offsets, offsets)
                )

        await self._until_done(store)

    async def _make_known(self, checked: CheckedMessages, recorded: Recorded) -> None:
        known = [RecordedEvents(checked.events, checked.batch.kinds, recorded)]
        if not await self._invalidation.make_known(known):
            raise StoreUnavailableError(reason="away")

    async def _recorded(self, checked: CheckedMessages) -> Recorded:
        async with self._engine.begin() as connection:
            store = _OneTransaction(connection)
            events = Events(store)
            recorded = Recorded(0, 0, ())
            if checked.events:
                recorded = await events.record_events_in_part(checked.events)
            rejects = [*_refused(checked), *await self._conflicts(checked, recorded, events)]
            if rejects:
                await store.write(_KAFKA["store_kafka_rejects"], _reject_parameters(rejects))
            ends, begins = ends_of(checked.messages), _begins(checked.messages)
            await store.write(_KAFKA["store_kafka_offsets"], _offset_parameters(ends, begins))
        self._report(rejects)
        return recorded

    async def _conflicts(
        self, checked: CheckedMessages, recorded: Recorded, events: Events
    ) -> list[Reject]:
        """The messages whose ids came with another content before."""
        if not recorded.conflicts:
            return []
        sent = checked.batch.sent
        logged = await events.find_contents({sent[index].event_id for index in recorded.conflicts})
        faults = conflict_faults(sent, recorded.conflicts, logged)
        return [
            Reject(checked.messages[sent[index].index], fault.detail, "conflict")
            for index, fault in zip(recorded.conflicts, faults, strict=True)
        ]

    def _report(self, rejects: Sequence[Reject]) -> None:
        for sort, count in Counter(reject.sort for reject in rejects).items():
            first = next(reject.message for reject in rejects if reject.sort == sort)
            self._rejected.labels(sort).inc(count)
            log.warning(
                "kafka_messages_rejected",
                reason=sort,
                messages=count,
                topic=first.topic,
                partition=first.partition,
                first_offset=first.offset,
            )

    async def _until_done(self, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the attempt finds, made again while the stores are away.

        StoreUnavailableError for a conflict, and the error of a statement at fault, are raised.
        """
        while True:
            try:
                found = await attempt()
            except StoreUnavailableError as error:
                if error.reason == "conflict":
                    raise
                self._note_away(error.reason)
            except AWAY_ERRORS as error:
                if reason_of(error) == "statement":
                    raise
                self._note_away(reason_of(error))
            else:
                self._away = False
                return found
            await asyncio.sleep(self._rest_seconds)

    def _note_away(self, reason: str) -> None:
        if not self._away:
            log.warning("kafka_waits_for_postgres", reason=reason)
        self._away = True


@dataclass(frozen=True, slots=True)
class _OneTransaction(WriteStore):
    """The store as far as one open transaction goes."""

    connection: AsyncConnection = field(repr=False)

    async def rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """See `ReadStore`."""
        found = await self.connection.execute(statement, parameters)
        return found.all() if found.returns_rows else []

    async def write(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """Committed with the transaction, and not before."""
        return await self.rows(statement, parameters)

    async def prepared_rows(
        self,
        preparation: TextClause,
        statement: TextClause,
        parameters: Mapping[str, Any] | None = None,
    ) -> Sequence[Row[Any]]:
        """See `ReadStore`."""
        await self.connection.execute(preparation)
        return await self.rows(statement, parameters)

    async def read(self, reader: Callable[[Connection], Answer]) -> Answer:
        """See `ReadStore`."""
        return await self.connection.run_sync(reader)


def _at_its_time(event: NewEvent, message: TopicMessage, now: datetime) -> NewEvent:
    """An event nobody said the time of; a producer's clock may be ahead."""
    return (
        event if message.sent_at is None else replace(event, occurred_at=min(message.sent_at, now))
    )


def _refused(checked: CheckedMessages) -> list[Reject]:
    """The messages that are no events, and those whose events have faults."""
    return [
        _reject(checked.messages[index], checked.entries[index], index, faults)
        for index, faults in checked.batch.faults.items()
    ]


def _reject(
    message: TopicMessage, entry: EventBody | RefusedEntry, index: int, faults: Sequence[Fault]
) -> Reject:
    if message.reason is not None:
        return Reject(message, message.reason, "lost")
    faults_by_field = [
        (fault.pointer.removeprefix(f"/events/{index}"), fault.detail) for fault in faults
    ]
    reason = " ".join(
        f"{pointer}: {detail}" if pointer else detail for pointer, detail in faults_by_field
    )
    return Reject(message, reason, "malformed" if isinstance(entry, RefusedEntry) else "refused")


def ends_of(messages: Sequence[TopicMessage]) -> dict[tuple[str, str, int], int]:
    """What follows the last message of each partition, by topic id, topic and partition."""
    ends: dict[tuple[str, str, int], int] = {}
    for message in messages:
        key = (message.topic_id, message.topic, message.partition)
        ends[key] = max(ends.get(key, 0), message.offset + 1)
    return ends


def _begins(messages: Sequence[TopicMessage]) -> dict[tuple[str, str, int], int]:
    """The first message of each partition: what came before it was written, and made known."""
    begins: dict[tuple[str, str, int], int] = {}
    for message in messages:
        begins.setdefault((message.topic_id, message.topic, message.partition), message.offset)
    return begins


def _offset_parameters(
    ends: Mapping[tuple[str, str, int], int], known: Mapping[tuple[str, str, int], int]
) -> dict[str, list[Any]]:
    keys = sorted(ends)
    return {
        "topic_ids": [topic_id for topic_id, _, _ in keys],
        "topics": [topic for _, topic, _ in keys],
        "partition_nos": [partition for _, _, partition in keys],
        "next_offsets": [ends[key] for key in keys],
        "known_offsets": [known[key] for key in keys],
    }


def _reject_parameters(rejects: Sequence[Reject]) -> dict[str, list[Any]]:
    return {
        "topic_ids": [reject.message.topic_id for reject in rejects],
        "topics": [reject.message.topic for reject in rejects],
        "partition_nos": [reject.message.partition for reject in rejects],
        "message_offsets": [reject.message.offset for reject in rejects],
        # What a message says may stand in the reason.
        "reasons": [reject.reason.replace("\0", "\\0") for reject in rejects],
        "user_ids": [reject.user_id for reject in rejects],
        "messages": [reject.kept for reject in rejects],
    }
