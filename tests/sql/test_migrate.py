"""One schema: migrated once, and refused where it is another."""

import pytest
from sqlalchemy import Engine, text

from sql.migrate import NoWayBackError, UnknownRevisionError, migrate, migrate_back
from sql.revisions import Revisions, find_revisions, is_migrated, newest_revision


def stand_at(engine: Engine, revision: str, oldest: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = :no"), {"no": revision})
        connection.execute(text("update schema_support set oldest_revision = :no"), {"no": oldest})


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    with engine.connect() as connection:
        assert find_revisions(connection).current


@pytest.mark.parametrize(("revision", "oldest"), [("0007", "0001"), ("9999", "9998")])
def test_a_database_of_an_unknown_revision_is_refused_and_left_alone(
    engine: Engine, revision: str, oldest: str
) -> None:
    stand_at(engine, revision, oldest)
    with pytest.raises(UnknownRevisionError, match=f"revision {revision}.*empty database"):
        migrate(engine)
    with pytest.raises(UnknownRevisionError):
        migrate_back(engine, "0001")
    with engine.connect() as connection:
        assert not is_migrated(connection)


def test_a_newer_database_that_older_versions_work_with_is_left_as_it_is(engine: Engine) -> None:
    stand_at(engine, "9999", newest_revision())
    migrate(engine)
    with engine.connect() as connection:
        assert is_migrated(connection)
        assert find_revisions(connection).stands_at == "9999"


def test_a_database_without_what_says_who_works_with_it_fits_one_version_alone() -> None:
    assert Revisions("0017", "0017").fits
    assert not Revisions("0018", "0017").fits
    assert not Revisions("0016", "0017", "0001").fits
    assert not Revisions(None, "0017").fits


@pytest.mark.parametrize("revision", ["0001", "0017", "9999", "none"])
def test_nothing_goes_back_to_where_there_is_no_way(engine: Engine, revision: str) -> None:
    with pytest.raises(NoWayBackError, match=f"{revision} is none before it"):
        migrate_back(engine, revision)
