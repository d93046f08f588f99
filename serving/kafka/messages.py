"""Messages of a topic, read as the events of `POST /v1/events` are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from serving.events.own_events import of_app
from serving.events.schemas import EventBody, read_events
from serving.http.entries import RefusedEntry
from serving.runtime.faults import Fault

_MOST_KEPT = 8_192
"""Bytes of a rejected message that are kept."""


@dataclass(frozen=True, slots=True)
class TopicMessage:
    """One message, or what is to be told of messages that are gone."""

    topic_id: str
    """What Kafka calls a topic by: one made anew under the same name has another."""
    topic: str
    partition: int
    offset: int
    value: bytes | None
    sent_at: datetime | None = None
    """None: the message does not say."""
    reason: str | None = None
    """Why it is no event, where that is known before it is read."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A message that is not recorded."""

    message: TopicMessage
    reason: str
    sort: str
    """`malformed`, `refused`, `conflict` or `lost`, for who counts."""

    @property
    def user_id(self) -> str | None:
        """Whose event it seems to be."""
        given = _parsed(self.message.value or b"")
        user_id = given.get("user_id") if isinstance(given, dict) else None
        if isinstance(user_id, int):
            return str(user_id)
        # PostgreSQL's text has no NUL, and no user's id has one.
        return user_id if isinstance(user_id, str) and "\0" not in user_id else None

    @property
    def kept(self) -> bytes | None:
        """As much of the message as is kept."""
        return None if self.message.value is None else self.message.value[:_MOST_KEPT]


def read_messages(messages: Sequence[TopicMessage]) -> list[EventBody | RefusedEntry]:
    """The events in the order of their messages, those that are not well formed too."""
    unread: dict[int, RefusedEntry] = {}
    given = []
    for index, message in enumerate(messages):
        try:
            given.append(_event_in(message))
        except ValueError as error:
            given.append(None)
            unread[index] = RefusedEntry((Fault("", str(error)),))
    events = [
        event if isinstance(event, RefusedEntry) else of_app(event) for event in read_events(given)
    ]
    return [unread.get(index, event) for index, event in enumerate(events)]


def _event_in(message: TopicMessage) -> Any:
    """What a message holds, with an id; ValueError if that is no JSON."""
    if message.reason is not None:
        raise ValueError(message.reason)
    if message.value is None:
        raise ValueError("The message is empty.")
    try:
        given = orjson.loads(message.value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"The message is no JSON: {error}.") from error
    if isinstance(given, dict) and given.get("event_id") is None:
        # The same whenever it is read, so that the event counts once.
        given["event_id"] = f"kafka:{message.topic_id}:{message.partition}:{message.offset}"
    return given


def _parsed(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
