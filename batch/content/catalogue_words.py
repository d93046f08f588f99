"""The words of the catalogue: read from the store, learned, and written into a run's partition."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sqlalchemy import Connection

from batch.bulk import append, constant_column, fetch, vector_column
from batch.content.cold_items import SpaceWords, learn_space_words, space_with_words
from batch.content.words import ItemTerms
from batch.history.matrix import InteractionMatrix, like_counts
from batch.parameters import WordParameters
from batch.space.composing import ItemSpace
from domain.identifiers import RunId
from sql.statements import statements

_BATCH = statements("batch")


@dataclass(frozen=True, slots=True)
class CatalogueWords:
    """What a night learns from the words of the catalogue."""

    terms: ItemTerms
    """Of all items, new ones too."""
    learned: SpaceWords
    space: ItemSpace
    """The run's space with new items in it, and little known ones shrunk towards their words."""
    users: NDArray[np.int32]
    """(n,) how many liked each item of the space; 0: its embedding is made of words or the mean."""

    def described(self) -> dict[str, float | None]:
        """As figures of the run."""
        new = self.terms.of(self.space.items.item_nos[self.users == 0])
        made_of_words = int(self.learned.words.known_in(new).sum())
        explained = self.learned.explained
        return {
            "words_terms": len(self.learned.words.terms),
            "words_explained": None if np.isnan(explained) else explained,
            "words_pseudo_count": self.learned.pseudo_count,
            "items_made_of_words": made_of_words,
            "unknown_items": len(new.item_nos) - made_of_words,
        }


def use_language(connection: Connection, language: str) -> bool:
    """Bring words to the stems of a language, or of none (`simple`); whether that is a change.

    A change rewrites the words of all items. To be called before a night reads them.
    """
    return bool(
        connection.execute(_BATCH["use_words_language"], {"language": language}).scalar_one()
    )


def words_of_terms(
    terms: ItemTerms, space: ItemSpace, matrix: InteractionMatrix, parameters: WordParameters
) -> CatalogueWords:
    """What the words of the catalogue say in `space`, which was learned from `matrix`."""
    learned = learn_space_words(space, matrix, terms, parameters)
    widened = space_with_words(space, matrix, terms, learned)
    return CatalogueWords(terms, learned, widened, _users_of(widened, matrix))


def _users_of(space: ItemSpace, matrix: InteractionMatrix) -> NDArray[np.int32]:
    users = np.zeros(len(space.items.item_nos), dtype=np.int32)
    users[space.items.rows_of(matrix.item_nos)] = like_counts(matrix)
    return users


def load_item_terms(connection: Any) -> ItemTerms:
    """The terms of all items as SQL sees them, over an ADBC connection."""
    item_nos = fetch(connection, _BATCH["load_items"])["item_no"].to_numpy()
    table = fetch(connection, _BATCH["load_item_terms"])
    terms = table["term"].combine_chunks().dictionary_encode()
    columns = terms.indices.to_numpy(zero_copy_only=False)
    rows = np.searchsorted(item_nos, table["item_no"].to_numpy())
    weights = table["weight"].to_numpy().astype(np.float64)
    # An item that came between the two statements is left to the next night.
    known = rows < len(item_nos)
    known[known] = item_nos[rows[known]] == table["item_no"].to_numpy()[known]
    shape = (len(item_nos), len(terms.dictionary))
    matrix = csr_matrix((weights[known], (rows[known], columns[known])), shape=shape)
    return ItemTerms(item_nos, tuple(terms.dictionary.to_pylist()), matrix)


def store_words(bulk: Any, connection: Connection, run_id: RunId, learned: SpaceWords) -> None:
    """Write the terms of a run, over the ADBC connection `bulk`, and what its row has of them.

    To be done again after it broke off, the run's terms must have been removed and that committed.
    """
    words = learned.words
    count, dimensions = words.vectors.shape
    if count:
        append(
            bulk,
            f"term_embeddings_{run_id}",
            {
                "run_id": constant_column(run_id, count),
                "term": pa.array(words.terms, pa.string()),
                "idf": pa.array(words.idf),
                "embedding": vector_column(words.vectors[:, : learned.item_dimensions]),
                "context_embedding": vector_column(words.vectors[:, learned.item_dimensions :])
                if learned.item_dimensions < dimensions
                else pa.nulls(count, pa.binary()),
            },
        )
    connection.execute(
        _BATCH["store_words"], {"run_id": run_id, "words": json.dumps(learned.to_dict())}
    )
