"""Many vectors or numbers at once, as the bytes that PostgreSQL reads and writes.

As text a vector takes the driver and the server a hundred times as long.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import postgres
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types import TypeInfo

_ARRAY = struct.Struct(">iiIii")
"""Dimensions of an array, whether it has nulls, the type of its elements, length, first index."""
_ELEMENT = struct.Struct(">iHH")
"""Bytes of an element, and what a vector begins with: its dimensions, and nothing."""
_NULL = struct.pack(">i", -1)
_HEADING_BYTES = 4
_NUMBER_BYTES = 4


@dataclass(frozen=True, slots=True)
class VectorArray:
    """Vectors, or None for null, that statements take as `vector[]`."""

    vectors: Sequence[NDArray[np.floating] | None]


@dataclass(frozen=True, slots=True)
class IntegerArray:
    """Numbers (n,) that statements take as `integer[]`."""

    numbers: NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class RealArray:
    """Numbers (n,) that statements take as `real[]`."""

    numbers: NDArray[np.floating]


def vectors_sent(sent: Sequence[bytes | None], width: int) -> NDArray[np.float32]:
    """The first `width` numbers of what `vector_send` answers as rows (n, width); 0 for null."""
    rows = np.zeros((len(sent), width), dtype=np.float32)
    for row, content in zip(rows, sent, strict=True):
        if content is not None:
            row[:] = np.frombuffer(content, dtype=">f4", offset=_HEADING_BYTES, count=width)
    return rows


def rows_sent(sent: bytes | None, count: int) -> NDArray[np.float32]:
    """`count` vectors of one length, one after the other as `vector_send` answers them, (n, d).

    None: the column holds nothing but null, which has no dimensions.
    """
    if sent is None:
        return np.empty((count, 0), dtype=np.float32)
    heading = _HEADING_BYTES // _NUMBER_BYTES
    rows = np.frombuffer(sent, dtype=">f4").reshape(count, -1)
    return rows[:, heading:].astype(np.float32)


def array_sent(sent: bytes | None, kind: str) -> NDArray[Any]:
    """The numbers (n,) of four bytes, as `>i4` or `>f4`, of an array that `array_send` answers.

    None: none.
    """
    if sent is None or len(sent) <= _ARRAY.size:
        return np.empty(0, dtype=kind)
    return np.frombuffer(sent, dtype=kind, offset=_ARRAY.size).reshape(-1, 2)[:, 1]


def register_vector_arrays(connection: Any, info: TypeInfo) -> None:
    """Teach a connection to take arrays; `info` is that of the type `vector`."""

    class _VectorArrayDumper(Dumper):
        format = Format.BINARY
        oid = info.array_oid

        def dump(self, obj: VectorArray) -> bytes:
            return _array(obj.vectors, info.oid)

    connection.adapters.register_dumper(VectorArray, _VectorArrayDumper)
    connection.adapters.register_dumper(IntegerArray, _IntegerArrayDumper)
    connection.adapters.register_dumper(RealArray, _RealArrayDumper)


class _IntegerArrayDumper(Dumper):
    format = Format.BINARY
    oid = postgres.types["int4"].array_oid

    def dump(self, obj: IntegerArray) -> bytes:
        return _number_array(obj.numbers, ">i4", postgres.types["int4"].oid)


class _RealArrayDumper(Dumper):
    format = Format.BINARY
    oid = postgres.types["float4"].array_oid

    def dump(self, obj: RealArray) -> bytes:
        return _number_array(obj.numbers, ">f4", postgres.types["float4"].oid)


def _number_array(numbers: NDArray[Any], kind: str, element_oid: int) -> bytes:
    elements = np.empty(len(numbers), dtype=[("bytes", ">i4"), ("number", kind)])
    elements["bytes"], elements["number"] = _NUMBER_BYTES, numbers
    return _ARRAY.pack(1, 0, element_oid, len(numbers), 1) + elements.tobytes()


def _array(vectors: Sequence[NDArray[np.floating] | None], element_oid: int) -> bytes:
    has_nulls = any(vector is None for vector in vectors)
    parts = [_ARRAY.pack(1, has_nulls, element_oid, len(vectors), 1)]
    for vector in vectors:
        if vector is None:
            parts.append(_NULL)
        else:
            size = _HEADING_BYTES + _NUMBER_BYTES * len(vector)
            parts += (_ELEMENT.pack(size, len(vector), 0), vector.astype(">f4").tobytes())
    return b"".join(parts)
