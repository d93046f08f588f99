"""Events, their deletion, interests, and the removal of users: sent until they are answered."""

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.client import Api, Reply
from tests.chaos.counters import Counters, outcome
from tests.chaos.dataset import Dataset
from tests.chaos.ledger import Ledger, Sent, Stated
from tests.chaos.violations import Violations

WRITE_SECONDS = 8.0
ACCEPTED, OK, CREATED, NOT_FOUND = 202, 200, 201, 404
_FINAL = frozenset({OK, CREATED, NOT_FOUND, 422})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_TWICE_AT_ONCE, _ONCE_MORE = 0.05, 0.1


@dataclass(slots=True)
class Writer:
    """Sends events with ids of their own, so that sending again is harmless."""

    api: Api
    dataset: Dataset
    ledger: Ledger
    counters: Counters
    violations: Violations
    drawn: random.Random
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """From then on nothing is sent again: what is not answered stays unknown."""

    def event(self, user: str, item: str, kind: str) -> Sent:
        """An event entered into the ledger, about to be sent."""
        value = self.drawn.choice((1.0, 2.0, 3.0, 4.0, 5.0)) if kind == "rate" else None
        event = Sent(
            event_id=str(uuid.UUID(int=self.drawn.getrandbits(128), version=4)),
            user=user,
            item=item,
            kind=kind,
            value=value,
            marks_seen=kind in self.dataset.marking,
            sent_at=time.monotonic(),
        )
        self.ledger.send(event)
        self.counters.events += 1
        return event

    async def post(self, events: Sequence[Sent]) -> bool:
        """Send a batch until it is acknowledged; some of them twice at once, or once more."""
        if self.drawn.random() < _TWICE_AT_ONCE:
            self.counters.sent_again += 1
            both = await asyncio.gather(
                *(self.post_to(worker, events) for worker in self._workers())
            )
            if any(both):
                return True
        pause = _FIRST_PAUSE
        while not self.stopped.is_set():
            if await self.post_to(self._workers()[0], events):
                if self.drawn.random() < _ONCE_MORE:
                    self.counters.sent_again += 1
                    await self.post_to(self._workers()[0], events)
                return True
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)
        return False

    async def post_to(
        self, worker: str, events: Sequence[Sent], timeout_seconds: float = WRITE_SECONDS
    ) -> bool:
        """Send a batch to one process once; whether it was acknowledged."""
        content = {"events": [_body(event) for event in events]}
        reply = await self.api.ask(
            worker, "POST", "/v1/events", content=content, timeout_seconds=timeout_seconds
        )
        self.counters.count_write(reply)
        for event in events:
            event.attempts.append(f"{worker}: {outcome(reply)}")
        if reply.status != ACCEPTED:
            return False
        self.counters.acknowledged += sum(event.acknowledged_at is None for event in events)
        self.ledger.acknowledge(events, reply.ended)
        if reply.body.get("accepted", 0) + reply.body.get("duplicates", 0) != len(events):
            self.violations.add("wrong count in a 202", reply.began, body=reply.body, events=events)
        return True

    async def delete(self, event: Sent) -> None:
        """Take an acknowledged event out again; asked until it is answered."""
        event.deleting_at = time.monotonic()
        reply = await self._until_answered("DELETE", f"/v1/events/{event.event_id}")
        if reply is not None and reply.status == OK:
            event.deleted_at = reply.ended
            self.counters.deletes_acknowledged += 1
        elif reply is not None and not self.ledger.forgotten.get(event.user):
            self.violations.add(
                "acknowledged event not found", reply.began, event=event, body=reply.body
            )

    async def forget(self, user: str) -> None:
        """Remove a user; asked until it is answered."""
        forgotten = self.ledger.forget(user, time.monotonic())
        reply = await self._until_answered("DELETE", f"/v1/users/{user}")
        if reply is not None:
            forgotten.done_at = reply.ended
            self.counters.users_forgotten += 1

    async def state(self, user: str, words: tuple[str, ...], items: tuple[str, ...]) -> bool:
        """Say what a user likes until it is acknowledged; never two statements of a user at once.

        Whether it was.
        """
        statement = Stated(user, words, items, time.monotonic())
        self.ledger.state(statement)
        content = {"interests": {"words": list(words), "items": list(items)}}
        reply = await self._until_answered(
            "PUT", f"/v1/users/{user}", content=content, attempts=statement.attempts
        )
        if reply is None:
            return False
        if reply.status not in {OK, CREATED}:
            self.violations.add(
                "statement refused", reply.began, statement=statement, body=reply.body
            )
            return False
        statement.acknowledged_at = reply.ended
        self.counters.interests_stated += 1
        return True

    async def _until_answered(
        self,
        method: str,
        path: str,
        *,
        content: Any = None,
        attempts: list[str] | None = None,
    ) -> Reply | None:
        """The first answer that says more than that it cannot be done just now."""
        pause = _FIRST_PAUSE
        while not self.stopped.is_set():
            worker = self._workers()[0]
            reply = await self.api.ask(
                worker, method, path, content=content, timeout_seconds=WRITE_SECONDS
            )
            if attempts is not None:
                attempts.append(f"{worker}: {outcome(reply)}")
            if reply.status in _FINAL:
                return reply
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)
        return None

    def _workers(self) -> list[str]:
        workers = list(self.api.workers)
        self.drawn.shuffle(workers)
        return workers


def _body(event: Sent) -> dict[str, Any]:
    body = {
        "event_id": event.event_id,
        "user_id": event.user,
        "item_id": event.item,
        "kind": event.kind,
    }
    return body if event.value is None else {**body, "value": event.value}
