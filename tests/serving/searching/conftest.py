"""A catalogue of films and nothing else, and searching in it over HTTP."""

from typing import Any

import httpx
import pytest

from tests.serving.conftest import Seeds, ids
from tests.serving.films import Films, publish_films


@pytest.fixture
def film_nos() -> list[int]:
    """No other films than those of this catalogue."""
    return []


@pytest.fixture
def films(seeds: Seeds) -> Films:
    return publish_films(seeds, {"ann": (1.0, 0.0), "bob": (0.0, 1.0)})


async def search(client: httpx.AsyncClient, q: str, **query: Any) -> httpx.Response:
    return await client.get("/v1/search", params={"q": q, **query})


async def found(client: httpx.AsyncClient, q: str, **query: Any) -> list[str]:
    """The ids of what matches in words."""
    return ids(await search(client, q, only_words=True, **query))
