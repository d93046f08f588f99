"""What users say of themselves over HTTP, and a run that knows what it means."""

from typing import Any

import httpx
from sqlalchemy import Engine

from tests.serving.conftest import ids
from tests.small_run import publish_small_run
from tests.small_transitions import transitions_of
from tests.small_words import teach_words

TERMS = {"robot": (1.0, 0.0), "noir": (0.0, 1.0)}
ROBOTS, NOIR, BETWEEN = range(15), range(15, 30), range(12, 18)


def publish_robots_and_noir(engine: Engine, film_nos: list[int]) -> int:
    """Films 0 to 14 are near robots, 15 to 29 near noir; those between are popular.

    Film 29 comes next after film 5.
    """
    with engine.begin() as connection:
        run_id = publish_small_run(
            connection,
            film_nos,
            popular=[film_nos[n] for n in BETWEEN],
            transitions=transitions_of({film_nos[5]: [(film_nos[29], 9.0)]}),
        )
        teach_words(connection, run_id, TERMS)
    return run_id


def films(answer: httpx.Response) -> set[int]:
    return {int(item_id.removeprefix("film-")) for item_id in ids(answer)}


async def put(client: httpx.AsyncClient, user: str = "ann", **fields: Any) -> httpx.Response:
    return await client.put(f"/v1/users/{user}", json=fields)
