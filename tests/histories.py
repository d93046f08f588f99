"""Histories of users, as the log has them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from domain.identifiers import Position, UserNo
from domain.live_vector import History
from sql.log import histories_of, histories_question, load_kinds
from sql.pipelining import ask


def load_histories(
    connection: Connection, user_nos: Sequence[UserNo], *, horizon: Position, events: int | None
) -> Mapping[UserNo, History]:
    """The newest `events` interactions (None: all) of each user; users without any are absent."""
    rows = ask(connection, histories_question(user_nos, horizon=horizon, events=events))
    return histories_of(load_kinds(connection), rows)
