"""Lists ranked in memory are those that PostgreSQL finds, whatever has changed since."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, TextClause, insert, text
from structlog.testing import capture_logs

from domain.errors import StoreUnavailableError
from domain.identifiers import RunId, UserNo
from serving.candidates import item_memory, kept_items
from serving.candidates.catalogue_items import CatalogueItem, Named, Nearest, NewItems
from serving.candidates.item_memory import ItemMemory
from serving.candidates.recommendations import Recommendations
from serving.candidates.user_state import UserState
from serving.lists.reranking import EmbeddingCache
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from serving.runtime.faults import RunGoneError
from sql.statements import statements
from tests import tables
from tests.events import event, record
from tests.serving.conftest import Seeds

ITEMS, DIMENSIONS, USERS = 450, 6, 3
NEW = NewItems(count=6, fewer_users_than=3, from_users=1, start=0.4)


class Counting(Store):
    """Counts the statements by their names."""

    sent: Counter[str]
    last: tuple[str, dict[str, Any]]
    """The name of the last one, and its parameters."""
    failing: str = ""
    """What cannot be asked just now."""

    async def rows(
        self, statement: TextClause, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        name = str(statement.get_execution_options()["statement_name"])
        self.sent[name] += 1
        self.last = name, dict(parameters or {})
        if name == self.failing:
            raise StoreUnavailableError
        return await super().rows(statement, parameters)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Counting]:
    store = Counting.at(database_url, StoreLimits(background_connections=3, wait_seconds=60))
    assert isinstance(store, Counting)
    store.sent = Counter()
    yield store
    await store.close()


@dataclass
class Shop:
    """A catalogue, and runs over it, in which somebody else changes things."""

    engine: Engine
    seeds: Seeds
    random: Random
    user_nos: list[UserNo]
    item_nos: list[int]
    served: RunId | None = None
    runs: list[RunId] = field(default_factory=list)

    def write(self, statement: str, **parameters: Any) -> Any:
        with self.engine.begin() as connection:
            return connection.execute(text(statement), parameters)

    def vector(self) -> NDArray[np.float32]:
        """Whole numbers: whoever adds up their products gets the same, and many are equal."""
        numbers = [self.random.randint(-2, 2) for _ in range(DIMENSIONS)]
        return np.array(numbers, dtype=np.float32)

    def any_item(self) -> int:
        return self.random.choice(self.item_nos)

    def publish(self) -> None:
        lists = {
            no: [(item_no, float(-rank)) for rank, item_no in enumerate(self.drawn(220))]
            for no in self.user_nos
        }
        vectors = {no: self.vector().tolist() for no in self.item_nos if self.random.random() < 0.9}
        users = {no: (self.vector().tolist(), 0) for no in self.user_nos[:-1]}
        self.served = RunId(self.seeds.run(batch=lists, vectors=vectors, users=users))
        self.write(
            "update item_embeddings set users = item_no % 5 where run_id = :run", run=self.served
        )
        self.runs.append(self.served)

    def drawn(self, count: int) -> list[int]:
        return self.random.sample(self.item_nos, count)

    # ---------------------------------------------------------------- what happens

    def withdraw(self) -> None:
        self.write(
            "update items set available = not available, deleted_at = null where item_no = :no",
            no=self.any_item(),
        )

    def rename(self) -> None:
        self.write(
            "update items set title = title || '!', categories = array['war'] where item_no = :no",
            no=self.any_item(),
        )

    def hide_for_now(self) -> None:
        attributes = self.random.choice(
            [
                '{"publish_at": "2999-01-01T00:00:00Z"}',
                '{"expire_at": "2001-01-01T00:00:00Z"}',
                "{}",
            ]
        )
        self.write(
            "update items set attributes = cast(:attributes as jsonb) where item_no = :no",
            attributes=attributes,
            no=self.any_item(),
        )

    def delete(self) -> None:
        self.write(
            "update items set available = false, deleted_at = now() where item_no = :no",
            no=self.any_item(),
        )

    def add(self) -> None:
        title = f"Added {self.random.random()}"
        with self.engine.begin() as connection:
            added = {"item_id": title, "title": title}
            self.item_nos.append(
                connection.execute(
                    insert(tables.items).values(added).returning(tables.items.c.item_no)
                ).scalar_one()
            )

    def embed(self) -> None:
        """As `store_cold_items` does, in whichever run that is there."""
        item_no = self.random.choice([*self.item_nos[-5:], self.any_item()])
        self.write(
            "insert into item_embeddings as made (run_id, item_no, embedding, taste_scale,"
            " confidence_scale, users, embedded_at) values (:run, :no, :vector, 1, 1, 1, now())"
            " on conflict (run_id, item_no) do update set embedding = excluded.embedding,"
            " users = 1, embedded_at = now() where made.embedded_at is not null or made.users = 0",
            run=self.random.choice(self.runs[-2:]),
            no=item_no,
            vector=self.vector(),
        )

    def use(self) -> None:
        user = self.random.randrange(USERS)
        with self.engine.begin() as connection:
            events = [
                event(f"user-{user}", no, kind_no=self.random.choice([1, 7]))
                for no in self.drawn(3)
            ]
            record(connection, events)

    def fold(self) -> None:
        following = self.drawn(40)
        self.write(
            "update user_embeddings set embedding = :vector, next_item_nos = :nos,"
            " next_scores = array_fill(cast(1.5 as real), array[40]) where user_no = :user",
            vector=self.vector(),
            nos=following,
            user=self.random.choice(self.user_nos),
        )

    def change_many(self) -> None:
        self.write("update items set title = title || '?' where item_no % 2 = 0")

    def switch(self) -> None:
        if len(self.runs) > 1 and self.random.random() < 0.5:
            self.served = self.runs[-2] if self.served == self.runs[-1] else self.runs[-1]
            self.seeds.promote(self.served)
        else:
            self.publish()


@pytest.fixture
def shop(engine: Engine, seeds: Seeds, request: pytest.FixtureRequest) -> Shop:
    names = [{"item_id": f"thing-{n}", "title": f"Thing {n}"} for n in range(ITEMS)]
    with engine.begin() as connection:
        rows = connection.execute(insert(tables.items).returning(tables.items.c.item_no), names)
        item_nos = sorted(rows.scalars().all())
    user_nos = [UserNo(seeds.user(f"user-{n}")) for n in range(USERS)]
    made = Shop(engine, seeds, Random(getattr(request, "param", 0)), user_nos, item_nos)
    made.publish()
    return made


@pytest.fixture
def memory(store: Counting, shop: Shop) -> ItemMemory:
    return ItemMemory(
        store, lambda: shop.served, again_seconds=0, again_soon_seconds=0, longest_seconds=60
    )


@dataclass
class Clock:
    """What the memory takes for the time, in seconds."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(item_memory, "time", clock)
    return clock


async def read(memory: ItemMemory, shop: Shop) -> None:
    assert memory.of(served(shop)) is None
    await memory.settle()
    assert memory.of(served(shop)) is not None


def served(shop: Shop) -> RunId:
    assert shop.served is not None
    return shop.served


async def assert_same_lists(
    first: Recommendations, other: Recommendations, run_id: RunId, user_nos: Sequence[UserNo]
) -> None:
    for user_no in user_nos:
        for ask in (at_once, after_the_user):
            expected, found = [await ask(each, run_id, user_no) for each in (first, other)]
            assert (expected.excluded, expected.batch.item_nos.tolist()) == (
                found.excluded,
                found.batch.item_nos.tolist(),
            )
            wanted, nearest = expected.nearest, found.nearest
            assert (wanted is None) == (nearest is None)
            if wanted is None or nearest is None:
                continue
            assert nearest.ranking.item_nos.tolist() == wanted.ranking.item_nos.tolist()
            assert nearest.ranking.scores.tolist() == wanted.ranking.scores.tolist()
            assert nearest.new == wanted.new
            names, found_names = named(wanted), named(nearest, expected.batch.item_nos.tolist())
            assert names.keys() - {*wanted.new.item_nos} <= found_names.keys() <= names.keys()
            assert all(names[no] == item for no, item in found_names.items())


async def assert_same_vectors(
    by_postgres: Recommendations, in_memory: Recommendations, run_id: RunId, items: Sequence[int]
) -> None:
    """Of what lists are made diverse by; the list before has told the memory what is outdated."""
    item_nos = np.array(items)
    expected = await by_postgres.load_taste_and_sequence(run_id, item_nos)
    found = await EmbeddingCache(in_memory).load(run_id, item_nos)
    assert found.tolist() == expected.tolist()


def named(nearest: Nearest, listed: Sequence[int] = ()) -> dict[int, CatalogueItem]:
    """What was found, and of what is listed what may be shown.

    Of the state that PostgreSQL reads at once, new items are among the others too.
    """
    columns = (nearest.near, nearest.following, nearest.listed)
    items = Named(columns, nearest.eligible)
    found = [no for each in columns for no in each.item_nos]
    if nearest.eligible is not None:
        found += [no for no in (*nearest.ranking.item_nos.tolist(), *listed) if no in items]
        assert all(nearest.eligible.among(nearest.ranking.item_nos))
    return {no: items[no] for no in found}


async def at_once(each: Recommendations, run_id: RunId, user_no: UserNo) -> UserState:
    return await each.load_user_state_and_nearest(
        run_id, user_no, exclude_seen=True, new=NEW, with_categories=True
    )


async def after_the_user(each: Recommendations, run_id: RunId, user_no: UserNo) -> UserState:
    user = await each.load_user_state(run_id, user_no, exclude_seen=False)
    if user.embedding is None:
        return user
    listed = user.batch.item_nos.tolist()
    found = await each.load_nearest(run_id, user, listed=listed, new=NEW)
    return replace(user, nearest=found)


@pytest.mark.parametrize("shop", range(3), indirect=True)
async def test_whatever_happens_lists_are_those_that_postgres_finds(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    by_postgres, in_memory = Recommendations(store), Recommendations(store, memory=memory)
    happening = [
        shop.withdraw, shop.rename, shop.hide_for_now, shop.delete, shop.add,
        shop.embed, shop.embed, shop.use, shop.fold, shop.fold, shop.switch, shop.change_many,
    ]  # fmt: skip
    await read(memory, shop)
    for _ in range(40):
        for happen in shop.random.choices(happening, k=shop.random.randint(1, 3)):
            happen()
        if shop.random.random() < 0.5:
            # What is being read may be older than what happens next.
            await memory.settle()
        await assert_same_lists(by_postgres, in_memory, served(shop), shop.user_nos)
        await assert_same_vectors(by_postgres, in_memory, served(shop), shop.item_nos)
    await memory.settle()
    ranked = store.sent["load_user_state_beside_memory"] + store.sent["load_beside_memory"]
    assert ranked > 50


@pytest.mark.parametrize("shown", [False, True])
async def test_an_item_comes_and_goes_at_its_moment(
    store: Counting, shop: Shop, memory: ItemMemory, *, shown: bool
) -> None:
    in_memory, user_no = Recommendations(store, memory=memory), shop.user_nos[0]
    state = await at_once(in_memory, served(shop), user_no)
    assert state.nearest is not None
    item_no = int(state.nearest.ranking.item_nos[0])
    name = "publish_at" if shown else "expire_at"
    shop.write(
        "update items set attributes = jsonb_build_object(cast(:name as text), to_char("
        "clock_timestamp() at time zone 'UTC' + interval '3 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))"
        " where item_no = :no",
        name=name,
        no=item_no,
    )
    await memory.settle()
    await read_again(memory, shop)

    async def is_listed() -> bool:
        found = (await at_once(in_memory, served(shop), user_no)).nearest
        assert found is not None
        return item_no in found.ranking.item_nos.tolist()

    assert await is_listed() is not shown
    assert store.sent["load_user_state_beside_memory"], "it is ranked in memory"
    shop.write("select pg_sleep_until((select greatest(publish_at, expire_at) from items"
               " where item_no = :no))", no=item_no)  # fmt: skip
    assert await is_listed() is shown


async def read_again(memory: ItemMemory, shop: Shop) -> None:
    """As if the process had just begun."""
    run_id, memory.served = served(shop), lambda: None
    memory.of(RunId(0))
    memory.served = lambda: RunId(0)
    memory.of(RunId(0))
    await memory.settle()
    memory.served = lambda: run_id
    await read(memory, shop)


async def test_items_of_a_load_that_was_taken_back_are_in_no_list_and_change_nothing_else(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    in_memory, user_no = Recommendations(store, memory=memory), shop.user_nos[0]
    await read(memory, shop)
    before = (await at_once(in_memory, served(shop), user_no)).nearest
    assert before is not None
    gone, embedded = before.ranking.item_nos[:2].tolist()
    shop.write("update item_embeddings set embedded_at = now() where item_no = :no", no=embedded)
    # As `undo_load` does, which leaves their vectors.
    shop.write(
        "delete from items where item_no in (:gone, :embedded)", gone=gone, embedded=embedded
    )
    for again in (False, True):
        if again:
            await read_again(memory, shop)
        found = (await at_once(in_memory, served(shop), user_no)).nearest
        assert found is not None
        assert found.ranking.item_nos[:198].tolist() == before.ranking.item_nos[2:].tolist()
        assert len(found.ranking) == 200
        assert not {gone, embedded} & {*found.near.item_nos}
    assert store.sent["load_user_state_and_candidates"] == 0


async def test_equal_vectors_have_equal_scores_wherever_they_stand(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    numbers = np.random.default_rng(3)
    distinct = numbers.normal(size=(40, 97)).astype(np.float32)
    for place, item_no in enumerate(shop.item_nos):
        shop.write(
            "update item_embeddings set embedding = :vector where item_no = :no",
            vector=distinct[place % 40],
            no=item_no,
        )
    shop.write("update user_embeddings set embedding = :vector", vector=distinct[0] + distinct[7])
    await read(memory, shop)
    by_postgres, in_memory = Recommendations(store), Recommendations(store, memory=memory)
    expected, found = [
        (await at_once(each, served(shop), shop.user_nos[0])).nearest
        for each in (by_postgres, in_memory)
    ]
    assert expected is not None
    assert found is not None
    assert found.ranking.item_nos.tolist() == expected.ranking.item_nos.tolist()
    assert found.ranking.scores == pytest.approx(expected.ranking.scores, abs=1e-5)
    assert len({*found.ranking.scores.tolist()}) <= 40


async def test_many_who_ask_at_once_read_it_once_and_do_not_wait(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    in_memory = Recommendations(store, memory=memory)
    asked = (at_once(in_memory, served(shop), no) for no in shop.user_nos * 4)
    assert all(state.nearest for state in await asyncio.gather(*asked))
    await memory.settle()
    assert store.sent["load_kept_vectors"] == 1
    before = store.sent["load_user_state_and_candidates"]
    await at_once(in_memory, served(shop), shop.user_nos[0])
    assert store.sent["load_user_state_and_candidates"] == before


async def test_another_run_is_read_when_it_is_served_and_the_one_before_is_let_go(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    first = served(shop)
    await read(memory, shop)
    kept = memory.of(first)
    assert kept is not None
    second = RunId(first + 1)
    assert memory.of(second) is None
    assert memory.of(first) is kept, "a run that is not served changes nothing"
    shop.publish()
    await read(memory, shop)
    assert memory.of(first) is None
    assert store.sent["load_kept_vectors"] == 2


async def test_what_cannot_be_read_is_read_ever_less_often_and_reported_once(
    store: Counting, shop: Shop, clock: Clock
) -> None:
    memory = ItemMemory(store, lambda: shop.served, longest_seconds=60)
    store.failing = "event_horizon"
    tried = []
    with capture_logs() as logs:
        for second in range(190):
            clock.now, before = float(second), store.sent["event_horizon"]
            memory.of(served(shop))
            await memory.settle()
            tried += [second] * (store.sent["event_horizon"] - before)
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert [each["event"] for each in logs] == ["items_not_kept"]
    store.failing, clock.now = "", 243.0
    await read(memory, shop)


async def test_what_changes_all_the_time_is_read_ever_less_often_and_not_asked_meanwhile(
    store: Counting, shop: Shop, clock: Clock
) -> None:
    memory = ItemMemory(store, lambda: shop.served, longest_seconds=60)
    in_memory = Recommendations(store, memory=memory)
    sent: dict[str, list[int]] = {"load_user_state_beside_memory": [], "load_kept_catalogue": []}
    for second in range(34):
        clock.now, before = float(second), store.sent.copy()
        shop.change_many()
        await at_once(in_memory, served(shop), shop.user_nos[0])
        await memory.settle()
        for name in sent:
            sent[name] += [second] * (store.sent[name] - before[name])
    assert sent["load_kept_catalogue"] == [0, 1, 3, 7, 15, 31]
    assert sent["load_user_state_beside_memory"] == [1, 2, 4, 8, 16, 32]
    clock.now = 62.0
    assert memory.of(served(shop)) is None
    await memory.settle()
    await at_once(in_memory, served(shop), shop.user_nos[0])
    assert memory.of(served(shop)) is not None


@pytest.mark.parametrize("too_many", [False, True])
async def test_with_too_many_items_embedded_since_the_night_postgres_searches(
    store: Counting,
    shop: Shop,
    memory: ItemMemory,
    monkeypatch: pytest.MonkeyPatch,
    *,
    too_many: bool,
) -> None:
    shop.write("update item_embeddings set embedded_at = now() where item_no % 3 = 0")
    count = shop.write("select count(*) from item_embeddings where embedded_at is not null")
    monkeypatch.setattr(kept_items, "MOST_EMBEDDED", count.scalar_one() - too_many)
    in_memory = Recommendations(store, memory=memory)
    await read(memory, shop)
    found = await at_once(in_memory, served(shop), shop.user_nos[0])
    assert store.sent["load_user_state_and_candidates"] == too_many
    await memory.settle()
    expected = await at_once(Recommendations(store), served(shop), shop.user_nos[0])
    assert found.nearest is not None
    assert expected.nearest is not None
    assert found.nearest.ranking.item_nos.tolist() == expected.nearest.ranking.item_nos.tolist()


async def test_after_many_changes_of_attributes_what_else_changed_is_found_by_an_index(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    await read(memory, shop)
    in_memory = Recommendations(store, memory=memory)
    await at_once(in_memory, served(shop), shop.user_nos[0])
    name, parameters = store.last
    assert name == "load_user_state_beside_memory"
    shop.write(
        "insert into catalogue_changes (position, item_no, change)"
        " select :position + n, 1, 'attributes' from generate_series(1, 20000) as n",
        position=parameters["kept_position"],
    )
    shop.write("analyze catalogue_changes")
    code = statements("serving")[name].text
    plan = shop.write(f"explain (analyze, format json) {code}", **parameters).scalar_one()
    scans = [node for node in nodes_of(plan[0]["Plan"]) if reads_changes(node)]
    assert scans
    assert all(node.get("Rows Removed by Filter", 0) < 1000 for node in scans)


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


def reads_changes(node: Mapping[str, Any]) -> bool:
    return node.get("Relation Name") == "catalogue_changes"


async def test_an_item_that_is_committed_after_a_later_one_is_found(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    drawn = shop.write("select nextval(pg_get_serial_sequence('items', 'item_no'))")
    late = drawn.scalar_one()
    shop.add()
    await read(memory, shop)
    shop.write(
        "insert into items (item_no, item_id, title) overriding system value"
        " values (:no, 'late', 'Late')",
        no=late,
    )
    by_postgres, in_memory = Recommendations(store), Recommendations(store, memory=memory)
    user = await by_postgres.load_user_state(served(shop), shop.user_nos[0], exclude_seen=True)

    async def found(each: Recommendations) -> bool:
        nearest = await each.load_nearest(served(shop), user, listed=[late])
        return late in named(nearest, [late])

    assert await found(by_postgres)
    assert await found(in_memory)
    await memory.settle()
    before = store.sent["load_candidates"]
    assert await found(in_memory)
    assert store.sent["load_candidates"] == before, "by then it is known"


async def test_vectors_are_read_of_items_that_are_there_and_never_too_many(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    shop.write("delete from items where item_no = any(:nos)", nos=shop.item_nos[:100])
    await read(memory, shop)
    kept = memory.of(served(shop))
    assert kept is not None
    assert {*kept.item_nos.tolist()} <= {*shop.item_nos[100:]}
    for most, answered in ((len(kept.item_nos), 1), (len(kept.item_nos) - 1, 0)):
        parameters = {"run_id": served(shop), "most": most}
        rows = await store.rows(statements("candidates")["load_kept_vectors"], parameters)
        assert len(rows) == answered


@pytest.mark.parametrize("most", [ITEMS + 29, ITEMS + 30])
async def test_of_more_items_than_may_be_kept_none_is(
    store: Counting, shop: Shop, most: int
) -> None:
    memory = ItemMemory(store, lambda: shop.served, most=most)
    for _ in range(3):
        memory.of(served(shop))
        await memory.settle()
    assert (memory.of(served(shop)) is None) == (most < ITEMS + 30)
    assert store.sent["load_kept_catalogue"] == 1


async def test_what_cannot_be_read_is_read_later(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    in_memory = Recommendations(store, memory=memory)
    for failing in ("event_horizon", "load_kept_catalogue", "load_kept_vectors"):
        store.failing = failing
        assert (await at_once(in_memory, served(shop), shop.user_nos[0])).nearest is not None
        await memory.settle()
        assert memory.of(served(shop)) is None
        await memory.settle()
    store.failing = ""
    await read(memory, shop)


async def test_a_run_that_was_dropped_is_gone(
    store: Counting, shop: Shop, memory: ItemMemory
) -> None:
    in_memory, run_id = Recommendations(store, memory=memory), served(shop)
    await read(memory, shop)
    user = await in_memory.load_user_state(run_id, shop.user_nos[0], exclude_seen=True)
    with shop.engine.begin() as connection:
        connection.execute(text("delete from live_run"))
        connection.execute(text("select drop_run_partitions(:run)"), {"run": run_id})
    assert memory.of(run_id) is not None, "the process has not noticed"
    with pytest.raises(RunGoneError):
        await at_once(in_memory, run_id, shop.user_nos[0])
    with pytest.raises(RunGoneError):
        await in_memory.load_nearest(run_id, user)
