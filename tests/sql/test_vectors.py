"""Vectors go to PostgreSQL and come back as they were."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sqlalchemy import Engine, text

from sql.vectors import VectorArray, vectors_sent

_WIDTH = 3
_BACK = text(
    "select vector_send(vector) from unnest(cast(:vectors as vector[]))"
    " with ordinality as given (vector, place) order by place"
)
_numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
_vectors = st.lists(st.none() | arrays(np.float32, _WIDTH, elements=_numbers), max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(vectors=_vectors)
def test_an_array_of_vectors_is_read_as_it_was_given(
    engine: Engine, vectors: list[np.ndarray | None]
) -> None:
    with engine.connect() as connection:
        sent = connection.execute(_BACK, {"vectors": VectorArray(vectors)}).scalars().all()
    assert [content is None for content in sent] == [vector is None for vector in vectors]
    rows = vectors_sent(sent, _WIDTH)
    for row, vector in zip(rows, vectors, strict=True):
        assert np.array_equal(row, np.zeros(_WIDTH) if vector is None else vector)
