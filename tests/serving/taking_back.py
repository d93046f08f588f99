"""Deleting events and forgetting users over HTTP."""

from urllib.parse import quote

import httpx
import redis


async def delete_event(client: httpx.AsyncClient, event_id: str) -> httpx.Response:
    return await client.delete(f"/v1/events/{quote(event_id, safe='')}")


async def forget(client: httpx.AsyncClient, user_id: str) -> httpx.Response:
    return await client.delete(f"/v1/users/{quote(user_id, safe='')}")


def keys_of(redis_url: str, user_id: str, user_no: int) -> list[str]:
    """Keys in Redis that name a user, but for the bare count of drops."""
    with redis.Redis.from_url(redis_url, decode_responses=False) as store:
        names = [key.decode() for key in store.scan_iter()]
    return [name for name in names if name.endswith((f":{user_id}", f"answers:{user_no}"))]
