"""The interaction log: one way in, and reading it without gaps."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Connection

from domain.identifiers import ItemNo, KindNo, Position, ScaleNo, UserId, UserNo
from domain.interactions import EventKind, KindTable, Scale
from domain.live_vector import History
from sql.pipelining import Question, ask
from sql.statements import as_array, as_text_array, statements

_LOG = statements("log")

CONFLICTING_EVENTS = "TD409"
"""SQLSTATE of a batch in which an event id has another content than before; see `record_events`."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be stored: checked, its item and kind found."""

    event_id: uuid.UUID
    user_id: UserId
    item_no: ItemNo
    kind_no: KindNo
    value: float | None
    occurred_at: datetime
    recommendation_id: uuid.UUID | None = None
    time_given: bool = True
    """False: `occurred_at` is when the event came in, as nobody said when it happened."""
    scale_no: ScaleNo | None = None
    """What a rating lies on; None: the event is no rating."""
    strength: float | None = None
    """What the weight of the kind is multiplied by: `EventKind.strengths`; None: 1."""
    context: str | None = None
    """The context it occurred in, as JSON; None: nothing is said of it, or kept."""
    adds_context: bool = True
    """Whether that is kept though nobody has said it before."""


def record_parameters(events: Sequence[NewEvent]) -> dict[str, object]:
    """The parameters of the statement `record_events`.

    Arrays as PostgreSQL writes them: the driver takes ten times as long for a list.
    """
    return {
        "event_ids": as_array([f"{event.event_id.int:032x}" for event in events]),
        "user_ids": as_text_array([event.user_id for event in events]),
        "item_nos": as_array([event.item_no for event in events]),
        "kind_nos": as_array([event.kind_no for event in events]),
        "event_values": as_array([_or_null(event.value) for event in events]),
        "scale_nos": as_array([_or_null(event.scale_no) for event in events]),
        "strengths": as_array([_or_null(event.strength) for event in events]),
        "occurred_ats": as_array([event.occurred_at.isoformat() for event in events]),
        "recommendation_ids": as_array([_or_null(event.recommendation_id) for event in events]),
        "times_given": as_array([event.time_given for event in events]),
        "contexts": as_text_array([event.context for event in events]),
        "adding_contexts": as_array([event.adds_context for event in events]),
    }


def _or_null(value: object) -> object:
    return "null" if value is None else value


def scale_parameters(scales: Iterable[Scale]) -> dict[str, list[float]]:
    """The parameters of the statement `add_rating_scales`."""
    ordered = sorted(set(scales))
    return {
        "leasts": [scale.least for scale in ordered],
        "greatests": [scale.greatest for scale in ordered],
    }


def scale_numbers(rows: Iterable[Sequence[Any]]) -> dict[Scale, ScaleNo]:
    """The numbers of scales from the rows of that statement."""
    return {Scale(least, greatest): ScaleNo(scale_no) for least, greatest, scale_no in rows}


def event_horizon(connection: Connection) -> Position:
    """The position up to which the log is complete.

    Read it in a statement of its own, then read the log in a later statement of a READ COMMITTED
    transaction: whatever was stored at or below the horizon is then visible.
    """
    return Position(connection.execute(_LOG["event_horizon"]).scalar_one())


def load_kinds(connection: Connection) -> KindTable:
    """All event kinds."""
    return kind_table(ask(connection, kinds_question()))


def kinds_question() -> Question:
    """Asks for the rows of `kind_table`."""
    return Question(_LOG["load_kinds"])


def kind_table(rows: Iterable[Sequence[Any]]) -> KindTable:
    """Event kinds from the rows of the statement `load_kinds`."""
    return KindTable(tuple(EventKind(*row) for row in rows))


def histories_question(
    user_nos: Sequence[UserNo], *, horizon: Position, events: int | None
) -> Question:
    """Asks for the rows of `histories_of`: the newest `events` interactions (None: all) of each."""
    parameters = {"user_nos": as_array(user_nos), "horizon": horizon, "events": events}
    return Question(_LOG["load_histories"], parameters)


def histories_of(kinds: KindTable, rows: Sequence[Any]) -> dict[UserNo, History]:
    """Histories by user, from the row of the statement `load_histories`; who has none is absent."""
    (row,) = rows
    if row.user_nos is None:
        return {}
    item_nos = np.frombuffer(row.item_nos, dtype=">i4").astype(np.int32)
    weights = kinds.weights(
        np.frombuffer(row.kind_nos, dtype=">i2"),
        np.frombuffer(row.strengths, dtype=">f4").astype(np.float64),
    )
    owners = np.frombuffer(row.user_nos, dtype=">i4")
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return {
        UserNo(int(owners[start])): History(item_nos[start:end], weights[start:end])
        for start, end in pairwise([*starts.tolist(), len(owners)])
    }


def counts_question(
    user_nos: Sequence[UserNo], *, cut_off: Position, horizon: Position
) -> Question:
    """Asks for the rows of `counts_of`: interactions in (cut_off, horizon]."""
    parameters = {
        "user_nos": as_array(user_nos),
        "cut_off_position": cut_off,
        "horizon": horizon,
    }
    return Question(_LOG["count_events_since"], parameters)


def counts_of(rows: Iterable[Any]) -> dict[UserNo, int]:
    """Numbers of interactions by user, from the rows of `count_events_since`; 0 is absent."""
    return {UserNo(row.user_no): row.events for row in rows}
