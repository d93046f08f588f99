"""Apps in which people can sign in; and passwords that are hashed quickly."""

from pathlib import Path

import httpx
import pytest
from argon2.profiles import CHEAPEST

from serving.accounts import passwords
from tests.serving.accounts.people import People
from tests.serving.conftest import Seeds, Start


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the tests are not about how long it takes."""
    monkeypatch.setattr(passwords, "PARAMETERS", CHEAPEST)


@pytest.fixture
def people(seeds: Seeds) -> People:
    return People(seeds)


@pytest.fixture
async def open_app(start: Start, signing_keys_file: Path) -> httpx.AsyncClient:
    """An app where whoever comes may register; its client has no key."""
    client = await start(signing_keys_file=signing_keys_file, registration="open")
    client.headers["X-API-Key"] = ""
    return client
