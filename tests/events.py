"""Events made and stored, for tests."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from domain.identifiers import ItemNo, KindNo, UserId, UserNo
from sql.log import NewEvent, record_parameters
from sql.statements import statements

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VIEW, CLICK, LIKE, RATE, CART, PURCHASE, DISLIKE, HIDE = range(1, 9)


def event(user: str, item_no: int, *, minutes: int = 0, kind_no: int = VIEW) -> NewEvent:
    """An event with a new id, some minutes after noon."""
    return NewEvent(
        event_id=uuid.uuid4(),
        user_id=UserId(user),
        item_no=ItemNo(item_no),
        kind_no=KindNo(kind_no),
        value=None,
        occurred_at=NOON + timedelta(minutes=minutes),
    )


def record(connection: Connection, events: Sequence[NewEvent]) -> tuple[int, int, list[int]]:
    """Store events; answers accepted, duplicates and the users touched."""
    row = connection.execute(statements("log")["record_events"], record_parameters(events)).one()
    return row.accepted, row.duplicates, row.touched_user_nos


def user_no_of(connection: Connection, user_id: str) -> UserNo:
    """The number of a user that exists."""
    query = text("select user_no from users where user_id = :user_id")
    return UserNo(connection.execute(query, {"user_id": user_id}).scalar_one())
