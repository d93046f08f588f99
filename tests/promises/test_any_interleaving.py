"""Whatever happens in whatever order, the store is what a few dictionaries say it should be."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DatabaseError

from batch.bulk import bulk_connection
from batch.parameters import RunParameters
from batch.runs import model_runs, publishing
from batch.runs.forgetting import clear_forgotten
from batch.runs.model_runs import Run
from batch.space import live_vectors
from batch.space.composing import ItemSpace
from batch.space.embeddings import store_item_vectors, store_space, store_transitions
from domain.errors import RollbackRefusedError
from domain.identifiers import ItemNo, KindNo, RunId, UserId
from speed.folding import Folder
from speed.settings import SpeedSettings
from sql.live_vectors import load_live_space
from sql.log import NewEvent, event_horizon, load_kinds
from sql.partitions import create_partitions
from sql.promotion import catch_up
from sql.rollback import roll_back
from tests import tables
from tests.events import NOON, record
from tests.examples import examples
from tests.passes import until_idle
from tests.promises.emptying import empty
from tests.promises.reference import WEIGHTS, WORDS, Reference
from tests.promises.small_space import random_phrases, random_space
from tests.removals import delete, forget, rows_of_user
from tests.small_words import state, teach_words

USERS = ("ann", "bob", "eve")
RETAINED = 2

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 7),  # which event it is; sent again, it counts once
        st.sampled_from(USERS),
        st.integers(0, 7),
        st.sampled_from(sorted(WEIGHTS)),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=5,
)

INTERESTS = st.tuples(
    st.lists(st.sampled_from([*WORDS, "unheard of"]), max_size=2, unique=True),
    st.lists(st.integers(0, 7), max_size=2, unique=True),
)


@dataclass(slots=True)
class Night:
    """A run being made."""

    run: Run
    space: ItemSpace
    users: list[int]
    """Numbers of the users it has read of."""
    known: int | None = None
    """Up to where its live vectors know the log; None: nothing is written yet."""


class AnyInterleaving(RuleBasedStateMachine):
    """Events, deletions, nights, promotions, rollbacks and the worker, in any order."""

    def __init__(self, engine: Engine, database_url: str, item_nos: list[int]) -> None:
        super().__init__()
        self.engine, self.url, self.item_nos = engine, database_url, item_nos[:8]
        self.ids = [uuid.uuid4() for _ in range(8)]
        self.folder = Folder(SpeedSettings(events_per_pass=3, shards_per_pass=3))
        self.expected = Reference()
        self.night: Night | None = None
        empty(engine)

    # ------------------------------------------------------------ apps

    @rule(sent=EVENTS)
    def send(self, sent: list[tuple[int, str, int, int, int]]) -> None:
        events = [
            NewEvent(
                self.ids[which], UserId(user), ItemNo(self.item_nos[item]), KindNo(kind), None,
                NOON + timedelta(minutes=minute),
            )
            for which, user, item, kind, minute in sent
        ]  # fmt: skip
        new: dict[uuid.UUID, NewEvent] = {}
        for event in events:
            if event.event_id not in self.expected.received:
                new.setdefault(event.event_id, event)
        events = self._without_conflicts(events, self.expected.log | new)
        with self.engine.begin() as connection:
            accepted, duplicates, _ = record(connection, events)
            assert (accepted, duplicates) == (len(new), len(events) - len(new))
            rows = connection.execute(text("select user_id, user_no from users")).all()
        self.expected.received |= new.keys()
        self.expected.log |= new
        self.expected.numbers = {row.user_id: row.user_no for row in rows}

    def _without_conflicts(
        self, events: list[NewEvent], held: Mapping[uuid.UUID, NewEvent]
    ) -> list[NewEvent]:
        """The events that say what the log says; a batch with others is refused."""
        kept = [event for event in events if held.get(event.event_id, event) == event]
        if len(kept) < len(events):
            with (
                pytest.raises(DatabaseError, match="another content"),
                self.engine.begin() as connection,
            ):
                record(connection, events)
        return kept

    @rule(user=st.sampled_from(USERS), interests=INTERESTS)
    def state(self, user: str, interests: tuple[list[str], list[int]]) -> None:
        words, items = interests
        item_nos = [self.item_nos[item] for item in items]
        known, before = user in self.expected.numbers, self.expected.interests.get(user, ([], []))
        with self.engine.begin() as connection:
            row = state(connection, user, words, item_nos)
        assert row.created == (not known)
        assert row.changed == (before != (words, item_nos))
        self.expected.numbers[user] = row.user_no
        self.expected.interests[user] = (words, item_nos)

    @rule(which=st.integers(0, 7))
    def delete(self, which: int) -> None:
        event_id = self.ids[which]
        with self.engine.begin() as connection:
            row = delete(connection, event_id)
        assert (row is not None) == (event_id in self.expected.received)
        gone = self.expected.log.pop(event_id, None)
        assert row is None or row.is_new == (gone is not None)

    @rule(user=st.sampled_from(USERS))
    def forget(self, user: str) -> None:
        log = self.expected.log
        theirs = [event_id for event_id, event in log.items() if event.user_id == user]
        with self.engine.begin() as connection:
            row = forget(connection, user)
        assert row.user_no == self.expected.numbers.get(user)
        assert row.removed["interactions"] == len(theirs)
        for event_id in theirs:
            del log[event_id]
        if row.user_no is not None:
            self.expected.forgotten.add(row.user_no)
            del self.expected.numbers[user]
            self.expected.interests.pop(user, None)

    # ------------------------------------------------------------ the speed worker

    @rule()
    def fold_once(self) -> None:
        with self.engine.begin() as connection:
            self.folder.fold_new(connection)

    @rule()
    def die_in_a_pass(self) -> None:
        with self.engine.connect() as connection:
            self.folder.fold_new(connection)
            connection.rollback()

    @rule()
    def keep_a_retained_run_ready(self) -> None:
        with self.engine.begin() as connection:
            self.folder.fold_retained(connection)

    @rule()
    def fold_all(self) -> None:
        until_idle(self.engine, self.folder.fold_new)
        self._check_vectors(self.expected.served)

    @rule()
    def keep_all_retained_runs_ready(self) -> None:
        until_idle(self.engine, self.folder.fold_new)
        until_idle(self.engine, self.folder.fold_retained)
        for run_id in self.expected.retained:
            self._check_vectors(run_id)

    # ------------------------------------------------------------ nights

    @precondition(lambda self: self.night is None)
    @rule()
    def begin_a_night(self) -> None:
        with self.engine.begin() as connection:
            run = model_runs.begin_run(connection, RunParameters(), None)
            model_runs.mark_evaluated(connection, run.run_id)
            create_partitions(connection, run.run_id)
        readers = sorted(self.expected.numbers.values())
        self.night = Night(run, random_space(self.item_nos, run.run_id), readers)

    @precondition(lambda self: self.night is not None and self.night.known is None)
    @rule()
    def write_the_run(self) -> None:
        """Lists of those who were read in the beginning, whoever was forgotten meanwhile."""
        assert self.night is not None
        run, space = self.night.run, self.night.space
        with self.engine.begin() as connection:
            for user_no in self.night.users:
                row = {"run_id": run.run_id, "user_no": user_no, "item_nos": [1], "scores": [1.0]}
                connection.execute(insert(tables.batch_recommendations), row)
            store_space(connection, run.run_id, space)
            phrases = random_phrases(list(WORDS.values()), run.run_id)
            indexes = dict(zip(WORDS.values(), phrases.vectors[:, :5], strict=True))
            context_embeddings = dict(zip(WORDS.values(), phrases.context_embeddings, strict=True))
            teach_words(connection, run.run_id, indexes, context_embeddings)
            kinds = load_kinds(connection)
        with self.engine.begin() as connection:
            self.night.known = event_horizon(connection)
        with bulk_connection(self.url) as connection:
            store_item_vectors(connection, run.run_id, space.items)
            store_transitions(connection, run.run_id, space.transitions)
            live_vectors.store_all_live_vectors(
                connection, run, kinds, space, horizon=self.night.known, chunk_users=2
            )  # fmt: skip
        with self.engine.begin() as connection:
            clear_forgotten(connection, run.run_id)

    @precondition(lambda self: self.night is not None and self.night.known is not None)
    @rule()
    def publish(self) -> None:
        assert self.night is not None
        assert self.night.known is not None
        run_id = self.night.run.run_id
        with self.engine.begin() as connection:
            publishing.begin_progress(connection, run_id, self.night.known)
            live = load_live_space(connection, run_id)
        catch_up(self.engine.begin, live)
        with self.engine.begin() as connection:
            publishing.publish_run(connection, live)
        self.expected.spaces[run_id] = self.night.space
        self.expected.retained.append(run_id)
        self.expected.served = run_id
        self.night = None
        self._retire()
        self._check_vectors(run_id)

    @precondition(lambda self: self.night is not None)
    @rule()
    def die_in_the_night(self) -> None:
        """The process is gone; whoever holds the lock next clears its run away."""
        with self.engine.begin() as connection:
            model_runs.settle_dead_runs(connection)
            leftovers = model_runs.find_leftover_runs(connection)
        assert leftovers == [self.night.run.run_id]
        self._drop(leftovers)
        self.night = None

    @initialize()
    def first_night(self) -> None:
        self.whole_night()

    @precondition(lambda self: self.night is None)
    @rule()
    def whole_night(self) -> None:
        self.begin_a_night()
        self.write_the_run()
        self.publish()

    @rule(data=st.data())
    def fail_to_roll_back(self, data: st.DataObject) -> None:
        gone = set(self.expected.spaces) - set(self.expected.retained)
        asked = data.draw(st.sampled_from(sorted({self.expected.served, 999, *gone})))
        with pytest.raises(RollbackRefusedError):
            roll_back(self.engine.begin, RunId(asked), by="a test")

    @precondition(lambda self: len(self.expected.retained) > 1)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        asked = data.draw(
            st.sampled_from([no for no in self.expected.retained if no != self.expected.served])
        )
        roll_back(self.engine.begin, RunId(asked), by="a test")
        self.expected.served = asked
        self._check_vectors(asked)

    # ------------------------------------------------------------ what must be true

    @invariant()
    def the_log_is_what_was_accepted_and_not_taken_back(self) -> None:
        with self.engine.connect() as connection:
            rows = connection.execute(
                text("select event_id, user_no, item_no, kind_no from interactions")
            ).all()
        stored = sorted(tuple(row) for row in rows)
        numbers = self.expected.numbers
        assert stored == sorted(
            (event.event_id, numbers[event.user_id], event.item_no, event.kind_no)
            for event in self.expected.log.values()
        )

    @invariant()
    def nothing_but_their_number_is_left_of_the_forgotten(self) -> None:
        with self.engine.connect() as connection:
            for user_no in self.expected.forgotten:
                assert rows_of_user(connection, user_no) == {"forgotten_users": 1}

    @invariant()
    def the_served_run_is_the_one_promoted_last(self) -> None:
        query = "select run_id from live_run"
        with self.engine.connect() as connection:
            served = connection.execute(text(query)).scalar_one_or_none()
            promoted = connection.execute(
                text("select run_id from promotions order by promotion_no desc limit 1")
            ).scalar_one_or_none()
        assert served == promoted == self.expected.served

    def _check_vectors(self, run_id: RunId | None) -> None:
        """The stored live vectors of a run are those that follow from the whole log."""
        assert run_id is not None
        with self.engine.connect() as connection:
            query = "select * from user_embeddings where run_id = :run_id"
            rows = connection.execute(text(query), {"run_id": run_id}).all()
        stored = {row.user_no: row for row in rows if row.embedding is not None}
        expected = self.expected.vectors(run_id)
        known = {user_no: found for user_no, found in expected.items() if found[0] is not None}
        assert stored.keys() == known.keys()
        for user_no, (vector, following) in known.items():
            row = stored[user_no]
            assert row.embedding.to_numpy() == pytest.approx(vector, abs=1e-5)
            assert (row.next_item_nos or []) == following.item_nos.tolist()
            assert (row.next_scores or []) == pytest.approx(following.scores.tolist(), rel=1e-6)

    def _retire(self) -> None:
        with self.engine.begin() as connection:
            old = model_runs.find_runs_to_retire(connection, RETAINED, 30.0)
        kept = {*self.expected.retained[-RETAINED:], self.expected.served}
        assert set(old) == set(self.expected.retained) - kept
        for run_id in old:
            with self.engine.begin() as connection:
                assert model_runs.retire(connection, run_id)
            self.expected.retained.remove(run_id)
        self._drop(old)

    def _drop(self, run_ids: list[RunId]) -> None:
        with self.engine.connect() as connection:
            session = connection.execution_options(isolation_level="AUTOCOMMIT")
            for run_id in run_ids:
                model_runs.drop_partitions(session, run_id)


def test_the_store_is_what_a_few_dictionaries_say(
    engine: Engine, database_url: str, film_nos: list[int]
) -> None:
    run_state_machine_as_test(
        lambda: AnyInterleaving(engine, database_url, film_nos),
        settings=settings(
            max_examples=examples(20),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
