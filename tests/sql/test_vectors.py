"""Vectors go to PostgreSQL and come back as they were."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sqlalchemy import Engine, text

from sql.vectors import (
    IntegerArray,
    RealArray,
    VectorArray,
    array_sent,
    rows_sent,
    vectors_sent,
)

_WIDTH = 3
_BACK = text(
    "select vector_send(vector) from unnest(cast(:vectors as vector[]))"
    " with ordinality as given (vector, place) order by place"
)
_NUMBERS_BACK = text("select cast(:whole as integer[]), cast(:real as real[])")
_NUMBERS_SENT = text(
    "select array_send(cast(:whole as integer[])), array_send(cast(:real as real[]))"
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    whole=arrays(np.int32, st.integers(0, 5)),
    real=arrays(np.float32, st.integers(0, 5), elements=_numbers),
)
def test_arrays_of_numbers_are_read_as_they_were_given(
    engine: Engine, whole: np.ndarray, real: np.ndarray
) -> None:
    asked = {"whole": IntegerArray(whole), "real": RealArray(real)}
    with engine.connect() as connection:
        read = connection.execute(_NUMBERS_BACK, asked).one()
    assert np.array_equal(whole, read[0])
    assert np.array_equal(real, np.array(read[1], dtype=np.float32))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    whole=arrays(np.int32, st.integers(0, 5)),
    real=arrays(np.float32, st.integers(0, 5), elements=_numbers),
)
def test_arrays_of_numbers_are_read_as_the_database_sends_them(
    engine: Engine, whole: np.ndarray, real: np.ndarray
) -> None:
    asked = {"whole": whole.tolist(), "real": real.tolist()}
    with engine.connect() as connection:
        sent = connection.execute(_NUMBERS_SENT, asked).one()
    assert np.array_equal(array_sent(sent[0], ">i4"), whole)
    assert np.array_equal(array_sent(sent[1], ">f4"), real)


def test_an_array_without_numbers_is_sent_without_dimensions(engine: Engine) -> None:
    with engine.connect() as connection:
        sent = connection.execute(_NUMBERS_SENT, {"whole": [], "real": None}).one()
    assert (len(sent[0]), sent[1]) == (12, None)
    for content, kind in zip(sent, (">i4", ">f4"), strict=True):
        numbers = array_sent(content, kind)
        assert (numbers.shape, numbers.dtype) == ((0,), kind)


def test_vectors_one_after_the_other_are_rows() -> None:
    sent = bytes.fromhex("00020000 3f800000 40000000  00020000 40400000 40800000")
    assert rows_sent(sent, 2).tolist() == [[1, 2], [3, 4]]
    assert rows_sent(None, 2).shape == (2, 0)
