"""PostgreSQL understands every statement: names of tables, columns, functions and types exist."""

import re
from pathlib import Path

import psycopg
import pytest

from sql.query_files import codes
from stack.local.servers.postgres import PostgresServer
from tests.sql.queries import FILES

_PREPARED = ("select", "insert", "update", "delete", "with", "values", "merge")
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_ELSEWHERE = re.compile(
    r"\bstaged_(event_)?(events|items|users)\b|\bchaos_popular_versions\b|::vector\(:"
)
"""Temporary tables of a load, a table that chaos makes, and types with a parameter in them."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_statement_can_be_prepared(
    postgres: PostgresServer, database_name: str, path: Path
) -> None:
    with psycopg.connect(postgres.url(database_name), autocommit=True) as connection:
        for name, code in codes(path).items():
            if not code.startswith(_PREPARED) or _ELSEWHERE.search(code):
                continue
            numbers = {parameter: n for n, parameter in enumerate(_parameters(code), 1)}
            query = _PARAMETER.sub(lambda found: f"${numbers[found[1]]}", code)  # noqa: B023
            try:
                connection.execute(f"prepare statement as {query}".encode())
            except psycopg.errors.IndeterminateDatatype:
                continue
            except psycopg.Error as error:
                raise AssertionError(f"{name}: {error}") from error
            connection.execute("deallocate statement")


def _parameters(code: str) -> list[str]:
    return list(dict.fromkeys(_PARAMETER.findall(code)))
