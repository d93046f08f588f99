"""Named statements: the queries of a layer, as `queries/<layer>.sql` has them."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import TextClause, text

from sql.query_files import codes, path_of


def as_array(values: Sequence[object]) -> str:
    """Numbers as PostgreSQL writes an array: the driver takes ten times as long for a list.

    Anything else too whose text has no comma, blank, quote, brace or backslash in it.
    """
    return "{" + ",".join(map(str, values)) + "}"


def as_text_array(texts: Sequence[str | None]) -> str:
    """The same for any texts."""
    return "{" + ",".join(map(_quoted, texts)) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "null"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_real_array(numbers: Sequence[float]) -> str:
    """The same for finite numbers of 32 bits: nine digits tell each from all others."""
    digits = ",".join(["%.9g"] * len(numbers)) % tuple(numbers)
    return "{" + digits + "}"


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
