"""Whatever happens in whatever order, every item is where its words and the log say."""

from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, text

from domain.identifiers import RunId
from speed.cold_items import ColdItemEmbedder
from speed.settings import SpeedSettings
from sql.cold_items import make_cold_items
from sql.item_embedding import remove_known_changes
from sql.rollback import roll_back
from tests.events import DISLIKE, LIKE, VIEW, event, record
from tests.examples import examples
from tests.passes import until_idle
from tests.promises.emptying import empty
from tests.removals import delete, forget
from tests.words_run import (
    FANS,
    KNOWN,
    ROBOTS,
    WESTERN,
    Night,
    add_items,
    open_cinema,
    publish,
    two_camps,
    write_night,
)

TITLES = (WESTERN, ROBOTS, f"{WESTERN}. {ROBOTS}", "Zyzzyva")
USERS = tuple(f"{camp}-{fan}" for camp in ("cowboy", "robot") for fan in range(FANS))

_PLACED = text(
    "select items.item_no, made.embedding, made.context_embedding, made.users, similarity_embedding"
    " from items"
    " left join item_embeddings as made on run_id = :run_id and made.item_no = items.item_no"
    " left join item_similarity_embeddings"
    " on item_similarity_embeddings.run_id = :run_id"
    " and item_similarity_embeddings.item_no = items.item_no"
    " where made.item_no is null or made.embedded_at is not null"
    " order by items.item_no"
)


class AnyItemEmbedding(RuleBasedStateMachine):
    """Items, events, deletions, nights, promotions, rollbacks and workers, in any order."""

    def __init__(self, engine: Engine, database_url: str) -> None:
        super().__init__()
        self.engine, self.url = engine, database_url
        self.embedder = ColdItemEmbedder(SpeedSettings(items_per_pass=2))
        self.night: Night | None = None
        self.minutes = 100
        self.event_ids: list[Any] = []
        self.retained: list[RunId] = []
        self.served: RunId | None = None
        empty(engine, "items")

    @initialize()
    def first_night(self) -> None:
        self.known = open_cinema(self.engine)
        self.items = list(self.known)
        self.begin_a_night()
        self.publish()

    # ------------------------------------------------------------ apps

    @rule(titles=st.lists(st.sampled_from(TITLES), min_size=1, max_size=4))
    def add_items_with_titles(self, titles: list[str]) -> None:
        with self.engine.begin() as connection:
            self.items += add_items(connection, titles, f"new-{len(self.items)}")

    @rule(data=st.data(), title=st.sampled_from(TITLES))
    def change_a_title(self, data: st.DataObject, title: str) -> None:
        item_no = data.draw(st.sampled_from(self.items[-5:]))
        with self.engine.begin() as connection:
            change = text("update items set title = :title where item_no = :no")
            connection.execute(change, {"title": title, "no": item_no})

    @rule(data=st.data(), user=st.sampled_from(USERS), kind=st.sampled_from((LIKE, VIEW, DISLIKE)))
    def use(self, data: st.DataObject, user: str, kind: int) -> None:
        item_no = data.draw(st.sampled_from(self.items[-6:]))
        self.minutes += 1
        liking = event(user, item_no, minutes=self.minutes, kind_no=kind)
        with self.engine.begin() as connection:
            record(connection, [liking])
        self.event_ids.append(liking.event_id)

    @precondition(lambda self: self.event_ids)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        with self.engine.begin() as connection:
            delete(connection, data.draw(st.sampled_from(self.event_ids)))

    @rule(user=st.sampled_from(USERS))
    def forget(self, user: str) -> None:
        with self.engine.begin() as connection:
            forget(connection, user)

    # ------------------------------------------------------------ workers

    @rule()
    def embed_some(self) -> None:
        with self.engine.begin() as connection:
            self.embedder.embed_new(connection)

    @rule()
    def die_in_a_pass(self) -> None:
        with self.engine.connect() as connection:
            self.embedder.embed_new(connection)
            connection.rollback()

    @rule()
    def embed_some_in_retained_runs(self) -> None:
        with self.engine.begin() as connection:
            self.embedder.embed_retained(connection)
            remove_known_changes(connection)

    @rule()
    def embed_all(self) -> None:
        for embed in (self.embedder.embed_new, self.embedder.embed_retained):
            until_idle(self.engine, embed)
        for run_id in self.retained:
            self._check(run_id)

    # ------------------------------------------------------------ nights

    @precondition(lambda self: self.night is None)
    @rule()
    def begin_a_night(self) -> None:
        space = two_camps(self.known, seed=len(self.retained))
        self.night = write_night(self.engine, self.url, space)

    @precondition(lambda self: self.night is not None)
    @rule()
    def publish(self) -> None:
        assert self.night is not None
        run_id = publish(self.engine, self.night)
        self.retained.append(run_id)
        self.served, self.night = run_id, None
        self._check(run_id)

    @precondition(lambda self: len(self.retained) > 1)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        others = [no for no in self.retained if no != self.served]
        self.served = data.draw(st.sampled_from(others))
        roll_back(self.engine.begin, self.served, by="a test")
        self._check(self.served)

    # ------------------------------------------------------------ what must be true

    def _check(self, run_id: RunId) -> None:
        """Every item has an embedding; between nights it is the one computed afresh."""
        with self.engine.connect() as connection:
            rows = connection.execute(_PLACED, {"run_id": run_id}).all()
            made = make_cold_items(connection, run_id, [row.item_no for row in rows])
        assert {row.item_no for row in rows} <= set(self.items)
        assert len(self.items) >= KNOWN
        if made is None or made.similarity_vectors is None:
            assert not rows
            return
        columns = (
            made.vectors.vectors,
            made.vectors.context_embeddings,
            made.similarity_vectors,
        )
        for row, users, *should in zip(rows, made.users, *columns, strict=True):
            assert row.embedding is not None, "an item has no embedding"
            assert row.users == users
            for found, vector in zip(
                (row.embedding, row.context_embedding, row.similarity_embedding),
                should,
                strict=True,
            ):
                assert np.allclose(found.to_numpy(), vector, atol=1e-5), (
                    "it is not where it belongs"
                )


def test_every_item_is_where_it_belongs(engine: Engine, database_url: str) -> None:
    run_state_machine_as_test(
        lambda: AnyItemEmbedding(engine, database_url),
        settings=settings(
            max_examples=examples(10),
            stateful_step_count=20,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
