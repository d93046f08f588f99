"""An API for somebody who may decide for placements."""

import httpx
import pytest

from tests.serving.conftest import Seeds, Start

ALL = ("read", "write", "users", "admin")


@pytest.fixture
async def operator(start: Start, seeds: Seeds) -> httpx.AsyncClient:
    client = await start()
    client.headers["X-API-Key"] = seeds.key(*ALL, name="operator")
    return client
