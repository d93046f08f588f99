"""Every request of other systems in docs/compared.md has one here that answers it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, text

from tests import tables
from tests.serving.conftest import Seeds, Start, event, send

PAGE = Path(__file__).parent.parent.parent / "docs" / "compared.md"
ROW = re.compile(r"^\| (?!there \||---)(?P<there>.+?) \| (?P<here>.+) \|$", re.MULTILINE)
REQUEST = re.compile(
    r"`(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/\S+?)(?: (?P<body>\{.*\}))?`"
    r"(?: → (?P<status>\d{3}))?"
)
NOT_YET = re.compile(r"not yet: \S.+")
SYSTEMS = ("Oryx 2", "Gorse", "Recombee")


@dataclass(frozen=True)
class Request:
    """One request of the table."""

    there: str
    method: str
    path: str
    body: Any
    status: int


def requests() -> list[Request]:
    rows = list(ROW.finditer(PAGE.read_text(encoding="utf-8")))
    found = []
    for row in rows:
        asked = REQUEST.fullmatch(row["here"])
        assert asked or NOT_YET.fullmatch(row["here"]), row[0]
        if asked:
            body = None if asked["body"] is None else json.loads(asked["body"])
            status = int(asked["status"] or 200)
            found.append(Request(row["there"], asked["method"], asked["path"], body, status))
    return found


def test_the_table_has_all_three_systems_and_most_rows_are_requests() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(SYSTEMS)
    for system, section in zip(SYSTEMS, page.split("\n## ")[1:], strict=True):
        rows = ROW.findall(section)
        assert sum("not yet" in here for _, here in rows) < len(rows) / 3, system


@pytest.fixture
def service(seeds: Seeds) -> Seeds:
    """Two users with a taste, ten films that the run knows, every other one a drama of 1995."""
    films, run_users = seeds.film_nos, [seeds.user("ann"), seeds.user("bob")]
    seeds.write(
        text(
            "update items set attributes = attributes || jsonb_build_object('year', 1995),"
            " categories = case when item_no % 2 = 0 then array['drama'] else categories end"
        )
    )
    run_id = seeds.run(
        batch={user: [(films[n], 10.0 - n) for n in range(12)] for user in run_users},
        vectors={films[n]: (1.0 - n / 9, n / 9) for n in range(10)},
        users={run_users[0]: ((1.0, 0.2), 0), run_users[1]: ((0.9, 0.4), 0)},
        popular={"": [(films[n], 30.0 - n) for n in range(20)]},
    )
    rows = [
        {"run_id": run_id, "item_no": films[n], "similarity_embedding": np.array([0.6, n / 9])}
        for n in range(10)
    ]
    seeds.write(insert(tables.item_similarity_embeddings).values(rows))
    return seeds


async def test_each_row_answers_in_the_order_of_the_page(start: Start, service: Seeds) -> None:
    client = await start()
    client.headers["X-API-Key"] = service.key(
        "read", "write", "users", "admin", name="of the table"
    )
    await send(client, *(event(user, film) for user in ("ann", "bob") for film in (1, 2, 3)))
    asked = requests()
    assert len(asked) > 60
    begun = await client.get("/v1/users/ann/recommendations?limit=5")
    for request in asked:
        path = request.path.format(next=begun.json()["next"])
        answer = await client.request(request.method, path, json=request.body)
        assert answer.status_code == request.status, (request, answer.text)
        assert not is_empty(answer.json()), (request, answer.text)


LISTS = ("items", "events", "users", "lists", "item_pairs", "user_item_pairs")


def is_empty(answer: Any) -> bool:
    """Whether every list that was asked for has nothing in it."""
    lists = [answer[name] for name in LISTS if isinstance(answer.get(name), list)]
    return bool(lists) and not any(lists)
