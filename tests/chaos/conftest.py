"""What tests of the checker stand on."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.chaos.stage import Stage


@pytest.fixture
def stage(engine: Engine, film_nos: list[int], tmp_path: Path) -> Stage:
    """A small store whose checker is put to the test."""
    return Stage(engine, film_nos, tmp_path)
