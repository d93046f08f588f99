"""The register of advisory locks: complete, and the only place of their numbers but the schema."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from domain.identifiers import RunId
from sql import locks
from sql.locks import (
    EVENT_HORIZON,
    LOADS,
    LOCKS,
    NIGHT,
    POPULAR_LISTS,
    TUNING,
    UPLOADS,
    session_lock,
    try_lock,
)

ROOT = Path(locks.__file__).parents[1]
LAYERS = ("sql", "batch", "loading", "speed", "serving", "flows", "stack", "benchmarks", "tests")
TAKEN = re.compile(r"pg_(?:try_)?advisory(?:_xact)?_lock(?:_shared)?\(([^;]*)\)")
NUMBER = re.compile(r"(?<!\d)313\d\d(?!\d)")


def test_every_lock_that_the_schema_takes_is_in_the_register() -> None:
    known = {f"{lock.class_no}, {lock.object_no or 'of_run_id'}" for lock in LOCKS}
    known.add(f"({EVENT_HORIZON}::bigint << 48) | case when is_called then last_value else 0 end")
    known |= {f"{LOADS.class_no}, {number}" for number in ("found_no", "given_load_no")}
    known.add(f"{UPLOADS.class_no}, found_id")
    schema = "".join(path.read_text() for path in sorted((ROOT / "sql" / "schema").glob("*.sql")))
    taken = TAKEN.findall(schema)
    assert len(taken) == len(re.findall("pg_(?:try_)?advisory(?!_unlock)", schema))
    assert taken
    assert set(taken) <= known


def test_the_number_of_a_lock_stands_nowhere_else() -> None:
    sources = (path for layer in LAYERS for path in (ROOT / layer).rglob("*"))
    for path in sources:
        if path.suffix not in {".py", ".sql"} or path.parent.name == "schema":
            continue
        if path.name not in {"locks.py", "test_locks.py"}:
            assert not NUMBER.search(path.read_text(encoding="utf-8")), path


def test_no_two_locks_have_the_same_numbers() -> None:
    assert len({(lock.class_no, lock.object_no) for lock in LOCKS}) == len(LOCKS)
    assert EVENT_HORIZON not in {lock.class_no for lock in LOCKS}


def test_a_lock_of_each_run_is_not_taken_without_a_run() -> None:
    with pytest.raises(ValueError, match="each run"):
        POPULAR_LISTS.numbers()


def test_a_session_has_a_lock_alone_until_the_block_ends(engine: Engine) -> None:
    with engine.connect() as left, engine.connect() as other:
        with session_lock(left, NIGHT) as first, session_lock(other, NIGHT) as second:
            assert (first, second) == (True, False)
            with session_lock(other, TUNING) as is_held:
                assert is_held
        with session_lock(other, NIGHT) as is_held:
            assert is_held


def test_a_transaction_has_the_lock_of_a_run_alone_until_it_ends(engine: Engine) -> None:
    with engine.connect() as first, engine.connect() as other:
        assert try_lock(first, POPULAR_LISTS, RunId(1))
        assert not try_lock(other, POPULAR_LISTS, RunId(1))
        assert try_lock(other, POPULAR_LISTS, RunId(2))
        first.rollback()
        assert try_lock(other, POPULAR_LISTS, RunId(1))
