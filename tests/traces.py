"""Where a text stands: in every column of a database, key of Redis, and file of a folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import Connection, text

_RELATIONS = """
select cast(pg_class.oid::regclass as text) from pg_class
where relkind in ('r', 'p', 'm') and not relispartition and relpersistence <> 't'
  and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
                           'pg_toast'::regnamespace)
union all
select 'pg_catalog.pg_statistic'
"""
"""With the values that statistics hold. Partitions are read through their tables."""


def rows_with(connection: Connection, needles: Sequence[str]) -> dict[str, int]:
    """How many rows of every table have one of the texts, in whatever column; no table of none."""
    # Bytes are written in hexadecimal digits.
    wanted = [*needles, *(needle.encode().hex() for needle in needles)]
    found = {}
    for relation in connection.execute(text(_RELATIONS)).scalars().all():
        statement = text(
            # A row is written out once, whatever is looked for: vectors take long.
            f"select count(*) from (select cast(found as text) as line from {relation} as found"
            " offset 0) as written where exists ("
            " select from unnest(cast(:wanted as text[])) as needle"
            " where strpos(line, needle) > 0)"
        )
        rows = connection.execute(statement, {"wanted": wanted}).scalar_one()
        if rows:
            found[relation] = int(rows)
    return found


def keys_with(redis_url: str, needles: Sequence[bytes]) -> list[str]:
    """The keys of Redis that have one of the texts in their names or values."""
    with redis.Redis.from_url(redis_url) as store:
        return sorted(
            key.decode()
            for key in store.scan_iter()
            if any(needle in part for part in (key, *_values(store, key)) for needle in needles)
        )


def _values(store: Any, key: bytes) -> Iterator[bytes]:
    kind = store.type(key).decode()
    if kind == "string":
        yield store.get(key) or b""
    elif kind == "hash":
        for field, value in store.hgetall(key).items():
            yield field
            yield value
    elif kind == "stream":
        for _, entry in store.xrange(key):
            yield from entry.values()
    elif kind == "zset":
        yield from store.zrange(key, 0, -1)
    elif kind == "set":
        yield from store.smembers(key)
    elif kind == "list":
        yield from store.lrange(key, 0, -1)
    else:
        raise AssertionError(f"the key {key!r} is of the kind {kind}, which nobody looks into")


def files_with(folder: Path, needles: Sequence[bytes], but: str | None = None) -> list[str]:
    """The files below a folder, by their paths in it, that have one of the texts.

    `but` is a folder in it that is left out.
    """
    return sorted(
        str(path.relative_to(folder))
        for part in folder.iterdir()
        if part.name != but
        for path in (part, *part.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    )
