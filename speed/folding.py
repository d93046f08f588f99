"""One pass over the log: from new interactions to live vectors, in one transaction."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, TextClause

from domain.identifiers import Position, RunId, UserNo
from speed.pacing import Pace
from speed.settings import SpeedSettings
from speed.spaces import Spaces
from sql.folding import fold_in, stale_users_of, stale_users_question
from sql.live_vectors import RunSpace, find_live_run
from sql.pipelining import Question, ask, ask_together
from sql.run_items import RunItems
from sql.statements import statements

_SPEED = statements("speed")

FEWEST_EVENTS = 50
FEWEST_RETAINED_EVENTS, MOST_RETAINED_EVENTS = 20, 2_000
_MOST_FIRST = 500
"""So many live events go before what a load brought, at the most."""
_MOST_ITEMS = 20_000
"""So many items of the served run are kept in memory, about 50 MB."""
_PASS_SECONDS, _RETAINED_PASS_SECONDS = 0.1, 0.03
"""About so long a pass over many events takes, in the served run and in another.

The next event waits for it to end, and so does a rollback.
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did."""

    run_id: RunId
    user_nos: tuple[UserNo, ...]
    """Users whose live vectors were written."""
    position: Position
    """The log is folded in up to here, for the shards that were claimed."""
    forgotten: tuple[UserNo, ...] = ()
    """Users who were forgotten: they have no live vectors, but may have cached answers."""
    is_amid_load: bool = False
    """Whether it folded in events of a load, and more are left."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Shards of a run this transaction holds, and up to where it folds their events in."""

    run_id: RunId
    horizon: Position
    """Up to here the log is complete."""
    shards: tuple[int, ...]
    after: Position
    """The furthest position all of them have reached."""
    until: Position
    """What they have reached once the transaction is committed."""
    first: Position
    """Up to where live events of all of them have gone before those of a load."""


class Folder:
    """Folds new interactions into live vectors."""

    def __init__(self, settings: SpeedSettings, spaces: Spaces | None = None) -> None:
        self._settings = settings
        self._spaces = spaces or Spaces()
        most = settings.events_per_pass
        self._events = Pace(FEWEST_EVENTS, FEWEST_EVENTS, most, _PASS_SECONDS)
        self._retained_events = Pace(
            FEWEST_RETAINED_EVENTS,
            FEWEST_RETAINED_EVENTS,
            min(most, MOST_RETAINED_EVENTS),
            _RETAINED_PASS_SECONDS,
        )
        self._run_items: RunItems | None = None

    def fold_new(self, connection: Connection) -> Pass | None:
        """Fold in what is new for the served run; None if there is nothing to do.

        Passes over many events are short, and live events go before those of a load.

        The caller commits: vectors and progress become visible together or not at all. The
        transaction must be READ COMMITTED, since the log is read after the horizon.
        """
        began = time.perf_counter()
        events = min(self._events.size, self._settings.events_per_pass)
        with self._events.halved_by_failures():
            claim = self._claim(connection, _SPEED["claim_served_shards"], {"events": events})
            if claim is None:
                return None
            done = self._fold(connection, claim, is_served=True)
        if done.position < claim.horizon:
            self._events.note(time.perf_counter() - began)
        return done

    def fold_retained(self, connection: Connection, unusable: Sequence[RunId] = ()) -> Pass | None:
        """The same for a retained run that is not being served, the newest that lags behind.

        `unusable` runs are left alone, so that they do not keep older ones from their turn.
        """
        began = time.perf_counter()
        events = min(self._retained_events.size, self._settings.events_per_pass)
        asked = {"events": events, "unusable": list(unusable)}
        with self._retained_events.halved_by_failures():
            claim = self._claim(connection, _SPEED["claim_retained_shards"], asked)
            if claim is None:
                return None
            done = self._fold(connection, claim)
        self._retained_events.note(time.perf_counter() - began)
        return done

    def _fold(self, connection: Connection, claim: _Claim, *, is_served: bool = False) -> Pass:
        questions = [_stale_users(claim), _forgotten_users(claim)]
        if is_served and claim.until < claim.horizon:
            questions.append(_loaded_events(claim))
        stale, forgotten, *loaded = ask_together(connection, *questions)
        user_nos = stale_users_of(stale)
        is_amid_load = any(row.is_loaded for rows in loaded for row in rows)
        if is_amid_load:
            user_nos = sorted({*user_nos, *_users_of_live_events(connection, claim)})
        run = self._spaces.of(connection, claim.run_id)
        run_items = self._items_of(run) if is_served else None
        fold_in(connection, run, user_nos, horizon=claim.horizon, run_items=run_items)
        gone = tuple(UserNo(row.user_no) for row in forgotten)
        return Pass(claim.run_id, tuple(user_nos), claim.until, gone, is_amid_load)

    def _items_of(self, run: RunSpace) -> RunItems:
        """What is known of the items of the served run; of an earlier one it is let go."""
        if self._run_items is None or self._run_items.run is not run:
            self._run_items = RunItems(run, _MOST_ITEMS)
        return self._run_items

    def _claim(
        self, connection: Connection, statement: TextClause, asked: Mapping[str, Any]
    ) -> _Claim | None:
        parameters = {**asked, "shards_per_pass": self._settings.shards_per_pass}
        rows = ask(connection, Question(statement, parameters))
        if not rows:
            return None
        (row,) = rows
        return _Claim(
            run_id=row.run_id,
            horizon=row.horizon,
            shards=tuple(row.shards),
            after=row.after,
            until=row.until,
            first=row.first_position,
        )


def _stale_users(claim: _Claim) -> Question:
    return stale_users_question(
        claim.run_id, after=claim.after, until=claim.until, shards=claim.shards
    )


def _forgotten_users(claim: _Claim) -> Question:
    parameters = {
        "run_id": claim.run_id,
        "after": claim.after,
        "until": claim.until,
        "shards": list(claim.shards),
    }
    return Question(_SPEED["find_forgotten_users"], parameters)


def _loaded_events(claim: _Claim) -> Question:
    """Asks whether a load brought some of the events."""
    parameters = {"after": claim.after, "until": claim.until}
    return Question(_SPEED["has_loaded_events"], parameters)


def _users_of_live_events(connection: Connection, claim: _Claim) -> Sequence[UserNo]:
    """Users of live events that lie behind those of a load, each event looked at once."""
    of_run = {"run_id": claim.run_id, "shards": list(claim.shards)}
    until = claim.horizon
    asked = {"after": max(claim.until, claim.first), "until": until, "most": _MOST_FIRST}
    found = connection.execute(_SPEED["find_users_of_live_events"], of_run | asked).scalars().all()
    connection.execute(_SPEED["store_first_position"], of_run | {"first_position": until})
    return found


def find_recently_updated_users(connection: Connection, seconds: float) -> list[UserNo]:
    """Users whose live vectors were written, or who were forgotten, in the last `seconds`."""
    run_id = find_live_run(connection)
    if run_id is None:
        return []
    parameters = {"run_id": run_id, "seconds": seconds}
    return list(connection.execute(_SPEED["find_recently_updated_users"], parameters).scalars())
