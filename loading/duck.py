"""DuckDB, which reads the files: in memory that is bounded, without the internet."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from duckdb.func import ARROW, SPECIAL

from domain.errors import InvalidInputError
from domain.identifiers import event_uuid, id_fault
from loading.kept_contexts import kept_contexts

MEMORY = "256MB"
"""Sorting and counting beyond this goes to the folder for what does not fit."""


@contextmanager
def opened_duck(folder: Path, time_zone: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own; times that name no zone are of `time_zone`.

    Raises InvalidInputError for a time zone that does not exist.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 2,
        "memory_limit": MEMORY,
        "temp_directory": str(folder),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=config) as duck:
        duck.execute("load icu; set enable_progress_bar = false")
        try:
            duck.execute(f"set TimeZone = {literal(time_zone)}")
        except duckdb.Error as error:
            raise InvalidInputError(
                f"There is no time zone {time_zone}; they are named as Europe/Berlin is."
            ) from error
        duck.create_function("id_fault_of", _id_fault_of, ["VARCHAR"], "VARCHAR")
        duck.create_function("event_uuid_of", _event_uuid_of, ["VARCHAR"], "VARCHAR")
        duck.create_function(
            "kept_contexts",
            kept_contexts,
            ["VARCHAR", "VARCHAR", "VARCHAR"],
            "VARCHAR",
            type=ARROW,
            null_handling=SPECIAL,
        )
        yield duck


def identifier(name: str) -> str:
    """A name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Texts, quoted for SQL, with commas between them."""
    return ", ".join(map(literal, texts))


def _id_fault_of(text: str) -> str:
    fault = id_fault(text)
    return "" if fault is None else fault.name


def _event_uuid_of(text: str) -> str:
    return event_uuid(text).hex
