"""A small catalogue and users whose preferences are asked for over HTTP."""

from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import bindparam, insert, update

from tests import tables
from tests.serving.conftest import Seeds

GENRES = ("war", "crime", "comedy")
PLAIN = {"explore": 0, "diversity": 0}


def genre(item_id: str) -> str:
    return GENRES[int(item_id.removeprefix("film-")) % 3]


@pytest.fixture
def ann(seeds: Seeds) -> int:
    """Thirty films, every third of one genre, and ann with a nightly list and a live vector.

    Film n is `made` of the decade n // 10, and has `tags` with its genre. Films are the more
    similar the nearer their numbers are, up to nine apart. Ann's sources have no film after 19.
    """
    f = seeds.film_nos
    with seeds.engine.begin() as connection:
        connection.execute(
            update(tables.items)
            .where(tables.items.c.item_no == bindparam("film"))
            .values(categories=bindparam("genres"), attributes=bindparam("values")),
            [
                {
                    "film": f[n],
                    "genres": [GENRES[n % 3]],
                    "values": {
                        "made": n // 10,
                        "tags": [GENRES[n % 3], "film"],
                        "short": n % 2 == 0,
                    },
                }
                for n in range(30)
            ],
        )
    user_no = seeds.user("ann")
    run_id = seeds.run(
        batch={user_no: [(f[n], 20.0 - n) for n in range(15)]},
        vectors={f[n]: (1.0 - n / 100, n / 100, 0.0, 0.0) for n in range(20)},
        users={user_no: ((1.0, 0.0, 0.0, 0.0), 1)},
        popular={"": [(f[n], 30.0 - n) for n in range(30)]},
    )
    angles = np.arange(30) / 6.0
    rows = [
        {
            "run_id": run_id,
            "item_no": f[n],
            "similarity_embedding": np.array(
                [np.cos(angles[n]), np.sin(angles[n]), 0.0, 0.0], dtype=np.float32
            ),
        }
        for n in range(30)
    ]
    seeds.write(insert(tables.item_similarity_embeddings).values(rows))
    return user_no


async def prefer(
    client: httpx.AsyncClient, direction: str, user: str = "ann", **thing: Any
) -> dict[str, Any]:
    """What is answered to a preference."""
    body = {"direction": direction, **thing}
    answer = await client.put(f"/v1/users/{user}/preferences", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def take_back(client: httpx.AsyncClient, preference_id: str, user: str = "ann") -> int:
    """How many were taken back."""
    path = f"/v1/users/{user}/preferences/{preference_id}"
    answer = await client.delete(path)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["deleted"])


async def preferences(client: httpx.AsyncClient, user: str = "ann") -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/users/{user}/preferences")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["preferences"])
