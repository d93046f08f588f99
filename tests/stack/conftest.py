"""What tests of loading and of chaos stand on."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.stack.chaos_stage import Stage


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are written beside others are written here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stage(engine: Engine, film_nos: list[int], tmp_path: Path) -> Stage:
    """A small store whose checker is put to the test."""
    return Stage(engine, film_nos, tmp_path)
