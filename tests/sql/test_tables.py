"""tables.py says what the migrations made."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from sql.migrate import UnknownRevisionError, migrate
from sql.revisions import is_current
from sql.tables import metadata

PARTITIONS = ("interactions_",)


def test_tables_mirror_the_migrated_database(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": _is_ours}
        )
        differences = compare_metadata(context, metadata)
    assert [d for d in differences if not _concerns_an_index(d)] == []


def test_every_column_has_the_same_nullability_and_default(engine: Engine) -> None:
    inspector = inspect(engine)
    for table in metadata.sorted_tables:
        found = {column["name"]: column for column in inspector.get_columns(table.name)}
        assert list(found) == [column.name for column in table.columns], table.name
        for column in table.columns:
            assert found[column.name]["nullable"] == column.nullable, column
            has_default = found[column.name]["default"] is not None
            given = column.server_default is not None and not column.identity
            assert has_default == (given and column.computed is None), column


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    with engine.connect() as connection:
        assert is_current(connection)


@pytest.mark.parametrize("revision", ["0007", "9999"])
def test_a_database_of_an_unknown_revision_is_refused_and_left_alone(
    engine: Engine, revision: str
) -> None:
    stands_at = text("update alembic_version set version_num = :revision returning 1")
    with engine.begin() as connection:
        connection.execute(stands_at, {"revision": revision})
    with pytest.raises(UnknownRevisionError, match=f"revision {revision}.*empty database"):
        migrate(engine)


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    if kind != "table" or name is None:
        return True
    return name != "alembic_version" and not name.startswith(PARTITIONS)


def _concerns_an_index(difference: object) -> bool:
    return isinstance(difference, tuple) and "index" in difference[0]
