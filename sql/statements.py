"""Named statements: the queries of a layer, as `queries/<layer>.sql` has them."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import orjson
from sqlalchemy import TextClause, text

from sql.query_files import codes, path_of


def as_array(numbers: Sequence[float]) -> str:
    """Finite numbers as PostgreSQL writes an array: the driver takes far longer for a list."""
    return "{" + orjson.dumps(numbers)[1:-1].decode() + "}"


def statements(layer: str) -> Mapping[str, TextClause]:
    """All statements of a layer by name; a missing name raises KeyError."""
    return statements_in(path_of(layer))


@cache
def statements_in(path: Path) -> Mapping[str, TextClause]:
    """All statements of a file by name."""
    return MappingProxyType(
        {
            # The name goes with the statement, for whoever logs what is slow.
            name: text(code).execution_options(statement_name=name)
            for name, code in codes(path).items()
        }
    )
