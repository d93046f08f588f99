"""A small cinema and a run that knows its words, for tests of what is embedded."""

import pytest
from sqlalchemy import Engine

from domain.identifiers import RunId
from tests.words_run import open_cinema, publish, two_camps, write_night


@pytest.fixture
def item_nos(engine: Engine) -> list[int]:
    return open_cinema(engine)


@pytest.fixture
def run_id(engine: Engine, database_url: str, item_nos: list[int]) -> RunId:
    """A run that knows words and is served."""
    return publish(engine, write_night(engine, database_url, two_camps(item_nos)))
