"""A big catalogue is searched through the index, which finds enough whatever is left out."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, Integer, bindparam, insert, text, update

from batch.space.index import build_index, index_recall
from domain.blend import CANDIDATES, BlendPolicy
from domain.identifiers import ItemNo, RunId, UserNo
from domain.rankings import Ranking
from serving.candidates.catalogue_items import Named, Nearest, NewItems
from serving.candidates.filters import NOT_ASKED, Filters
from serving.candidates.live_vector_inputs import ProfileReader
from serving.candidates.recommendations import Recommendations
from serving.candidates.user_state import UserState
from serving.lists.list_maker import ListMaker
from serving.lists.request import RecommendationRequest
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from serving.rules.rule_items import RuleItems
from serving.runs.live_runs import ItemIndex, LiveRun, Runs
from sql.statements import statements
from tests import tables
from tests.events import event, record
from tests.serving.conftest import CUT_OFF, Seeds

ITEMS, DIMENSIONS = 3000, 8
SCALES = {"taste_scale": 1.0, "confidence_scale": 1.0}
INDEX = ItemIndex(recall=0.99, dimensions=DIMENSIONS)


@dataclass
class Catalogue:
    run_id: RunId
    user_no: UserNo
    user_vector: NDArray[np.float32]
    item_nos: NDArray[np.int32]
    nearest: NDArray[np.int32]
    """All items, the nearest to the user first."""
    products: NDArray[np.float64]
    """Their inner products, in the order of `item_nos`."""

    def product(self, item_no: int) -> float:
        return float(self.products[np.searchsorted(self.item_nos, item_no)])

    def user(
        self, excluded: Sequence[int] = (), following: Mapping[int, float] | None = None
    ) -> UserState:
        nos = tuple(ItemNo(int(no)) for no in excluded)
        gains = following or {}
        ranking = Ranking.of(np.array(list(gains), np.int32), np.array(list(gains.values())))
        return UserState(Ranking.empty(), self.user_vector, 0, nos, following=ranking)


@pytest.fixture
def catalogue(engine: Engine, seeds: Seeds) -> Catalogue:
    """A published run with an index over 3,000 items of one norm."""
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    user_vector = chance.normal(size=DIMENSIONS).astype(np.float32)
    names = [{"item_id": f"thing-{n}", "title": f"Thing {n}"} for n in range(ITEMS)]
    with engine.begin() as connection:
        item_nos = np.sort(
            connection.execute(insert(tables.items).returning(tables.items.c.item_no), names)
            .scalars()
            .all()
        ).astype(np.int32)
    user_no = UserNo(seeds.user("ann"))
    run_id = RunId(seeds.run(users={user_no: (user_vector.tolist(), 0)}))
    rows = [
        {"run_id": run_id, "item_no": int(no), "embedding": vector, **SCALES}
        for no, vector in zip(item_nos, vectors, strict=True)
    ]
    with engine.begin() as connection:
        connection.execute(insert(tables.item_embeddings), rows)
    with engine.begin() as connection:
        build_index(connection, run_id, DIMENSIONS)
    products = vectors.astype(np.float64) @ user_vector
    nearest = item_nos[np.argsort(-products)]
    return Catalogue(run_id, user_no, user_vector, item_nos, nearest, products)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store.at(database_url, StoreLimits(background_connections=2, wait_seconds=30))
    yield store
    await store.close()


@pytest.fixture
def recommendations(store: Store) -> Recommendations:
    return Recommendations(store)


def parameters(catalogue: Catalogue, excluded: Sequence[int]) -> dict[str, object]:
    return {
        "run_id": catalogue.run_id,
        "dimensions": DIMENSIONS,
        "embedding": catalogue.user_vector,
        "excluded": list(map(int, excluded)),
        "listed_item_nos": [],
        "next_item_nos": "{}",
        "next_scores": "{}",
        "candidates": CANDIDATES,
        "with_categories": False,
        "is_filtered": False,
        **NOT_ASKED,
        "new_items": 0,
        "new_items_looked_at": 0,
        "new_item_users": 5,
        "from_users": 0,
        "start": 0.0,
    }


async def rows_by_index(
    store: Store, catalogue: Catalogue, excluded: Sequence[int], prefix: str = ""
) -> list[tuple[object, ...]]:
    statement = text(f"{prefix} {statements('serving')['load_candidates_by_index'].text}")
    statement = statement.bindparams(
        bindparam("run_id", type_=Integer, literal_execute=True),
        bindparam("dimensions", type_=Integer, literal_execute=True),
    )
    preparation = statements("index")["prepare_index_search"]
    rows = await store.prepared_rows(preparation, statement, parameters(catalogue, excluded))
    return [tuple(row) for row in rows]


async def test_the_plan_takes_the_index_with_few_and_with_many_items_left_out(
    store: Store, catalogue: Catalogue
) -> None:
    for excluded in ([], catalogue.nearest[:2700]):
        plan = "\n".join(
            str(row[0]) for row in await rows_by_index(store, catalogue, excluded, "explain")
        )
        assert f"Index Scan using item_embeddings_{catalogue.run_id}_nearest" in plan


async def test_the_index_finds_enough_where_nine_in_ten_of_the_nearest_are_seen(
    store: Store, catalogue: Catalogue
) -> None:
    chance = np.random.default_rng(1)
    near = catalogue.nearest[: CANDIDATES * 10]
    seen = chance.permutation(near)[: CANDIDATES * 9]
    (row,) = await rows_by_index(store, catalogue, seen.tolist())
    found = set(json.loads(str(row[1])))
    assert len(found) == CANDIDATES
    assert found.isdisjoint(seen.tolist())
    assert len(found & set(near.tolist())) >= 0.95 * CANDIDATES


async def test_settings_of_a_search_end_with_it(store: Store, catalogue: Catalogue) -> None:
    await rows_by_index(store, catalogue, [])
    for name, value in (("enable_sort", "on"), ("hnsw.iterative_scan", "off")):
        rows = await store.rows(text("select current_setting(:name)"), {"name": name})
        assert rows[0][0] == value


async def test_scores_and_order_are_those_of_exact_search(
    recommendations: Recommendations, catalogue: Catalogue
) -> None:
    user = catalogue.user(catalogue.nearest[:50].tolist())
    exact = (await recommendations.load_nearest(catalogue.run_id, user)).ranking
    found = (await recommendations.load_nearest(catalogue.run_id, user, index=INDEX)).ranking
    scores = dict(zip(exact.item_nos.tolist(), exact.scores.tolist(), strict=True))
    shared = found.only(exact.item_nos)
    assert len(shared) >= 0.95 * CANDIDATES
    assert shared.scores.tolist() == [scores[no] for no in shared.item_nos.tolist()]
    assert (np.diff(found.scores) <= 0).all()


async def test_what_is_not_available_is_not_found(
    recommendations: Recommendations, catalogue: Catalogue, seeds: Seeds
) -> None:
    gone = catalogue.nearest[:100].tolist()
    items = tables.items
    seeds.write(update(items).where(items.c.item_no.in_(gone)).values(available=False))
    found = await recommendations.load_nearest(catalogue.run_id, catalogue.user(), index=INDEX)
    assert len(found.ranking) == CANDIDATES
    assert set(found.ranking.item_nos.tolist()).isdisjoint(gone)


async def test_who_has_seen_nearly_everything_gets_all_the_rest(
    recommendations: Recommendations, catalogue: Catalogue
) -> None:
    user = catalogue.user(catalogue.nearest[:-30].tolist())
    found = await recommendations.load_nearest(catalogue.run_id, user, index=INDEX)
    assert set(found.ranking.item_nos.tolist()) == set(catalogue.nearest[-30:].tolist())


@pytest.mark.parametrize("index", [None, INDEX])
async def test_what_comes_next_is_found_however_far_it_is_and_its_score_is_the_sum(
    recommendations: Recommendations, catalogue: Catalogue, seeds: Seeds, index: ItemIndex | None
) -> None:
    far, gone, seen = catalogue.nearest[-3:].tolist()
    first, middle, last = catalogue.nearest[[0, 150, CANDIDATES - 1]].tolist()
    items = tables.items
    seeds.write(update(items).where(items.c.item_no == gone).values(available=False))
    user = catalogue.user([seen], {**dict.fromkeys([far, gone, seen], 9.0), middle: 0.5})
    plain = await recommendations.load_nearest(catalogue.run_id, catalogue.user([seen]))
    found = await recommendations.load_nearest(catalogue.run_id, user, index=index)
    before = dict(zip(plain.ranking.item_nos.tolist(), plain.ranking.scores.tolist(), strict=True))
    scores = dict(zip(found.ranking.item_nos.tolist(), found.ranking.scores.tolist(), strict=True))
    assert len(scores) == CANDIDATES
    assert far not in before
    assert found.ranking.item_nos[0] == far
    assert scores[far] == pytest.approx(9.0 + catalogue.product(far), abs=1e-5)
    assert scores[middle] == pytest.approx(0.5 + before[middle], abs=1e-6)
    assert scores[first] == before[first]
    assert not scores.keys() & {gone, seen, last}, "the last of the nearest has given way"
    assert scores.keys() <= {*found.near.item_nos, *found.following.item_nos}


async def test_what_comes_next_is_held_to_the_filters(
    recommendations: Recommendations, catalogue: Catalogue, seeds: Seeds
) -> None:
    inside, outside = catalogue.nearest[-2:].tolist()
    items = tables.items
    seeds.write(update(items).where(items.c.item_no == inside).values(categories=["war"]))
    user = catalogue.user(following={inside: 1.0, outside: 9.0})
    found = await recommendations.load_nearest(
        catalogue.run_id, user, index=INDEX, filters=Filters.of_category("war")
    )
    assert found.ranking.item_nos.tolist() == [inside]
    assert found.ranking.scores[0] == pytest.approx(1.0 + catalogue.product(inside), abs=1e-5)


async def test_with_what_comes_next_the_index_finds_what_exact_search_finds(
    recommendations: Recommendations, catalogue: Catalogue
) -> None:
    chance = np.random.default_rng(2)
    drawn = chance.choice(catalogue.item_nos, CANDIDATES, replace=False).tolist()
    gains = dict(zip(drawn, chance.uniform(0, 2, CANDIDATES).tolist(), strict=True))
    user = catalogue.user(catalogue.nearest[:50].tolist(), gains)
    exact = (await recommendations.load_nearest(catalogue.run_id, user)).ranking
    found = (await recommendations.load_nearest(catalogue.run_id, user, index=INDEX)).ranking
    scores = dict(zip(exact.item_nos.tolist(), exact.scores.tolist(), strict=True))
    shared = found.only(exact.item_nos)
    assert len(shared) >= 0.95 * CANDIDATES
    assert shared.scores == pytest.approx([scores[no] for no in shared.item_nos.tolist()])


class Noting(Recommendations):
    """Notes with which index it was asked."""

    asked: list[ItemIndex | None]

    async def load_nearest(
        self, run_id: RunId, user: UserState, *, index: ItemIndex | None = None, **more: Any
    ) -> Nearest:
        self.asked.append(index)
        return await super().load_nearest(run_id, user, index=index, **more)


async def test_an_index_is_used_only_if_its_recall_is_at_the_bound_or_above(
    store: Store, catalogue: Catalogue
) -> None:
    noting = Noting(store)
    noting.asked = []
    lists = ListMaker(
        noting,
        ProfileReader(store),
        RuleItems(store),
        BlendPolicy(),
        log_events=10,
        recall_bound=0.95,
        new_item_users=5,
    )
    user = SimpleNamespace(
        user_no=catalogue.user_no,
        state=partial(noting.load_user_state, catalogue.run_id, catalogue.user_no),
        state_and_nearest=partial(
            noting.load_user_state_and_nearest, catalogue.run_id, catalogue.user_no
        ),
    )
    indexes = [None, ItemIndex(0.949, DIMENSIONS), ItemIndex(0.95, DIMENSIONS)]
    made = [
        await lists.make(
            LiveRun(catalogue.run_id, CUT_OFF, index), user, RecommendationRequest(limit=10)
        )
        for index in indexes
    ]
    # Without an index what is nearest is found by the statement that reads the user.
    assert noting.asked == [None, indexes[2]]
    assert made[0].items == made[1].items
    assert {item.item_no for item in made[2].items} <= set(catalogue.nearest[:20].tolist())


@pytest.mark.parametrize("exclude_seen", [True, False])
async def test_one_statement_finds_of_a_user_what_two_find(
    engine: Engine, recommendations: Recommendations, catalogue: Catalogue, *, exclude_seen: bool
) -> None:
    run_id, user_no = catalogue.run_id, catalogue.user_no
    met = [int(no) for no in catalogue.nearest[:30:3]]
    few_users = {"run_id": run_id, "item_no": int(catalogue.nearest[500])}
    with engine.begin() as connection:
        record(connection, [event("ann", no, kind_no=1 + 6 * (no % 2)) for no in met])
        connection.execute(text("update item_embeddings set users = 9"))
        known = "update item_embeddings set users = 1 where run_id = :run_id and item_no = :item_no"
        connection.execute(text(known), few_users)
        listed = [int(no) for no in catalogue.nearest[5:1000:9]]
        row = {"item_nos": listed, "scores": [1.0] * len(listed)}
        connection.execute(
            insert(tables.batch_recommendations), {"run_id": run_id, "user_no": user_no, **row}
        )
    new = NewItems(count=5, fewer_users_than=3, from_users=1, start=0.4)
    user = await recommendations.load_user_state(run_id, user_no, exclude_seen=exclude_seen)
    two = await recommendations.load_nearest(
        run_id, user, listed=user.batch.item_nos.tolist(), new=new, with_categories=True
    )
    both = await recommendations.load_user_state_and_nearest(
        run_id, user_no, exclude_seen=exclude_seen, new=new, with_categories=True
    )
    found = both.nearest
    assert found is not None
    assert (both.exclusions, both.excluded) == (user.exclusions, user.excluded)
    assert both.batch.item_nos.tolist() == user.batch.item_nos.tolist()
    assert found.ranking.item_nos.tolist() == two.ranking.item_nos.tolist()
    assert found.ranking.scores.tolist() == two.ranking.scores.tolist()
    assert found.new == two.new
    assert found.new.item_nos == [few_users["item_no"]]
    eligible = {*two.near.item_nos, *two.listed.item_nos, *two.new.item_nos}
    assert {*found.listed.item_nos} == eligible
    assert eligible.isdisjoint(no for no in met if exclude_seen or no % 2)
    names = Named([two.near, two.listed, two.new])
    assert all(Named([found.listed])[no] == names[no] for no in eligible)


async def test_the_live_run_reports_its_index(
    store: Store, catalogue: Catalogue, seeds: Seeds
) -> None:
    runs, table = Runs(store), tables.model_runs
    space = {"live_vector": {"taste_dimensions": 4, "sequence_dimensions": 2}}
    for metrics, expected in (
        ({"index": "exact"}, None),
        ({"index": "hnsw", "index_recall@100": 0.97}, ItemIndex(0.97, DIMENSIONS)),
    ):
        seeds.write(update(table).values(metrics=metrics, parameters=space))
        live = await runs.find_live_run()
        assert live is not None
        assert (live.run_id, live.index) == (catalogue.run_id, expected)


def test_the_recall_that_is_measured_is_against_the_exact_answer(
    engine: Engine, catalogue: Catalogue
) -> None:
    with engine.connect() as connection:
        assert 0.95 <= index_recall(connection, catalogue.run_id, DIMENSIONS, sample=1) <= 1.0
        connection.rollback()
        statement = statements("batch")["find_nearest_items"]
        asked = {"run_id": catalogue.run_id, "of": catalogue.user_no, "items": 100}
        found = list(connection.execute(statement, asked).scalars())
    assert found == catalogue.nearest[:100].tolist()
