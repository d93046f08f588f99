"""A run in the fallback of processes, and what they show of it with PostgreSQL away."""

from typing import Any

import httpx

from tests.serving.conftest import Seeds, ids, recommended


def publish_popular(seeds: Seeds) -> int:
    """A run in which the films are popular in their order."""
    return seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})


async def fallback(client: httpx.AsyncClient, user: str, **query: Any) -> list[int]:
    """The films of an answer from the fallback."""
    answer = await recommended(client, user, **query)
    shown = [int(item_id.removeprefix("film-")) for item_id in ids(answer)]
    assert answer.json()["source"] == answer.json()["strategy"] == "fallback", answer.text
    return shown
