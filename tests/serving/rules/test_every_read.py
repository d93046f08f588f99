"""Rules on every read that may be for a placement: each list is what the model makes of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from domain.identifiers import ItemId, ItemNo, UserId
from serving.answering.pipeline import Answer
from serving.lists.decision import Decision
from serving.lists.request import RecommendationRequest
from serving.non_personalized.non_personalized_list import (
    ListKey,
    ListName,
    NonPersonalizedRequest,
)
from serving.non_personalized.non_personalized_service import NonPersonalizedService
from serving.recommendations.recommend import Recommender
from serving.rows.page import PageRequest, RowKind, RowRequest
from serving.rows.page_maker import PageMaker
from serving.rules.rule import Rule
from serving.rules.rule_set import NO_RULES, HoldingRules
from serving.runtime.budget import Budget, spending
from serving.search.search import Searcher
from serving.search.search_list import SearchRequest
from serving.similar.similar import Similar, SimilarRequest
from tests import tables
from tests.examples import examples
from tests.serving.conftest import Seeds
from tests.serving.rules.rule_model import ALL_ACTS, COLORS, drawn_rules, ruled_by_model

FILMS = range(30)
TAGS = {film: {"ABC"[film % 3]} for film in FILMS}
COLORED = {film: COLORS[film % 7 % 3] for film in FILMS}
_ALL = 100

Listed = Sequence[tuple[int, float]]
"""Films with their scores."""
Read = Callable[[Mapping[Any, Any], int, HoldingRules, tuple[ItemNo, ...]], Awaitable[Listed]]


@pytest.fixture
def ann(seeds: Seeds) -> int:
    """Thirty films with scores of all kinds, each in ann's list."""
    f = seeds.film_nos
    for n in FILMS:
        values = {"categories": [*TAGS[n]], "attributes": {"color": COLORED[n]}}
        items = tables.items
        seeds.write(update(items).where(items.c.item_no == f[n]).values(**values))
    ann = seeds.user("ann")
    run_id = seeds.run(
        batch={ann: [(f[n], 40.0 - n) for n in FILMS]},
        vectors={f[n]: (1.0, n / 30, float(n % 3), 5.0) for n in FILMS},
        popular={"": [(f[n], 90.0 - n) for n in range(25)]},
    )
    for name, listed in (("trending_week", range(20, 8, -1)), ("well_known", range(12))):
        row = {"run_id": run_id, "list": name, "category": ""}
        scored = {
            "item_nos": [f[n] for n in listed],
            "scores": [90.0 - at for at, _ in enumerate(listed)],
        }
        seeds.write(tables.popular_items.insert().values({**row, **scored}))
    near = text(
        "insert into item_similarity_embeddings (run_id, item_no, similarity_embedding)"
        " values (:run_id, :item_no, cast(:embedding as vector))"
    )
    for n in FILMS:
        embedding = f"[{1 - n / 40},{n / 60},{n / 90},{1 - n / 50}]"
        parameters = {"run_id": run_id, "item_no": f[n], "embedding": embedding}
        seeds.write(near.bindparams(**parameters))
    return ann


def number(item: Any) -> int:
    return int(item.item_id.removeprefix("film-"))


def listed(items: Sequence[Any]) -> Listed:
    return [(number(item), item.score) for item in items]


def of(answer: Answer[Any]) -> Listed:
    assert answer.result.degraded is None
    return listed(answer.result.items)


async def searched(
    services: Mapping[Any, Any], limit: int, rules: HoldingRules, shown: tuple[ItemNo, ...]
) -> Listed:
    searcher = cast("Searcher", services[Searcher])
    request = SearchRequest("film", limit, rules=rules, shown=shown)
    return of(await searcher.search(UserId("ann"), request))


async def similar(
    services: Mapping[Any, Any], limit: int, rules: HoldingRules, shown: tuple[ItemNo, ...]
) -> Listed:
    similar = cast("Similar", services[Similar])
    request = SimilarRequest((ItemId("film-3"),), limit, rules=rules, shown=shown)
    return of(await similar.similar(None, request))


def everybodys(name: ListName) -> Read:
    async def read(
        services: Mapping[Any, Any], limit: int, rules: HoldingRules, shown: tuple[ItemNo, ...]
    ) -> Listed:
        service = cast("NonPersonalizedService", services[NonPersonalizedService])
        request = NonPersonalizedRequest(ListKey(name), limit, rules=rules, shown=shown)
        answer = await service.answer(request)
        has_scores = name not in {"latest", "starter"}
        return [(film, score if has_scores else 0.0) for film, score in of(answer)]

    return read


async def recommended(
    services: Mapping[Any, Any], limit: int, rules: HoldingRules, shown: tuple[ItemNo, ...]
) -> Listed:
    recommender = cast("Recommender", services[Recommender])
    request = RecommendationRequest(
        limit, diversity=0.0, explore=0.0, rules=rules, shown=shown, use_cache=False
    )
    return of((await recommender.recommend(UserId("ann"), request)).answer)


def row(kind: RowKind, **fields: Any) -> Read:
    async def read(
        services: Mapping[Any, Any], limit: int, rules: HoldingRules, shown: tuple[ItemNo, ...]
    ) -> Listed:
        del shown
        placed = RecommendationRequest(limit, diversity=0.0, explore=0.0, rules=rules)
        asked = RowRequest(kind, "row", limit, placed=placed, **fields)
        page = await cast("PageMaker", services[PageMaker]).page(PageRequest((asked,)))
        assert page.answer.result.degraded is None
        return [pair for each in page.answer.result.rows for pair in listed(each.items)]

    return read


READS: dict[str, Read] = {
    "search": searched,
    "similar": similar,
    "popular": everybodys("popular"),
    "trending": everybodys("trending_week"),
    "latest": everybodys("latest"),
    "starter": everybodys("starter"),
    "recommendations": recommended,
}
ROWS: dict[str, Read] = {
    "because_of": row("because_of", item_id=ItemId("film-3")),
    "popular": row("popular", category=""),
    "trending": row("trending", category=""),
}


def stored(rules: Sequence[Rule]) -> HoldingRules:
    """Rules of the model as they are about films."""
    return HoldingRules.of(
        rule
        if rule.item_ids is None
        else rule.model_copy(update={"item_ids": tuple(f"film-{no}" for no in rule.item_ids)})
        for rule in rules
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(12),
)
@given(rules=drawn_rules(ALL_ACTS, FILMS, least=1), limit=st.integers(1, 9))
async def test_each_list_is_what_the_model_makes_of_the_list_without_rules(
    client: httpx.AsyncClient, seeds: Seeds, ann: int, rules: list[Rule], limit: int
) -> None:
    services = client.services  # type: ignore[attr-defined]
    holding = stored(rules)
    with spending(Budget.of("reads", 60.0)):
        for name, read in READS.items():
            shown: tuple[ItemNo, ...] = ()
            # Hidden items are no candidates, by which scores are scaled.
            hides = [rule for rule in rules if rule.do == "hide" and name == "recommendations"]
            for _ in range(2):
                unruled = await read(services, _ALL, stored(hides), shown)
                expected = ruled_by_model(unruled, limit, rules, TAGS, COLORED, shown=len(shown))
                found = await read(services, limit, holding, shown)
                assert [film for film, _ in found] == expected, name
                # What rules move keeps its score, but for recommendations.
                if name != "recommendations":
                    assert set(found) <= set(unruled), name
                shown = (*shown, *(ItemNo(seeds.film_nos[film]) for film, _ in found))
                assert len(set(shown)) == len(shown)
        for name, read in ROWS.items():
            unruled = await read(services, _ALL, NO_RULES, ())
            expected = ruled_by_model(unruled, limit, rules, TAGS, COLORED)
            found = await read(services, limit, holding, ())
            assert [film for film, _ in found] == expected, name


async def test_hidden_items_are_replaced_from_farther_down_however_many_they_are(
    client: httpx.AsyncClient, ann: int
) -> None:
    services = client.services  # type: ignore[attr-defined]
    names = tuple(f"film-{no}" for no in range(5, 28))
    hide = HoldingRules.of([Rule(name="most", do="hide", item_ids=names)])
    with spending(Budget.of("reads", 60.0)):
        for name, read in READS.items():
            found = {film for film, _ in await read(services, 6, hide, ())}
            assert found <= {0, 1, 2, 3, 4, 28, 29}, name
            assert len(found) == 6, name


async def test_only_words_and_phrases_bind_what_rules_bring_into_a_search(
    client: httpx.AsyncClient, ann: int, seeds: Seeds
) -> None:
    services = client.services  # type: ignore[attr-defined]
    other = tables.items.update().where(tables.items.c.item_id == "film-7")
    seeds.write(other.values(title="Something else"))
    searcher = cast("Searcher", services[Searcher])
    pin = HoldingRules.of([Rule(name="pin", do="pin", item_ids=("film-7",), position=1)])
    asked = SearchRequest("film", 3, rules=pin)
    with spending(Budget.of("reads", 60.0)):
        answer = await searcher.search(None, asked)
        assert of(answer)[0][0] == 7
        assert answer.result.match == "words"
        for binding in (replace(asked, only_words=True), replace(asked, text='"film"')):
            assert 7 not in [film for film, _ in of(await searcher.search(None, binding))]


async def test_who_gets_what_is_popular_gets_it_from_every_list(
    client: httpx.AsyncClient, ann: int
) -> None:
    services = client.services  # type: ignore[attr-defined]
    popular = Decision("home", 1, experiment_id="trial", arm="held", is_popular=True)
    with spending(Budget.of("reads", 60.0)):
        service = cast("NonPersonalizedService", services[NonPersonalizedService])
        for name in ("latest", "starter", "trending_week"):
            request = NonPersonalizedRequest(ListKey(name), 3, decision=popular)
            answer = await service.answer(request)
            assert (answer.result.strategy, of(answer)[0][0]) == ("popular", 0)
        like = SimilarRequest((ItemId("film-3"),), 3, decision=popular)
        found = await cast("Similar", services[Similar]).similar(None, like)
        assert found.result.strategy == "popular"
        searcher = cast("Searcher", services[Searcher])
        words = await searcher.search(None, SearchRequest("film", 3, decision=popular))
        assert {item.match for item in words.result.items} == {"words"}


async def test_a_reserve_is_kept_for_who_has_seen_its_newest_items(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    """Of 160 items the lists' pool has those that are used, and the reserve's are the newest."""
    client.headers["X-API-Key"] = seeds.key("read", "write", "users", "admin", name="operator")
    seeds.write(
        text(
            "insert into items (item_id, title, categories)"
            " select 'rare-' || n, 'film rare', array['rare'] from generate_series(1, 30) as n"
            " union all"
            " select 'rest-' || n, 'film rest', array['rest'] from generate_series(1, 130) as n"
        )
    )
    nos = dict(seeds.write(text("select item_id, item_no from items")).all())
    seeds.run(
        vectors={nos["film-3"]: (1.0, 0.0, 0.0, 0.0)},
        popular={"": [(nos[f"rest-{n}"], 200.0 - n) for n in range(1, 131)]},
    )
    seen = [{"user_id": "ann", "item_id": f"rare-{n}", "kind": "view"} for n in range(7, 31)]
    assert (await client.post("/v1/events", json={"events": seen})).status_code == 202
    reserve = {"name": "two", "do": "reserve", "category": "rare", "at_least": 2}
    body = {"definition": {"rules": [reserve]}, "base_version": 0}
    assert (await client.put("/v1/placements/home", json=body)).status_code == 200
    asked = "user_id=ann&placement=home&limit=5"
    for path in ("items/film-3/similar?", "search?q=rest&exclude_seen=true&", "popular?"):
        answer = await client.get(f"/v1/{path}{asked}")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        rare = [i["item_id"] for i in found["items"] if i["item_id"].startswith("rare-")]
        assert rare == ["rare-6", "rare-5"], (path, found)
