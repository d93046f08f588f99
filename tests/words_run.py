"""A small night that has learned words, published, for tests of what comes after it.

Half of the catalogue are westerns and half are films with robots; so are the tastes of the users.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sqlalchemy import Connection, Engine, insert, text

from batch.bulk import bulk_connection
from batch.content.catalogue_words import (
    CatalogueWords,
    load_item_terms,
    store_words,
    words_of_terms,
)
from batch.content.similarity import (
    all_similarity_embeddings,
    store_similarity_embeddings,
)
from batch.history.matrix import InteractionMatrix
from batch.parameters import LiveWeights, RunParameters, SpaceParameters, WordParameters
from batch.runs import model_runs, publishing
from batch.runs.model_runs import Run
from batch.space.composing import ItemComponents, ItemSpace, item_space
from batch.space.embeddings import store_item_vectors, store_space
from batch.space.live_vectors import store_all_live_vectors
from batch.space.sequence import SequenceVectors
from domain.identifiers import RunId
from sql.live_vectors import load_live_space
from sql.log import event_horizon, load_kinds
from sql.partitions import create_partitions
from sql.promotion import catch_up
from tests import tables
from tests.events import LIKE, event, record

KNOWN = 40
FANS = 6
WESTERN = "A western with horses and a duel"
ROBOTS = "A robot is lost among the stars"


@dataclass(frozen=True, slots=True)
class Night:
    """A run that is written but not yet served."""

    run: Run
    words: CatalogueWords
    known: int
    """Up to where its live vectors know the log."""


def add_items(connection: Connection, titles: Sequence[str], prefix: str = "new") -> list[int]:
    """Items with these titles, called new-0, new-1 ...; answers their numbers."""
    rows = [
        {"item_id": f"{prefix}-{index}", "title": title, "categories": [], "attributes": {}}
        for index, title in enumerate(titles)
    ]
    statement = insert(tables.items).returning(tables.items.c.item_no)
    return sorted(connection.execute(statement, rows).scalars())


def open_cinema(engine: Engine) -> list[int]:
    """Forty films, westerns first, and the fans of each half, who have liked some of them."""
    half = KNOWN // 2
    titles = [f"{WESTERN if n < half else ROBOTS}, part {n}" for n in range(KNOWN)]
    with engine.begin() as connection:
        item_nos = add_items(connection, titles, "film")
        for fan in range(FANS):
            for index in range(5):
                film = (fan + 3 * index) % half
                for user, no in (("cowboy", film), ("robot", half + film)):
                    liking = event(f"{user}-{fan}", item_nos[no], minutes=index, kind_no=LIKE)
                    record(connection, [liking])
    return item_nos


def two_camps(item_nos: Sequence[int], *, sequence: int = 4, seed: int = 3) -> ItemSpace:
    """A space in which each half of the items lies in a direction of its own."""
    random = np.random.default_rng(seed)
    count = len(item_nos)
    camps = np.repeat(np.eye(4), [count // 2, count - count // 2, 0, 0], axis=0)
    noise = random.normal(scale=0.2, size=(3, count, 4))
    context_embeddings, item_embeddings = (
        (camps + noise[1])[:, :sequence],
        (camps + noise[2])[:, :sequence],
    )
    if sequence:
        context_embeddings /= np.linalg.norm(context_embeddings, axis=1, keepdims=True)
    components = ItemComponents(
        item_nos=np.array(item_nos, dtype=np.int32),
        factors=(camps + noise[0]).astype(np.float32),
        degrees=np.ones(count),
        sequence=SequenceVectors(
            context_embeddings.astype(np.float32), item_embeddings.astype(np.float32)
        ),
        trends=np.full((3, count), 0.1),
    )
    return item_space(components, SpaceParameters(factors=4), LiveWeights())


def write_night(engine: Engine, url: str, space: ItemSpace, *, users: int = 1) -> Night:
    """A run over the items of a space, liked by so many users each."""
    with engine.begin() as connection:
        run = model_runs.begin_run(connection, RunParameters(), None)
        model_runs.mark_evaluated(connection, run.run_id)
        create_partitions(connection, run.run_id)
        kinds = load_kinds(connection)
    ones = csr_matrix(np.ones((users, len(space.items.item_nos)), dtype=np.float32))
    user_nos = np.arange(1, users + 1, dtype=np.int32)
    matrix = InteractionMatrix(user_nos, space.items.item_nos, ones, ones)
    with bulk_connection(url) as bulk, engine.begin() as connection:
        words = words_of_terms(load_item_terms(bulk), space, matrix, WordParameters())
        store_item_vectors(bulk, run.run_id, words.space.items, words.users)
        store_words(bulk, connection, run.run_id, words.learned)
        chunks = all_similarity_embeddings(words.space, words.terms, words.learned)
        store_similarity_embeddings(bulk, run.run_id, chunks)
        store_space(connection, run.run_id, words.space)
    with engine.begin() as connection:
        horizon = event_horizon(connection)
    with bulk_connection(url) as bulk:
        store_all_live_vectors(bulk, run, kinds, words.space, horizon=horizon, chunk_users=100)
    return Night(run, words, horizon)


def publish(engine: Engine, night: Night) -> RunId:
    """Serve the run as a night does."""
    with engine.begin() as connection:
        publishing.begin_progress(connection, night.run.run_id, night.known)
        live = load_live_space(connection, night.run.run_id)
    catch_up(engine.begin, live)
    with engine.begin() as connection:
        publishing.publish_run(connection, live)
    return night.run.run_id


def live_score(connection: Connection, run_id: int, user_id: str, item_no: int) -> float:
    """The speed score of an item for a user."""
    query = text(
        "select -(items.embedding <#> live.embedding) from item_embeddings as items"
        " join user_embeddings as live using (run_id) join users using (user_no)"
        " where run_id = :run_id and user_id = :user_id and item_no = :item_no"
    )
    asked = {"run_id": run_id, "user_id": user_id, "item_no": item_no}
    return float(connection.execute(query, asked).scalar_one())
