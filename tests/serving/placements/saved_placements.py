"""Placements as tests save them."""

from typing import Any

import httpx


async def save(
    client: httpx.AsyncClient, name: str, base_version: int = 0, **definition: Any
) -> httpx.Response:
    body = {"definition": definition, "base_version": base_version}
    return await client.put(f"/v1/placements/{name}", json=body)


async def saved(
    client: httpx.AsyncClient, name: str, base_version: int = 0, **definition: Any
) -> dict[str, Any]:
    answer = await save(client, name, base_version, **definition)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
