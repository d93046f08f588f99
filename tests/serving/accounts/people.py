"""People with accounts, as the command line would have made them, and what they send."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import insert, select, update

from serving.accounts.names import name_key
from serving.accounts.passwords import hash_password
from tests import tables
from tests.serving.conftest import Seeds, TasksTransport

PASSWORD = "correct horse battery staple"


@dataclass
class People:
    """Writes accounts."""

    seeds: Seeds

    def add(
        self, name: str, role: str = "admin", password: str | None = PASSWORD, **more: Any
    ) -> int:
        row = {
            "name": name,
            "name_key": name_key(name),
            "password_hash": None if password is None else hash_password(password),
            "role": role,
            "user_id": f"u_{name}" if role == "user" else None,
            **more,
        }
        made = insert(tables.accounts).values(row).returning(tables.accounts.c.account_id)
        return int(self.seeds.write(made).scalar_one())

    def change(self, name: str, **values: Any) -> None:
        accounts = tables.accounts
        key = name_key(name)
        self.seeds.write(update(accounts).where(accounts.c.name_key == key).values(values))

    def find(self, name: str) -> Any:
        accounts = tables.accounts
        found = select(accounts).where(accounts.c.name_key == name_key(name))
        return self.seeds.write(found).one_or_none()


async def sign_in(
    client: httpx.AsyncClient, name: str, password: str = PASSWORD, **more: Any
) -> httpx.Response:
    form = {"grant_type": "password", "username": name, "password": password}
    return await client.post("/v1/auth/token", data=form, **more)


async def refreshed(client: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await client.post("/v1/auth/token", data=form)


async def signed_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> Any:
    answer = await sign_in(client, name, password)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(tokens: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}", "X-API-Key": ""}


async def register(
    client: httpx.AsyncClient, name: str, password: str = PASSWORD, **more: Any
) -> httpx.Response:
    body = {"name": name, "password": password, **more}
    return await client.post("/v1/auth/register", json=body)


async def me(client: httpx.AsyncClient, tokens: Any) -> httpx.Response:
    return await client.get("/v1/auth/me", headers=bearer(tokens))


def from_address(client: httpx.AsyncClient, address: str) -> httpx.AsyncClient:
    """Another client of the same app, whose requests come from this address."""
    transport = TasksTransport(client._transport.app, client=(address, 1))  # type: ignore[attr-defined]
    return httpx.AsyncClient(
        transport=transport, base_url=client.base_url, headers={"X-API-Key": ""}
    )
