"""What rules do to the lists of users and strangers, on a real database."""

from collections.abc import Sequence
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import text, update

from domain.identifiers import UserId
from serving.lists.recommendation_list import RecommendationList
from serving.lists.request import RecommendationRequest
from serving.recommendations.recommend import Recommendation, Recommender
from serving.rules.rule import Rule
from serving.rules.rule_set import HoldingRules
from serving.runtime.budget import Budget, spending
from tests import tables
from tests.serving.conftest import Gate, Seeds, Start, event, send, until

GENRES = ("war", "crime", "comedy")


@pytest.fixture
def ann(seeds: Seeds) -> int:
    """Thirty films, every third of one genre, made by ten studios; ann's list is films 0 to 19."""
    f = seeds.film_nos
    for n in range(30):
        values = {"categories": [GENRES[n % 3]], "attributes": {"studio": n % 10, "year": 2000 + n}}
        items = tables.items
        seeds.write(update(items).where(items.c.item_no == f[n]).values(**values))
    ann = seeds.user("ann")
    seeds.run(
        batch={ann: [(f[n], 20.0 - n) for n in range(20)]},
        vectors={f[n]: (1.0, n / 100) for n in range(30)},
        popular={"": [(f[n], 30.0 - n) for n in range(10, 30)]},
    )
    return ann


def rule(do: str, name: str = "", **fields: Any) -> Rule:
    return Rule.model_validate({"name": name or do, "do": do, **fields})


async def made(
    client: httpx.AsyncClient, user: str, *rules: Rule, limit: int = 5, **more: Any
) -> Recommendation:
    services = client.services  # type: ignore[attr-defined]
    request = RecommendationRequest(
        limit, diversity=0.0, explore=0.0, rules=HoldingRules.of(rules), **more
    )
    with spending(Budget.of("reads", 20.0)):
        recommender = cast("Recommender", services[Recommender])
        return await recommender.recommend(UserId(user), request)


def films(given: Recommendation) -> list[int]:
    result: RecommendationList = given.answer.result
    return [int(item.item_id.removeprefix("film-")) for item in result.items]


async def test_a_list_without_rules_is_as_it_was(client: httpx.AsyncClient, ann: int) -> None:
    assert films(await made(client, "ann")) == [0, 1, 2, 3, 4]
    assert films(await made(client, "nobody")) == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("rules", "listed", "of_strangers"),
    [
        ([rule("hide", category="war")], [1, 2, 4, 5, 7], [10, 11, 13, 14, 16]),
        ([rule("hide", filter="year < 2011")], [11, 12, 13, 14, 15], [11, 12, 13, 14, 15]),
        ([rule("hide", item_ids=["film-1", "film-10"])], [0, 2, 3, 4, 5], [11, 12, 13, 14, 15]),
        ([rule("bury", category="war", factor=0)], [1, 2, 4, 5, 7], [10, 11, 13, 14, 16]),
        ([rule("boost", filter="year = 2019", factor=100)], None, [19, 10, 11, 12, 13]),
        (
            [rule("pin", item_ids=["film-29", "film-28"], position=2)],
            [0, 29, 1, 2, 3],
            [10, 29, 11, 12, 13],
        ),
        ([rule("pin", category="comedy", position=1)], [2, 0, 1, 3, 4], [11, 10, 12, 13, 14]),
        ([rule("pin", filter="year > 2027", position=3)], [0, 1, 29, 2, 3], [10, 11, 28, 12, 13]),
        ([rule("reserve", category="war", at_least=3)], [0, 1, 2, 3, 6], [10, 11, 12, 15, 18]),
        (
            [rule("reserve", filter="year > 2027", at_least=2)],
            [0, 1, 2, 29, 28],
            [10, 11, 12, 28, 29],
        ),
        ([rule("cap", category="war", at_most=1, window=4)], [0, 1, 2, 4, 3], None),
        (
            [rule("cap", attribute="category", at_most=1, window=3)],
            [0, 1, 2, 3, 4],
            [10, 11, 12, 13, 14],
        ),
        (
            [rule("cap", filter="year < 2003", at_most=1)],
            [0, 3, 4, 5, 6],
            [10, 11, 12, 13, 14],
        ),
    ],
)
async def test_a_rule_does_to_a_list_what_it_says(
    client: httpx.AsyncClient,
    ann: int,
    rules: Sequence[Rule],
    listed: list[int] | None,
    of_strangers: list[int] | None,
) -> None:
    for user, expected in (("ann", listed), ("nobody", of_strangers)):
        given = await made(client, user, *rules)
        assert given.answer.result.degraded is None
        if expected is not None:
            assert films(given) == expected
        again = await made(client, user, *rules)
        assert again.answer.source == "cache"
        assert films(again) == films(given)


async def test_an_attribute_is_capped_by_its_values(client: httpx.AsyncClient, ann: int) -> None:
    cap = rule("cap", attribute="studio", at_most=1)
    assert films(await made(client, "ann", cap, limit=12)) == [*range(10), 10, 11]
    two = rule("cap", attribute="studio", at_most=1, window=12)
    assert films(await made(client, "ann", two, limit=10)) == [*range(10)]
    only = rule("cap", filter="year < 2006", at_most=2, window=4)
    assert films(await made(client, "ann", only, limit=8)) == [0, 1, 6, 7, 2, 3, 8, 9]


async def test_what_is_seen_or_not_available_is_not_pinned_and_the_list_stays_long(
    client: httpx.AsyncClient, ann: int, seeds: Seeds
) -> None:
    await send(client, event("ann", 29, kind="purchase"))
    seeds.hide_item(28)
    pin = rule("pin", item_ids=["film-29", "film-28", "film-27"], position=1)
    assert films(await made(client, "ann", pin)) == [27, 0, 1, 2, 3]
    seen = rule("pin", item_ids=["film-29"], position=1)
    assert films(await made(client, "ann", seen)) == [0, 1, 2, 3, 4]
    assert films(await made(client, "nobody", pin)) == [29, 10, 11, 12, 13]


async def test_a_list_is_full_whatever_rules_hide_or_cap(
    client: httpx.AsyncClient, ann: int
) -> None:
    rules = [
        rule("hide", filter="year < 2020"),
        rule("cap", attribute="category", at_most=1),
        rule("reserve", category="comedy", at_least=5),
    ]
    for user in ("ann", "nobody"):
        assert sorted(films(await made(client, user, *rules, limit=10))) == [*range(20, 30)]


async def test_an_item_that_starts_to_match_a_rule_is_hidden_from_cached_lists_too(
    client: httpx.AsyncClient, ann: int
) -> None:
    hide = rule("hide", filter="blocked = true")
    assert films(await made(client, "ann", hide)) == [0, 1, 2, 3, 4]
    assert (await made(client, "ann", hide)).answer.source == "cache"
    patch = {"attributes": {"blocked": True}}
    assert (await client.patch("/v1/items/film-2", json=patch)).status_code == 200

    async def is_hidden() -> bool:
        return films(await made(client, "ann", hide)) == [0, 1, 3, 4, 5]

    await until(is_hidden)
    assert (await client.patch("/v1/items/film-2", json={"attributes": None})).status_code == 200
    uncached = {"use_cache": False}

    async def is_back() -> bool:
        return films(await made(client, "ann", hide, **uncached)) == [0, 1, 2, 3, 4]

    await until(is_back)


async def test_a_change_of_any_item_is_followed(
    client: httpx.AsyncClient, ann: int, seeds: Seeds
) -> None:
    rules = [rule("hide", filter="blocked = true"), rule("cap", attribute="maker", at_most=1)]
    assert films(await made(client, "ann", *rules)) == [0, 1, 2, 3, 4]
    seeds.write(
        text("""
            insert into items (item_id, title)
            select 'new-' || n, 'New' from generate_series(1, 2000) as n
        """)
    )
    seeds.write(
        text("""
            update items set attributes = '{"blocked": true}' where item_id in ('film-0', 'film-1')
        """)
    )
    seeds.write(
        text("""
            update items set attributes = '{"maker": ["a", "b"]}'
            where item_id in ('film-2', 'film-4')
        """)
    )

    async def is_followed() -> bool:
        return films(await made(client, "ann", *rules)) == [2, 3, 5, 6, 7]

    await until(is_followed)


async def test_rules_are_explained(client: httpx.AsyncClient, ann: int) -> None:
    rules = [
        rule("boost", filter="year = 2001", factor=1.5),
        rule("bury", category="crime", factor=0.5),
        rule("pin", item_ids=["film-29"], position=2),
        rule("hide", item_ids=["film-0"]),
    ]
    result = (await made(client, "ann", *rules, limit=3, explain=True)).answer.result
    assert [item.item_id for item in result.items] == ["film-2", "film-29", "film-1"]
    explanation = result.explanation
    assert explanation is not None
    assert [each.name for each in explanation.rules["film-29"]] == ["pin"]
    assert explanation.removed is not None
    assert explanation.removed["rule"] == 1
    assert "film-3" not in explanation.rules
    boost, bury = explanation.rules["film-1"]
    listed = result.items[2]
    assert (boost.do, bury.do) == ("boost", "bury")
    assert boost.change == pytest.approx(listed.score / 3)
    assert bury.change == pytest.approx(-listed.score)


async def test_what_rules_hide_stays_hidden_without_postgresql(
    start: Start, ann: int, gate: Gate
) -> None:
    client = await start(request_budget_seconds=2.0)
    hide = rule("hide", category="war")
    for user in ("ann", "nobody"):
        assert films(await made(client, user, hide)) != []
    gate.shut()
    for user in ("ann", "nobody"):
        given = await made(client, user, hide, limit=6, use_cache=False)
        assert given.answer.source == "fallback"
        assert not any(film % 3 == 0 for film in films(given))
