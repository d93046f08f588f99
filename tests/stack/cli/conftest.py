"""What commands are run with."""

from pathlib import Path

import pytest


@pytest.fixture
def owned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str, owner_url: str
) -> None:
    """The test's database, by the addresses of both its roles; the current folder is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATABASE_OWNER_URL", owner_url)
