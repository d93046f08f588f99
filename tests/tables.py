"""The tables as the database has them: `tables.items`, `tables.model_runs` and all others by name.

They are read from the first migrated database of the session (`reflect`), not written down again.
"""

import re

import pgvector.sqlalchemy  # noqa: F401 -- SQLAlchemy then knows the type when it reads a column
from sqlalchemy import Engine, MetaData, Table

_PARTITION = re.compile(r"interactions_\d+$|interactions_other$")
_metadata = MetaData()


def reflect(engine: Engine) -> None:
    """Read the tables of a migrated database, without the log's partitions."""
    _metadata.reflect(engine, only=lambda name, _: not _PARTITION.match(name))


def __getattr__(name: str) -> Table:
    if name not in _metadata.tables:
        raise AttributeError(f"no table {name} was read")
    return _metadata.tables[name]
