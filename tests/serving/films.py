"""A small catalogue of films with words, and a run that knows what they mean."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert, text

from tests import tables
from tests.serving.conftest import Seeds

FILMS: Mapping[str, tuple[str, Sequence[str], str, Sequence[str]]] = {
    "odyssey": ("2001: A Space Odyssey", ["scifi"], "A computer sings.", ["classic", "space"]),
    "toys": ("Toy Story", ["animation", "children"], "Toys come alive.", ["pixar"]),
    "toys-2": ("Toy Story 2", ["animation", "children"], "Toys come alive again.", ["pixar"]),
    "robot": ("I, Robot", ["scifi"], "A machine dreams.", ["future"]),
    "amelie": ("Amélie", ["romance"], 'A girl in "Paris" & love.', ["classic"]),
    "war": ("Space War", ["scifi", "war"], "Soldiers among the stars.", []),
    "wedding": ("A Wedding", ["romance"], "Two families meet.", ["classic", "love"]),
    "silent": ("Untitled", ["drama"], "", []),
}
"""Title, categories, description and tags by item id."""

# taste 2, sequence 2: the first of each is science fiction, the second romance.
TERMS: Mapping[str, tuple[float, float]] = {
    "space": (1.0, 0.0),
    "robot": (0.9, 0.1),
    "scifi": (1.0, 0.1),
    "spaceship": (1.0, 0.0),
    "romanc": (0.0, 1.0),
    "love": (0.1, 1.0),
    "toy": (0.5, 0.5),
    "classic": (0.5, 0.6),
}
TASTES: Mapping[str, tuple[float, float]] = {
    "odyssey": (1.0, 0.1),
    "robot": (0.9, 0.2),
    "war": (0.95, 0.0),
    "amelie": (0.1, 1.0),
    "wedding": (0.0, 1.0),
    "toys": (0.5, 0.6),
    "toys-2": (0.5, 0.55),
    "silent": (0.7, 0.7),
}
SHARES = {"taste": 0.35, "context": 0.35, "words": 0.30}


@dataclass(frozen=True, slots=True)
class Films:
    """The catalogue and its run."""

    run_id: int
    nos: Mapping[str, int]


def store_film(engine: Engine, item_id: str, title: str, **fields: Any) -> int:
    """An item made as an app makes it, without an embedding in any run."""
    row = {"item_id": item_id, "title": title, **fields}
    with engine.begin() as connection:
        statement = insert(tables.items).values(row).returning(tables.items.c.item_no)
        return int(connection.execute(statement).scalar_one())


def publish_films(seeds: Seeds, users: Mapping[str, tuple[float, float]] | None = None) -> Films:
    """Store the films and serve a run that knows them; `users` have live vectors (2,)."""
    nos = {
        item_id: store_film(
            seeds.engine,
            item_id,
            title,
            categories=categories,
            description=description,
            attributes={"tags": tags},
        )
        for item_id, (title, categories, description, tags) in FILMS.items()
    }
    vectors = {seeds.user(name): ((*taste, *taste), 0) for name, taste in (users or {}).items()}
    run_id = seeds.run(
        users=vectors,
        vectors={nos[item_id]: (*taste, *taste) for item_id, taste in TASTES.items()},
        popular={"": [(no, 9.0 - n) for n, no in enumerate(nos.values())]},
        live=False,
    )
    with seeds.engine.begin() as connection:
        _store_word_parameters(connection, run_id)
        for item_id, taste in TASTES.items():
            connection.execute(
                text(
                    "insert into item_similarity_embeddings"
                    " select :run_id, item_no, cast(:behaviour as vector)"
                    " || subvector(coalesce(similarity_embedding_of_words(:run_id, words),"
                    " cast('[0,0,0,0,0,0,0,0]' as vector)), 5, 4)"
                    " from items where item_id = :item_id"
                ),
                {"run_id": run_id, "behaviour": _behaviour(taste), "item_id": item_id},
            )
    seeds.promote(run_id)
    return Films(run_id, nos)


def _store_word_parameters(connection: Any, run_id: int) -> None:
    parameters = {
        "live_vector": {"taste_dimensions": 2, "sequence_dimensions": 2},
        "words": {"longest": 100.0, "similarity": SHARES},
    }
    connection.execute(
        text(
            "update model_runs set parameters = cast(:parameters as jsonb) where run_id = :run_id"
        ),
        {"parameters": json.dumps(parameters), "run_id": run_id},
    )
    rows = [
        {
            "run_id": run_id,
            "term": term,
            "idf": 1.0,
            "embedding": np.array([*vector, *vector], dtype=np.float32),
            "context_embedding": np.array(vector, dtype=np.float32),
        }
        for term, vector in TERMS.items()
    ]
    connection.execute(insert(tables.term_embeddings), rows)


def _behaviour(taste: tuple[float, float]) -> str:
    unit = np.array(taste) / np.linalg.norm(taste)
    half = np.concatenate([unit * SHARES["taste"] ** 0.5, unit * SHARES["context"] ** 0.5])
    return str(half.tolist())
