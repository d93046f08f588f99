"""What is kept of a run's items is what the store says of them, whatever was asked before."""

from random import Random

import numpy as np
import pytest
from pgvector import Vector
from sqlalchemy import Engine, text

from domain.identifiers import ItemNo, RunId
from domain.live_vector import History, ItemVectors
from domain.transitions import Transitions
from sql.live_vectors import load_item_vectors, load_live_space, load_transitions
from sql.run_items import RunItems
from tests.small_run import publish_small_run
from tests.small_transitions import random_transitions

BY_NIGHT = text("update item_embeddings set users = 1 where item_no = any(:item_nos)")
EMBED_AGAIN = text(
    "update item_embeddings set embedding = :embedding, embedded_at = now()"
    " where item_no = :item_no and users = 0"
)


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> RunId:
    """A run of which the night has made all but every third item of the items' users."""
    rows = random_transitions(film_nos[:20], film_nos, 3, longest=9)
    by_night = [no for index, no in enumerate(film_nos) if index % 3]
    with engine.begin() as connection:
        run_id = publish_small_run(connection, film_nos, transitions=rows)
        connection.execute(BY_NIGHT, {"item_nos": by_night})
    return run_id


@pytest.mark.parametrize("most", [0, 7, 1_000])
def test_it_answers_what_the_store_has(
    engine: Engine, film_nos: list[int], run_id: RunId, most: int
) -> None:
    random = Random(5)
    with engine.connect() as connection:
        run = load_live_space(connection, run_id)
        kept = RunItems(run, most)
        for length in (3, 1, 0, 9, 9, 20, 5, 5):
            asked = sorted(random.sample([*film_nos, 10_000], length))
            history = History(np.array(asked, dtype=np.int32), np.ones(length))
            expected = load_item_vectors(connection, run_id, [ItemNo(no) for no in asked])
            found = kept.vectors(connection, [ItemNo(no) for no in asked])
            assert_same_items(found, expected)
            assert_same_rows(
                kept.transitions(connection, found, [history]),
                load_transitions(connection, run, expected, [history]),
            )


def assert_same_items(found: ItemVectors, expected: ItemVectors) -> None:
    """The same bits."""
    assert np.array_equal(found.item_nos, expected.item_nos)
    assert np.array_equal(found.vectors, expected.vectors)
    assert found.context_embeddings.shape == expected.context_embeddings.shape
    assert np.array_equal(found.context_embeddings, expected.context_embeddings)
    assert np.array_equal(found.taste_scales, expected.taste_scales)
    assert np.array_equal(found.confidence_scales, expected.confidence_scales)


def assert_same_rows(found: Transitions, expected: Transitions) -> None:
    """The same rows that hold anything."""
    assert np.array_equal(found.item_nos, expected.item_nos)
    for item_no in expected.item_nos.tolist():
        for of_found, of_expected in zip(found.row(item_no), expected.row(item_no), strict=True):
            assert np.array_equal(of_found, of_expected)


def test_an_item_embedded_again_between_two_nights_is_read_again(
    engine: Engine, film_nos: list[int], run_id: RunId
) -> None:
    asked = [ItemNo(no) for no in film_nos]
    changed = film_nos[0]
    with engine.begin() as connection:
        kept = RunItems(load_live_space(connection, run_id), 1_000)
        before = kept.vectors(connection, asked)
        embedding = Vector(np.array([0.6, 0.8, 0.0, 0.0]))
        connection.execute(EMBED_AGAIN, {"item_no": changed, "embedding": embedding})
        after = kept.vectors(connection, asked)
        assert_same_items(after, load_item_vectors(connection, run_id, asked))
    assert not np.array_equal(before.vectors, after.vectors)


def test_what_is_kept_is_not_read_again(engine: Engine, film_nos: list[int], run_id: RunId) -> None:
    by_night = [ItemNo(no) for index, no in enumerate(film_nos) if index % 3]
    with engine.begin() as connection:
        kept = RunItems(load_live_space(connection, run_id), 1_000)
        first = kept.vectors(connection, by_night)
        connection.execute(text("delete from item_embeddings"))
        assert_same_items(kept.vectors(connection, by_night), first)
