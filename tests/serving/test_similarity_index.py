"""A big catalogue: similar items come from the index, words typed wrong from keys they share."""

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, Integer, bindparam, insert, text

from batch.space.index import SIMILARITY_EMBEDDINGS, build_index
from domain.identifiers import ItemNo, RunId
from serving.candidates.filters import Filters
from serving.postgres.limits import StoreLimits
from serving.postgres.store import Store
from serving.runs.live_runs import ItemIndex, Runs
from serving.runtime.faults import RunGoneError
from serving.search.query_analysis import edit_distance, max_edits
from serving.similar.similar_items import ItemFilters, SimilarItems
from sql.engine import make_engine
from sql.statements import statements
from stack.local.servers.postgres import PostgresServer
from tests import tables
from tests.conftest import cloned_database
from tests.serving.conftest import Seeds

ITEMS, DIMENSIONS = 3000, 8
INDEX = ItemIndex(recall=0.99, dimensions=DIMENSIONS)
EVERYTHING = ItemFilters()


@dataclass
class Catalogue:
    run_id: RunId
    similarity_embedding: NDArray[np.float32]
    nearest: list[ItemNo]
    """All items, the most similar first."""


@pytest.fixture
def film_nos() -> list[int]:
    """No other items than those of this catalogue."""
    return []


@pytest.fixture(scope="module")
def catalogue_template(postgres: PostgresServer) -> Iterator[tuple[str, Catalogue]]:
    """A database with the catalogue, to be cloned; what is in it."""
    with cloned_database(postgres) as name:
        engine = make_engine(postgres.url(name))
        catalogue = build_catalogue(engine)
        engine.dispose()
        yield name, catalogue


@pytest.fixture
def database_name(
    postgres: PostgresServer, catalogue_template: tuple[str, Catalogue]
) -> Iterator[str]:
    """A database with the catalogue."""
    with cloned_database(postgres, catalogue_template[0]) as name:
        yield name


@pytest.fixture
def catalogue(catalogue_template: tuple[str, Catalogue]) -> Catalogue:
    return catalogue_template[1]


def build_catalogue(engine: Engine) -> Catalogue:
    chance = np.random.default_rng(0)
    similarity_embeddings = chance.normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)
    similarity_embeddings /= np.linalg.norm(similarity_embeddings, axis=1, keepdims=True)
    names = [
        {"item_id": f"thing-{n}", "title": f"Thing {n}", "categories": [f"c{n % 100}"]}
        for n in range(ITEMS)
    ]
    run_id = RunId(Seeds(engine, []).run())
    with engine.begin() as connection:
        made = insert(tables.items).returning(tables.items.c.item_no)
        item_nos = np.sort(connection.execute(made, names).scalars().all())
        rows = [
            {"run_id": run_id, "item_no": int(no), "similarity_embedding": similarity_embedding}
            for no, similarity_embedding in zip(item_nos, similarity_embeddings, strict=True)
        ]
        connection.execute(insert(tables.item_similarity_embeddings), rows)
    with engine.begin() as connection:
        build_index(connection, run_id, DIMENSIONS, SIMILARITY_EMBEDDINGS)
    asked = chance.normal(size=DIMENSIONS).astype(np.float32)
    order = np.argsort(-(similarity_embeddings.astype(np.float64) @ asked))
    return Catalogue(run_id, asked, [ItemNo(int(no)) for no in item_nos[order]])


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store.at(database_url, StoreLimits(background_connections=2, wait_seconds=30))
    yield store
    await store.close()


async def nearest(
    store: Store,
    catalogue: Catalogue,
    items: int,
    *,
    excluded: list[ItemNo] | None = None,
    filters: ItemFilters = EVERYTHING,
    index: ItemIndex | None = INDEX,
) -> list[ItemNo]:
    found = await SimilarItems(store).load_nearest(
        catalogue.run_id,
        catalogue.similarity_embedding,
        excluded or [],
        filters,
        items=items,
        index=index,
    )
    return [item.item_no for item in found]


async def test_the_plan_takes_the_index(store: Store, catalogue: Catalogue) -> None:
    statement = text(f"explain {statements('similar')['load_nearest_by_index'].text}").bindparams(
        bindparam("run_id", type_=Integer, literal_execute=True),
        bindparam("dimensions", type_=Integer, literal_execute=True),
    )
    parameters = {
        "run_id": catalogue.run_id,
        "dimensions": DIMENSIONS,
        "similarity_embedding": catalogue.similarity_embedding,
        "items": 20,
        "nearest": 20,
        "unwanted_among": None,
        **EVERYTHING.parameters(catalogue.nearest[:2000]),
    }
    preparation = statements("index")["prepare_index_search"]
    rows = await store.prepared_rows(preparation, statement, parameters)
    plan = "\n".join(str(row[0]) for row in rows)
    assert f"Index Scan using item_similarity_embeddings_{catalogue.run_id}_nearest" in plan


async def test_the_index_finds_nearly_what_comparing_with_every_item_does(
    store: Store, catalogue: Catalogue
) -> None:
    exact = await nearest(store, catalogue, 100, index=None)
    assert exact == catalogue.nearest[:100]
    assert len(set(exact) & set(await nearest(store, catalogue, 100))) >= 95


async def test_the_list_is_full_however_much_is_left_out(
    store: Store, catalogue: Catalogue
) -> None:
    left = await nearest(store, catalogue, 20, excluded=catalogue.nearest[:2990])
    assert left == catalogue.nearest[2990:]
    rare = ItemFilters(Filters.of(["c7"], []))
    assert len(await nearest(store, catalogue, 100, filters=rare)) == ITEMS // 100


@pytest.mark.parametrize("index", [INDEX, None])
async def test_what_hardly_any_item_lacks_is_looked_for_among_the_nearest_only(
    store: Store, catalogue: Catalogue, engine: Engine, index: ItemIndex | None
) -> None:
    others = [catalogue.nearest[rank] for rank in (3, 500, 2500)]
    with engine.begin() as connection:
        connection.execute(
            text("update items set title = 'Other' where item_no = any(:others)"),
            {"others": others},
        )
    unwanted = ItemFilters(unwanted="'thing'")
    assert await nearest(store, catalogue, 20, filters=unwanted, index=index) == others
    common = replace(unwanted, unwanted_is_common=True)
    assert await nearest(store, catalogue, 20, filters=common, index=index) == others[:2]
    assert await nearest(store, catalogue, 1, filters=common, index=index) == others[:1]


async def test_a_run_that_was_dropped_is_reported_whatever_is_unwanted(
    store: Store, catalogue: Catalogue, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("delete from item_similarity_embeddings"))
    common = ItemFilters(unwanted="'thing'", unwanted_is_common=True)
    assert await nearest(store, catalogue, 20, filters=common) == []
    gone = replace(catalogue, run_id=RunId(catalogue.run_id + 1))
    with pytest.raises(RunGoneError):
        await nearest(store, gone, 20, filters=common)


async def test_a_run_reports_its_index(store: Store, catalogue: Catalogue, engine: Engine) -> None:
    live = await Runs(store).find_live_run()
    assert live is not None
    assert live.similarity_index is None
    with engine.begin() as connection:
        connection.execute(
            text(
                """update model_runs set metrics = '{"similarity_recall@100": 0.98}', parameters =
                '{"live_vector": {"taste_dimensions": 2, "sequence_dimensions": 2}}'"""
            )
        )
    live = await Runs(store).find_live_run()
    assert live is not None
    assert live.similarity_index == ItemIndex(0.98, DIMENSIONS)


async def test_a_dropped_run_is_told_from_one_without_similarity_embeddings(
    store: Store, catalogue: Catalogue, engine: Engine, seeds: Seeds
) -> None:
    seeds.run()
    with engine.begin() as connection:
        connection.execute(text("select drop_run_partitions(:run)"), {"run": catalogue.run_id})
    with pytest.raises(RunGoneError):
        await nearest(store, catalogue, 5, index=None)


def test_words_that_are_nearly_the_same_share_a_key(engine: Engine) -> None:
    """Any word, and the same with as many edits as are tolerated."""
    chance = random.Random(0)
    pairs = [(word, _mistyped(chance, word)) for word in _words(chance, 3000)]
    pairs = [(a, b) for a, b in pairs if edit_distance(a, b) <= max_edits(a, b)]
    assert len(pairs) > 1500
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                "select word, typed from unnest(cast(:words as text[]), cast(:typed as text[]))"
                " as pair (word, typed) where not typing_keys(word) && typing_keys(typed)"
            ),
            {"words": [a for a, _ in pairs], "typed": [b for _, b in pairs]},
        ).all()
        counted = connection.execute(
            text("select w, max_edits(w) as edits from unnest(cast(:words as text[])) as w"),
            {"words": [a for a, _ in pairs]},
        ).all()
    assert rows == []
    assert all(row.edits == max_edits(row.w, row.w) for row in counted)


def _words(chance: random.Random, count: int) -> list[str]:
    return ["".join(chance.choices("aeinorst", k=chance.randint(4, 14))) for _ in range(count)]


def _mistyped(chance: random.Random, word: str) -> str:
    for _ in range(max_edits(word, word)):
        index = chance.randrange(len(word))
        letter = chance.choice("aeinorst")
        word = chance.choice(
            [
                word[:index] + letter + word[index:],
                word[:index] + word[index + 1 :],
                word[:index] + letter + word[index + 1 :],
                word[:index] + word[index : index + 2][::-1] + word[index + 2 :],
            ]
        )
    return word
