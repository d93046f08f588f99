"""The ledger: what was sent, what was acknowledged and when. All times are monotonic seconds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Sent:
    """One event, sent as often as it took."""

    event_id: str
    user: str
    item: str
    kind: str
    value: float | None
    marks_seen: bool
    sent_at: float
    acknowledged_at: float | None = None
    """When the first 202 was in; None: it may be stored or not."""
    attempts: list[str] = field(default_factory=list)
    """Worker and outcome of each."""
    deleting_at: float | None = None
    """When its deletion was first asked for."""
    deleted_at: float | None = None
    """When its deletion was acknowledged."""


@dataclass(slots=True)
class Stated:
    """What one user was said to like, in place of all that was said before; sent until answered."""

    user: str
    words: tuple[str, ...]
    items: tuple[str, ...]
    sent_at: float
    acknowledged_at: float | None = None
    """When the first 200 or 201 was in; None: it may stand or not."""
    attempts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Forgotten:
    """One user's removal, asked for as often as it took."""

    asked_at: float
    done_at: float | None = None


Mark = Sent | Stated
"""What makes an item one that is not to be shown."""


class Ledger:
    """Everything sent, by event id and by user and item."""

    def __init__(self, seen: dict[str, frozenset[str]]) -> None:
        """`seen`: what each user had seen before the load began."""
        self.events: dict[str, Sent] = {}
        self.forgotten: dict[str, list[Forgotten]] = defaultdict(list)
        self.statements: dict[str, list[Stated]] = defaultdict(list)
        """By user, in the order they were sent: one at a time."""
        self._seen_before = seen
        self._marks: dict[str, dict[str, list[Sent]]] = defaultdict(lambda: defaultdict(list))

    def send(self, event: Sent) -> None:
        """An event is about to be sent for the first time."""
        self.events[event.event_id] = event
        if event.marks_seen:
            self._marks[event.user][event.item].append(event)

    def acknowledge(self, events: Iterable[Sent], at: float) -> None:
        """The answer 202 is in."""
        for event in events:
            if event.acknowledged_at is None:
                event.acknowledged_at = at

    def state(self, statement: Stated) -> None:
        """A statement is about to be sent for the first time."""
        self.statements[statement.user].append(statement)

    def forget(self, user: str, at: float) -> Forgotten:
        """A user's removal is about to be asked for."""
        self.forgotten[user].append(Forgotten(at))
        return self.forgotten[user][-1]

    def history(self, user: str) -> list[Sent]:
        """All that was sent of a user, oldest first."""
        return [event for event in self.events.values() if event.user == user]

    def certain(self) -> Iterator[Sent]:
        """Events that must stand in the log: acknowledged, and nobody asked to take them out."""
        for event in self.events.values():
            if event.acknowledged_at is not None and not self.may_be_gone(event, float("inf")):
                yield event

    def certainly_deleted(self) -> Iterator[Sent]:
        """Events that must not stand in the log: their removal was acknowledged."""
        for event in self.events.values():
            if event.deleted_at is not None or self._forgotten_after(event):
                yield event

    def may_be_gone(self, event: Sent, by: float) -> bool:
        """Whether somebody asked by then to take the event out, done or not."""
        deleting = event.deleting_at is not None and event.deleting_at <= by
        return deleting or self._user_may_be_gone(event.user, event.sent_at, by)

    def may_stand(self, user: str, began: float, ended: float) -> list[Stated | None]:
        """The statements that may have been the user's last at some time from `began` to `ended`.

        None stands for no interests at all.
        """
        found: list[Stated | None] = [None]
        for statement in self.statements.get(user, ()):
            if statement.sent_at > ended:
                break
            known = statement.acknowledged_at is not None and statement.acknowledged_at <= began
            if known and not self._user_may_be_gone(user, statement.sent_at, ended):
                found = []
            found.append(statement)
        return found

    def maybe_seen(self, user: str) -> set[str]:
        """Items that a list may leave out: all that were ever seen, or named as an interest."""
        named = (item for statement in self.statements.get(user, ()) for item in statement.items)
        return {*self._seen_before.get(user, ()), *self._marks.get(user, ()), *named}

    def certainly_seen(self, user: str, began: float, ended: float) -> dict[str, Mark | None]:
        """Items that no list read from `began` to `ended` may show the user.

        The event or statement that says so; None: it was before the load began.
        """
        found: dict[str, Mark | None] = {}
        if all(removal.asked_at > ended for removal in self.forgotten.get(user, ())):
            found = dict.fromkeys(self._seen_before.get(user, ()))
        for item, events in self._marks.get(user, {}).items():
            for event in events:
                known = event.acknowledged_at is not None and event.acknowledged_at <= began
                if known and not self.may_be_gone(event, ended):
                    found[item] = event
        return found | self._certainly_named(user, began, ended)

    def _certainly_named(self, user: str, began: float, ended: float) -> dict[str, Stated]:
        """Items that each statement names which may stand."""
        standing = self.may_stand(user, began, ended)
        sure = [statement for statement in standing if statement is not None]
        if not sure or len(sure) < len(standing):
            return {}
        everywhere = set.intersection(*(set(statement.items) for statement in sure))
        return dict.fromkeys(everywhere, sure[0])

    def _user_may_be_gone(self, user: str, since: float, by: float) -> bool:
        """Whether somebody asked by then for the removal of what was sent of a user at `since`."""
        return any(
            removal.asked_at <= by and (removal.done_at is None or since <= removal.done_at)
            for removal in self.forgotten.get(user, ())
        )

    def _forgotten_after(self, event: Sent) -> bool:
        """Whether the user's removal was asked for after the event was acknowledged, and done."""
        acknowledged = event.acknowledged_at
        return acknowledged is not None and any(
            removal.done_at is not None and acknowledged <= removal.asked_at
            for removal in self.forgotten.get(event.user, ())
        )
