"""The files of `queries/` as text: statements by name, with what they share.

A statement begins with a line `-- name: load_histories`; the comment lines that follow say what it
answers; parameters are written `:user_nos`, and cast with `cast(:user_nos as integer[])`.

What several statements of a file share is a part, written once and above them: it begins with a
line `-- part: eligible`, and `{eligible}` at the end of a line stands for its text. Parts may be
made of parts. PostgreSQL never hears of them, so no plan depends on them. The parts in
`queries/shared/` may be used by the statements of every file.

`sql.statements` makes statements of SQLAlchemy of them. This module is for a program that cannot
wait for SQLAlchemy to be loaded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

_QUERIES = Path(__file__).parent / "queries"
_SHARED = _QUERIES / "shared"
_NO_PARTS: Mapping[str, str] = MappingProxyType({})
_HEADING = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{(\w+)\}$", re.MULTILINE)


def path_of(layer: str) -> Path:
    """The file with a layer's statements."""
    return _QUERIES / f"{layer}.sql"


@cache
def codes(path: Path) -> Mapping[str, str]:
    """The statements of a file by name, as they are written."""
    return MappingProxyType(written_out(path.read_text(encoding="utf-8"), shared_parts()))


@cache
def shared_parts() -> Mapping[str, str]:
    """The parts that the statements of every file may use."""
    parts: dict[str, str] = {}
    for path in sorted(_SHARED.glob("*.sql")):
        parts |= _read(path.read_text(encoding="utf-8"), parts).parts
    return MappingProxyType(parts)


def written_out(queries: str, shared: Mapping[str, str] = _NO_PARTS) -> dict[str, str]:
    """The statements of a file by name, with all their parts.

    ValueError if a name stands twice, no part stands above where it is needed, or one is not used.
    """
    read = _read(queries, shared)
    if read.unused:
        raise ValueError(f"the part {min(read.unused)} is not used")
    return read.named


@dataclass(frozen=True, slots=True)
class _Read:
    """What stands in a file, by name."""

    named: dict[str, str]
    parts: dict[str, str]
    unused: set[str]
    """Those of its own parts that nothing after them needs."""


def _read(queries: str, shared: Mapping[str, str]) -> _Read:
    _, *found = _HEADING.split(queries)
    read = _Read({}, {}, set())
    for kind, name, body in zip(found[::3], found[1::3], found[2::3], strict=True):
        known = {**shared, **read.parts}
        if name in read.named or name in known:
            raise ValueError(f"the name {name} stands twice")
        code = _code_of(body)
        needed = set(_PLACEHOLDER.findall(code))
        if unknown := needed - known.keys():
            raise ValueError(f"no part {min(unknown)} stands above {name}")
        read.unused.difference_update(needed)
        code = _PLACEHOLDER.sub(lambda match: known[match[1]], code)  # noqa: B023 - called at once
        if kind == "part":
            read.parts[name] = code
            read.unused.add(name)
        else:
            read.named[name] = code
    return read


def _code_of(body: str) -> str:
    """A statement without the comments that describe it: they may hold colons and quotes."""
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
