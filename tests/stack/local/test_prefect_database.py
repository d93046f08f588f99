"""A new home begins with Prefect's database as Prefect itself makes it."""

import sqlite3
from pathlib import Path

import pytest

from stack.local import prefect_database
from stack.local.prefect_database import ensure_prefect_database


def revisions(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("select version_num from alembic_version")]


def test_a_new_home_gets_a_copy_and_one_with_a_database_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It brings Prefect's server, which every process that finds tests would load.
    from flows.prefect_template import make_template  # noqa: PLC0415

    template = tmp_path / "environment" / "template.db"
    monkeypatch.setattr(prefect_database, "prefect_template", lambda: template)
    home = tmp_path / "home"
    home.mkdir()
    ensure_prefect_database(home)
    assert list(home.iterdir()) == []  # Prefect makes its own
    make_template(template)
    assert [path.name for path in template.parent.iterdir()] == ["template.db"]
    ensure_prefect_database(home)
    database = home / "prefect.db"
    assert [path.name for path in home.iterdir()] == ["prefect.db"]
    assert database.stat().st_mode & 0o777 == 0o600
    assert len(revisions(database)) == 1
    with sqlite3.connect(database) as connection:
        connection.execute("create table own (a integer)")
    ensure_prefect_database(home)
    with sqlite3.connect(database) as connection:
        assert connection.execute("select * from own").fetchall() == []
