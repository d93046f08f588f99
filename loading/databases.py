"""A query on somebody's database, written to a Parquet file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import InvalidInputError

_POSTGRESQL = ("postgresql", "postgres")
_SQLITE = "sqlite"
_OTHERS = [
    "mysql",
    "mariadb",
    "mssql",
    "sqlserver",
    "oracle",
    "snowflake",
    "bigquery",
    "redshift",
    "clickhouse",
    "duckdb",
    "mongodb",
    "databricks",
    "trino",
    "presto",
    "s3",
    "gs",
    "http",
    "https",
]


def is_database(argument: str) -> bool:
    """Whether an argument is the address of a database; InvalidInputError for one we cannot ask."""
    scheme, separator, _ = argument.partition("://")
    scheme = scheme.partition("+")[0].lower()
    if not separator:
        return False
    if scheme in (*_POSTGRESQL, _SQLITE):
        return True
    what = scheme if scheme in _OTHERS else f"{scheme}://"
    raise InvalidInputError(
        f"{what} is not read directly. Known are postgresql:// and sqlite:///, each with --query; "
        "otherwise write the rows to CSV or Parquet and load the file."
    )


def spool_query(url: str, query: str, spool: Path) -> Path:
    """Write what a query answers to a Parquet file, batch by batch.

    Raises InvalidInputError, without the address, if the database cannot be asked.
    """
    target = spool / "query.parquet"
    try:
        with _connected(url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
            with pq.ParquetWriter(target, reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
    except (pa.ArrowException, NotImplementedError) as error:
        raise InvalidInputError(f"The query's answer cannot be read: {error}") from error
    return target


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    from adbc_driver_manager import Error  # noqa: PLC0415  only a load from a database needs them

    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0].lower()
    try:
        if scheme in _POSTGRESQL:
            from adbc_driver_postgresql import dbapi as postgresql  # noqa: PLC0415

            with postgresql.connect(parts._replace(scheme="postgresql").geturl()) as connection:
                yield connection
            return
        path = Path(url.partition("://")[2].removeprefix("/") or ":memory:")
        absolute = Path("/") / path if url.startswith(f"{_SQLITE}:////") else path
        if not absolute.is_file():
            raise InvalidInputError(f"There is no SQLite database {absolute}.")
        from adbc_driver_sqlite import dbapi as sqlite  # noqa: PLC0415

        with sqlite.connect(f"file:{absolute}?mode=ro") as connection:
            yield connection
    except Error as error:
        said = str(error).replace(url, "the database")
        if parts.password:
            said = said.replace(parts.password, "…")
        raise InvalidInputError(f"The database refused: {said}") from error
