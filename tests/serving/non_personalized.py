"""A run with short lists for everybody, and how they are asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from sqlalchemy import insert, text

from tests import tables
from tests.serving.conftest import Seeds, ids

FILMS = 30
PATHS = (
    "/v1/popular",
    "/v1/popular?window=day",
    "/v1/popular?window=week",
    "/v1/popular?window=month",
    "/v1/popular?window=all",
    "/v1/trending",
    "/v1/trending?window=day",
    "/v1/trending?window=month",
    "/v1/latest",
    "/v1/starter",
    "/v1/starter?session=one",
)


def films(answer: httpx.Response) -> list[int]:
    return [int(item_id.removeprefix("film-")) for item_id in ids(answer)]


def asked(path: str, **query: Any) -> str:
    more = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{path}{'&' if '?' in path else '?'}{more}"


def publish_lists(seeds: Seeds) -> int:
    """Lists of a few films each; the first ten are dramas. Films lie on a circle, in order."""
    seeds.write(
        text("update items set categories = '{drama}' where item_no <= :last").bindparams(
            last=seeds.film_nos[9]
        )
    )
    run_id = seeds.run(
        vectors={no: (1.0, n / FILMS, float(n % 3), 5.0) for n, no in enumerate(seeds.film_nos)},
        popular={
            "": [(no, 90.0 - n) for n, no in enumerate(seeds.film_nos[:20])],
            "drama": [(no, 90.0 - n) for n, no in enumerate(seeds.film_nos[:10])],
        },
    )
    store_lists(
        seeds,
        run_id,
        {
            ("popular_day", ""): [3, 2, 1],
            ("popular_week", ""): [9, 8, 7],
            ("popular_month", ""): [6, 5, 4],
            ("all_time", ""): [15, 14, 13],
            ("trending_day", ""): [20],
            ("trending_week", ""): [21, 22],
            ("trending_week", "drama"): [9],
            ("trending_month", ""): [23],
            ("well_known", ""): list(range(12)),
        },
    )
    return run_id


def store_lists(seeds: Seeds, run_id: int, lists: Mapping[tuple[str, str], Sequence[int]]) -> None:
    """Write lists of a run: films by (list, category)."""
    for (name, category), listed in lists.items():
        row = {
            "run_id": run_id,
            "list": name,
            "category": category,
            "item_nos": [seeds.film_nos[film] for film in listed],
            "scores": [float(len(listed) - index) for index in range(len(listed))],
        }
        seeds.write(insert(tables.popular_items).values(row))
