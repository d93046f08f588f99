"""The files of `queries/` as text: statements by name, with what they share.

A statement begins with a line `-- name: load_histories`; the comment lines that follow say what it
answers; parameters are written `:user_nos`, and cast with `cast(:user_nos as integer[])`.

What several statements of a file share is a part, written once and above them: it begins with a
line `-- part: eligible`, and `{eligible}` at the end of a line stands for its text. Parts may be
made of parts. PostgreSQL never hears of them, so no plan depends on them.

`sql.statements` makes statements of SQLAlchemy of them. This module is for a program that cannot
wait for SQLAlchemy to be loaded.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

_QUERIES = Path(__file__).parent / "queries"
_HEADING = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
_PLACE = re.compile(r"\{(\w+)\}$", re.MULTILINE)


def path_of(layer: str) -> Path:
    """The file with a layer's statements."""
    return _QUERIES / f"{layer}.sql"


@cache
def codes(path: Path) -> Mapping[str, str]:
    """The statements of a file by name, as they are written."""
    return MappingProxyType(written_out(path.read_text(encoding="utf-8")))


def written_out(queries: str) -> dict[str, str]:
    """The statements of a file by name, with all their parts.

    ValueError if a name stands twice, no part stands above where it is needed, or one is not used.
    """
    _, *found = _HEADING.split(queries)
    named: dict[str, str] = {}
    parts: dict[str, str] = {}
    unused: set[str] = set()
    for kind, name, body in zip(found[::3], found[1::3], found[2::3], strict=True):
        if name in named or name in parts:
            raise ValueError(f"the name {name} stands twice")
        code = _code_of(body)
        needed = set(_PLACE.findall(code))
        if unknown := needed - parts.keys():
            raise ValueError(f"no part {min(unknown)} stands above {name}")
        unused -= needed
        code = _PLACE.sub(lambda place: parts[place[1]], code)
        if kind == "part":
            parts[name] = code
            unused.add(name)
        else:
            named[name] = code
    if unused:
        raise ValueError(f"the part {min(unused)} is not used")
    return named


def _code_of(body: str) -> str:
    """A statement without the comments that describe it: they may hold colons and quotes."""
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
