"""Named statements: the queries of a layer, read from `queries/<layer>.sql`.

A statement begins with a line `-- name: load_histories`; the comment lines that follow say what it
answers; parameters are written `:user_nos`, and cast with `cast(:user_nos as integer[])`.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import TextClause, text

_QUERIES = Path(__file__).parent / "queries"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(layer: str) -> Mapping[str, TextClause]:
    """All statements of a layer by name; a missing name raises KeyError."""
    parts = _NAME.split((_QUERIES / f"{layer}.sql").read_text(encoding="utf-8"))
    named = dict(zip(parts[1::2], parts[2::2], strict=True))
    if len(named) != len(parts) // 2:
        raise ValueError(f"two statements of {layer}.sql have the same name")
    return MappingProxyType({name: text(_code_of(body)) for name, body in named.items()})


def _code_of(body: str) -> str:
    """A statement without the comments that describe it: they may hold colons and quotes."""
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
