"""The words of the catalogue: SQL and the nightly run see the same terms and add up the same."""

import json
from typing import Any

import numpy as np
import pytest
from pgvector import Vector
from scipy.sparse import csr_matrix
from sqlalchemy import Engine, insert, text

from batch.bulk import bulk_connection
from batch.content.catalogue_words import (
    CatalogueWords,
    load_item_terms,
    store_words,
    use_language,
    words_of_terms,
)
from batch.content.cold_items import SpaceWords
from batch.history.matrix import InteractionMatrix
from batch.parameters import LiveWeights, SpaceParameters, WordParameters
from batch.space.composing import ItemComponents, ItemSpace, item_space
from batch.space.embeddings import store_space
from batch.space.sequence import SequenceVectors
from domain.identifiers import ItemNo, RunId
from sql import partitions
from sql.cold_items import make_cold_items
from sql.statements import statements
from tests import tables

GENRES = ("Drama", "Science Fiction", "Comédie", "Western")
KNOWN = 60
NEW = 6


SUMS = text(
    "select said.embedding from items, sums_of_words(:run_id, array(select term from"
    " terms_of(words)), array(select weight from terms_of(words))) as said order by item_no"
)


@pytest.fixture
def item_nos(engine: Engine) -> list[int]:
    """Sixty known items and six new ones, all with words."""
    rows = [
        {
            "item_id": f"film-{no}",
            "title": f"It happened {no % 7} times (19{50 + no % 40})",
            "categories": [GENRES[no % 4]],
            "description": "A dog and another dog. " * (no % 3),
            "attributes": {"tags": [f"tag {no % 5}"], "year": 1950 + no % 40},
        }
        for no in range(KNOWN + NEW)
    ]
    with engine.begin() as connection:
        statement = insert(tables.items).returning(tables.items.c.item_no)
        return sorted(connection.execute(statement, rows).scalars())


@pytest.fixture(params=[4, 0], ids=["with sequence", "without sequence"])
def space(item_nos: list[int], request: pytest.FixtureRequest) -> ItemSpace:
    random = np.random.default_rng(3)
    context_embeddings, item_embeddings = random.normal(size=(2, KNOWN, request.param)).astype(
        np.float32
    )
    if request.param:
        context_embeddings /= np.linalg.norm(context_embeddings, axis=1, keepdims=True)
    components = ItemComponents(
        item_nos=np.array(item_nos[:KNOWN], dtype=np.int32),
        factors=random.normal(size=(KNOWN, 4)).astype(np.float32),
        degrees=np.ones(KNOWN),
        sequence=SequenceVectors(context_embeddings, item_embeddings),
        trends=np.full((3, KNOWN), 0.25),
    )
    return item_space(components, SpaceParameters(factors=4), LiveWeights())


@pytest.fixture
def matrix(space: ItemSpace) -> InteractionMatrix:
    ones = csr_matrix(np.ones((1, KNOWN), dtype=np.float32))
    return InteractionMatrix(np.array([1], dtype=np.int32), space.items.item_nos, ones, ones)


@pytest.fixture
def night(
    engine: Engine, database_url: str, space: ItemSpace, matrix: InteractionMatrix
) -> tuple[RunId, CatalogueWords]:
    """A run that has learned and stored its words."""
    with engine.begin() as connection:
        run_id = _begin_run(connection)
        partitions.create_partitions(connection, run_id)
    with bulk_connection(database_url) as bulk, engine.begin() as connection:
        words = words_of_terms(load_item_terms(bulk), space, matrix, WordParameters())
        store_words(bulk, connection, run_id, words.learned)
        store_space(connection, run_id, words.space)
    return run_id, words


def _begin_run(connection: Any) -> RunId:
    statement = insert(tables.model_runs).values(cut_off_position=0, cut_off_at=text("now()"))
    return RunId(connection.execute(statement.returning(tables.model_runs.c.run_id)).scalar_one())


def test_the_night_reads_the_terms_that_sql_sees(
    engine: Engine, database_url: str, item_nos: list[int]
) -> None:
    with bulk_connection(database_url) as bulk:
        terms = load_item_terms(bulk)
    assert terms.item_nos.tolist() == item_nos
    row = terms.weights[2].tocoo()
    terms_shown = {terms.terms[c]: weight for c, weight in zip(row.col, row.data, strict=True)}
    with engine.connect() as connection:
        query = "select term, weight from items, terms_of(words) where item_no = :no"
        seen = dict(map(tuple, connection.execute(text(query), {"no": item_nos[2]}).all()))
    assert terms_shown == pytest.approx(seen)
    assert {
        "it",
        "dog",
        "category:comedie",
        "comedi",
        "tags:tag 2",
        "year:1952",
    } <= terms_shown.keys()
    assert terms_shown["dog"] == pytest.approx(1 + np.log(4))
    assert terms_shown["category:comedie"] == 1


def test_sums_in_sql_are_those_of_the_night(
    engine: Engine, night: tuple[RunId, CatalogueWords], item_nos: list[int]
) -> None:
    run_id, words = night
    summed = words.learned.words.sums(words.terms)[:, : words.learned.item_dimensions]
    with engine.connect() as connection:
        rows = connection.execute(SUMS, {"run_id": run_id}).scalars().all()
    assert np.allclose(np.stack([row.to_numpy() for row in rows]), summed, atol=1e-4)


def test_an_item_made_of_words_from_the_store_is_the_new_item_of_the_night(
    engine: Engine, night: tuple[RunId, CatalogueWords], item_nos: list[int]
) -> None:
    run_id, words = night
    items = words.space.items
    assert items.item_nos.tolist() == item_nos
    with engine.connect() as connection:
        new = [ItemNo(no) for no in item_nos[KNOWN:]]
        made = make_cold_items(connection, run_id, new)
    assert made is not None
    assert made.vectors.item_nos.tolist() == new
    rows = items.rows_of(made.vectors.item_nos)
    assert np.allclose(made.vectors.vectors, items.vectors[rows], atol=1e-3)
    assert np.allclose(made.vectors.context_embeddings, items.context_embeddings[rows], atol=1e-4)
    assert made.vectors.taste_scales == pytest.approx(items.taste_scales[rows])
    assert (made.vectors.confidence_scales == 1).all()
    assert not made.users.any()


def test_a_run_that_does_not_know_the_words_says_nothing(
    engine: Engine, night: tuple[RunId, CatalogueWords]
) -> None:
    run_id, words = night
    with engine.begin() as connection:
        strange = connection.execute(
            text("insert into items (item_id, title) values ('x', 'Zyzzyva') returning item_no")
        ).scalar_one()
        for run in (run_id, 10**6):
            sums = connection.execute(SUMS, {"run_id": run}).scalars().all()
            assert sums[-1] is None
        assert make_cold_items(connection, RunId(10**6), [strange]) is None
        made = make_cold_items(connection, run_id, [strange])
    assert made is not None
    mean_embedding = words.learned.mean_embedding.embedding
    assert np.allclose(made.vectors.vectors[0, : len(mean_embedding)], mean_embedding, atol=1e-5)


def test_storing_again_after_a_break_leaves_each_term_once(
    engine: Engine, database_url: str, night: tuple[RunId, CatalogueWords]
) -> None:
    run_id, words = night
    with engine.begin() as connection:
        connection.execute(statements("batch")["clear_term_embeddings"], {"run_id": run_id})
    with bulk_connection(database_url) as bulk, engine.begin() as connection:
        store_words(bulk, connection, run_id, words.learned)
        stored = connection.execute(text("select count(*) from term_embeddings")).scalar_one()
        stored_words = connection.execute(
            text("select parameters -> 'words' from model_runs")
        ).scalar_one()
    assert stored == len(words.learned.words.terms)
    assert stored_words == json.loads(json.dumps(words.learned.to_dict()))


def test_a_runs_words_go_with_its_partitions(
    engine: Engine, night: tuple[RunId, CatalogueWords]
) -> None:
    run_id, _ = night
    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        partitions.drop_partitions(session, run_id)
        query = text("select to_regclass('term_embeddings_' || :run_id)")
        assert session.execute(query, {"run_id": run_id}).scalar_one() is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("Amélie", ["ameli"]),
        ("AMELIE", ["ameli"]),
        ("Łódź Ångström", ["angstrom", "lodz"]),
        ("Йод", ["йод"]),
        ("ΆΛΦΑ", ["αλφα"]),
        ("が", ["が"]),
        ("It", ["it"]),
        ("sci-fi", ["fi", "sci", "sci-fi"]),
        ("", []),
    ],
)
def test_words_are_folded_and_none_is_stopped(engine: Engine, given: str, words: list[str]) -> None:
    query = text("select array(select lexeme from unnest(text_words(:given)) order by 1)")
    with engine.connect() as connection:
        assert connection.execute(query, {"given": given}).scalar_one() == words


def test_another_language_rewrites_the_words_of_all_items(
    engine: Engine, item_nos: list[int]
) -> None:
    stem = text("select words @@ to_tsquery('words', 'happened') from items limit 1")
    lexemes = text("select tsvector_to_array(words) from items order by item_no limit 1")
    with engine.begin() as connection:
        assert not use_language(connection, "english")
        assert "happen" in connection.execute(lexemes).scalar_one()
        assert use_language(connection, "simple")
        assert "happened" in connection.execute(lexemes).scalar_one()
        assert connection.execute(stem).scalar_one()
        assert use_language(connection, "french")
        assert use_language(connection, "simple")
        assert not use_language(connection, "simple")


@pytest.mark.parametrize(
    "item",
    [
        {"description": "long " * 400_000},
        {"description": " ".join(f"w{n}" for n in range(200_000))},
        {"title": "x" * 10_000},
        {"categories": ["c" * 5_000, ""]},
        {"categories": [f"category {n}" for n in range(5_000)]},
        {"attributes": {"tags": [f"tag {n}" for n in range(50_000)]}},
        {"attributes": {"a": None, "b": {"c": "d"}, "e": ["", None, 1.5, True, ["f"]], "": "g"}},
        {"attributes": ["no", "object"]},
        {"attributes": "text"},
        {"description": "\u0301\u0301 ﷺ ½ 👩‍👩‍👧 " * 5_000},
    ],
)
def test_no_text_is_too_odd_to_be_stored(engine: Engine, item: dict[str, Any]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(tables.items).values({"item_id": "odd", "title": "Odd"} | item))
        terms = text("select count(*) from items, terms_of(words) where weight > 0")
        assert connection.execute(terms).scalar_one() > 0


def test_a_vector_times_a_number_is_that_vector_longer(engine: Engine) -> None:
    with engine.connect() as connection:
        query = text("select scaled(cast(:given as vector), 2.5)")
        made = connection.execute(query, {"given": Vector([1.0, -2.0])}).scalar_one()
    assert made.to_numpy().tolist() == [2.5, -5.0]


def test_a_new_item_may_be_longer_than_none(
    space: ItemSpace, matrix: InteractionMatrix, database_url: str
) -> None:
    with bulk_connection(database_url) as bulk:
        words = words_of_terms(load_item_terms(bulk), space, matrix, WordParameters())
    norms = np.linalg.norm(words.space.items.vectors, axis=1)
    assert np.allclose(norms, words.space.norm, rtol=1e-4)
    assert isinstance(words.learned, SpaceWords)
