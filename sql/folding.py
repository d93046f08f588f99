"""Folding the log into live vectors: one way for publishing, rollback and the worker."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from sqlalchemy import Connection

from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.live_vector import NO_HISTORY, History
from sql.interests import (
    Interests,
    Phrases,
    interests_of,
    interests_question,
    load_phrases,
    with_interests,
)
from sql.live_vectors import RunSpace, UserVector, store_user_vectors
from sql.log import (
    counts_of,
    counts_question,
    histories_of,
    histories_question,
    kind_table,
    kinds_question,
)
from sql.pipelining import Question, ask, ask_together
from sql.run_items import RunItems
from sql.statements import statements

_LIVE = statements("live")
_NONE = Interests()

_USERS_AT_ONCE = 200
"""Between two statements so many vectors are computed at the most.

PostgreSQL takes a speed worker that is silent for longer for one that hangs (`sql.engine`).
"""


def find_stale_users(
    connection: Connection,
    run_id: RunId,
    *,
    after: Position,
    until: Position,
) -> list[UserNo]:
    """Users whose live vectors in this run do not yet know what happened in (after, until].

    In rising order.
    """
    return stale_users_of(ask(connection, stale_users_question(run_id, after=after, until=until)))


def stale_users_question(
    run_id: RunId, *, after: Position, until: Position, shards: Sequence[int] | None = None
) -> Question:
    """Asks for the rows of `stale_users_of`: users of some `shards`; None: of all."""
    parameters = {
        "run_id": run_id,
        "after": after,
        "until": until,
        "shards": None if shards is None else list(shards),
    }
    return Question(_LIVE["find_stale_users"], parameters)


def stale_users_of(rows: Sequence[Any]) -> list[UserNo]:
    """Users from the rows of the statement `find_stale_users`."""
    return [UserNo(row.user_no) for row in rows]


def fold_in(
    connection: Connection,
    run: RunSpace,
    user_nos: Sequence[UserNo],
    *,
    horizon: Position,
    run_items: RunItems | None = None,
) -> None:
    """Write the live vectors of some users from interests and histories up to the horizon.

    `run_items`: what is known of the run's items already.

    A user of whom nothing is left gets a vector that says nothing. The transaction must be READ
    COMMITTED, and the horizon must have been read before in a statement of its own.
    """
    run_items = run_items or RunItems(run)
    # In one order everywhere, so that two who write the same users cannot wait for each other.
    in_order = sorted(user_nos)
    for first in range(0, len(in_order), _USERS_AT_ONCE):
        _fold_in_some(connection, run, in_order[first : first + _USERS_AT_ONCE], horizon, run_items)


def _fold_in_some(
    connection: Connection,
    run: RunSpace,
    user_nos: Sequence[UserNo],
    horizon: Position,
    run_items: RunItems,
) -> None:
    """Write the live vectors of users, at least one, in their order."""
    *profiles, counted = ask_together(
        connection,
        *_profile_questions(run, user_nos, horizon),
        counts_question(user_nos, cut_off=run.cut_off, horizon=horizon),
    )
    histories, phrases = _with_interests(connection, run, profiles)
    known = [history.item_nos for history in histories.values()]
    item_nos = [ItemNo(no) for no in np.unique(np.concatenate(known)).tolist()] if known else []
    items = phrases.items.followed_by(run_items.vectors(connection, item_nos))
    transitions = run_items.transitions(connection, items, histories.values())
    counts = counts_of(counted)
    vectors = [
        UserVector.of(
            user_no,
            run.space,
            items,
            transitions,
            histories.get(user_no, NO_HISTORY),
            events_since_cut_off=counts.get(user_no, 0),
        )
        for user_no in user_nos
    ]
    store_user_vectors(connection, run.run_id, vectors, horizon)


def load_histories_with_interests(
    connection: Connection,
    run: RunSpace,
    user_nos: Sequence[UserNo],
    *,
    horizon: Position,
    extra_interests: Interests = _NONE,
) -> tuple[dict[UserNo, History], Phrases]:
    """Histories up to the horizon, after what each user has declared; and the phrases in them.

    `extra_interests`: what all of them declare as well. Who has neither history nor interests
    is absent.
    """
    profiles = ask_together(connection, *_profile_questions(run, user_nos, horizon))
    extra = dict.fromkeys(user_nos, extra_interests) if extra_interests else {}
    return _with_interests(connection, run, profiles, extra)


def _profile_questions(
    run: RunSpace, user_nos: Sequence[UserNo], horizon: Position
) -> tuple[Question, ...]:
    """Ask for all that stands of users in the log and beside it."""
    events = run.space.parameters.taste_events
    return (
        kinds_question(),
        histories_question(user_nos, horizon=horizon, events=events),
        interests_question(user_nos),
    )


def _with_interests(
    connection: Connection,
    run: RunSpace,
    profiles: Sequence[Sequence[Any]],
    extra: Mapping[UserNo, Interests] = MappingProxyType({}),
) -> tuple[dict[UserNo, History], Phrases]:
    """Histories and phrases as `load_histories_with_interests` has them, of what was asked for."""
    kinds, found, declared = profiles
    histories = histories_of(kind_table(kinds), found)
    interests = interests_of(declared)
    interests |= {no: interests.get(no, _NONE) | more for no, more in extra.items()}
    phrases = load_phrases(connection, run.run_id, interests.values())
    numbers = phrases.numbers()
    with_them = {
        user_no: with_interests(run.space.parameters, histories.get(user_no), of_user, numbers)
        for user_no, of_user in interests.items()
    }
    return {**histories, **with_them}, phrases


def store_progress(connection: Connection, run_id: RunId, position: Position) -> None:
    """Note that the live vectors of all shards know the log up to `position`."""
    parameters = {"run_id": run_id, "position": position, "shards": None}
    connection.execute(_LIVE["store_progress"], parameters)
