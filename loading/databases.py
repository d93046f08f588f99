"""A query on somebody's database, written to a Parquet file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import InvalidInputError
from loading.addresses import POSTGRESQL, SQLITE, masked


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
        if scheme in POSTGRESQL:
            from adbc_driver_postgresql import dbapi as postgresql  # noqa: PLC0415

            with postgresql.connect(parts._replace(scheme="postgresql").geturl()) as connection:
                yield connection
            return
        path = Path(url.partition("://")[2].removeprefix("/") or ":memory:")
        absolute = Path("/") / path if url.startswith(f"{SQLITE}:////") else path
        if not absolute.is_file():
            raise InvalidInputError(f"There is no SQLite database {absolute}.")
        from adbc_driver_sqlite import dbapi as sqlite  # noqa: PLC0415

        with sqlite.connect(f"file:{absolute}?mode=ro") as connection:
            yield connection
    except Error as error:
        raise InvalidInputError(f"The database refused: {masked(str(error), url)}") from error
