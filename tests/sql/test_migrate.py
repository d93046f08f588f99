"""One schema: migrated once, and refused where it is another."""

import pytest
from sqlalchemy import Engine, text

from sql.migrate import UnknownRevisionError, migrate
from sql.revisions import is_current


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
