"""The short way to a cached list answers as the whole way does, and only what it may."""

import asyncio
import time
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Delete, delete, func, update
from starlette.types import Message, Scope, Send

from domain.errors import StoreUnavailableError
from serving.http.errors import status_of
from serving.lists.list_maker import ListMaker
from serving.recommendations.hot_route import HotLists
from serving.recommendations.recommend import Recommendation, Recommender
from serving.runtime.budget import current
from tests import tables
from tests.examples import examples
from tests.serving.conftest import Seeds, Start, event, recommended, send, until

PATH = "/v1/users/ann/recommendations"
OF_ONE_ANSWER = {
    "recommendation_id",
    "generated_at",
    "generation_time_ms",
    "list_age_seconds",
    "live_vector_age_seconds",
    "next",
    "request_id",
}
HEADERS_OF_ONE_ANSWER = {
    "x-process-time",
    "x-request-id",
    "tandem-recommendation-id",
    "content-length",
    "ratelimit",
}
PATHS = st.sampled_from(
    [
        PATH,
        "/v1/users/%61nn/recommendations",
        "/v1/users/a%2Fb/recommendations",
        "/v1/users/a/b/recommendations",
        "/v1/users/nobody/recommendations",
        "/v1/users/me/recommendations",
        "/v1/users//recommendations",
        "/v1/users/%ff/recommendations",
        "/v1/users/a%00/recommendations",
        "/v1/us%65rs/ann/recommendations",
        f"/v1/users/{'x' * 300}/recommendations",
        f"{PATH}/",
        f"{PATH}/recommendations",
    ]
)
PAIRS = st.sampled_from(
    [
        *("limit=3", "limit=03", "limit=0", "limit=20", "limit=%33", "Limit=3", "limit"),
        *("exclude_seen=false", "exclude_seen=0", "explain=true", "explain=false"),
        *("category=Comedy", "category=comedy", "exclude_category=Drama", "exclude=x", "fields="),
        *("fields=title,categories", "filter=year%20%3E%201", "filter=(", "cursor=abc", "cursor="),
        *("interest=robots", "interest=%20", "interest_item=x", "max_per_category=1"),
        *("diversity=0.5", "diversity=2", "explore=0", "weights=batch:1", "weights=batch:0"),
        *("weights=speed:1", "policy=fixed", "policy=odd", "sharpness=2", "not_again=1h"),
        *("placement=default", "placement=home", "placement=own", "placement=odd", "placement="),
        *("context=device:phone", "context=device:desk", "context=odd"),
        *("not_again=0h", "use_cache=false", "use_cache=true", "odd=1", "%ff=1", "", "limit=3%ff"),
    ]
)
PLACEMENTS = {
    "home": {
        "limit": 4,
        "diversity": 0.5,
        "filter": 'item_id != "film-2"',
        "variants": [{"when": {"device": ["phone"]}, "limit": 2, "weights": {"batch": 1}}],
    },
    "own": {"filter": "item_id != user.odd", "exclude_seen": False},
}
QUERIES = st.lists(PAIRS, max_size=3).map("&".join)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("X-Request-ID", "If-None-Match", "Accept-Encoding", "Cookie", "Origin", "Accept"),
            *("Authorization", "X-API-Key", "Content-Length", "Traceparent", "X-CSRF-Token"),
        ]
    ),
    st.sampled_from(["*", "gzip", "", "an-id", 'W/"odd"', "Bearer odd", "0", "tandem_session=odd"]),
    max_size=2,
).filter(lambda sent: sent.get("Content-Length", "0") == "0")
through_two_apps = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(80),
)


class Two(NamedTuple):
    """A client of an app with the short way, and one of an app without."""

    short: httpx.AsyncClient
    whole: httpx.AsyncClient
    seeds: Seeds


class Counted:
    """Tells how many requests went the short way, and how many of these got a cached list."""

    def __init__(self, hot_lists: HotLists) -> None:
        self._hot_lists = hot_lists
        self.answered = 0
        self.cached = 0

    async def answer(self, scope: Scope, send: Send) -> bool:
        sent: list[Message] = []

        async def noted(message: Message) -> None:
            sent.append(message)
            await send(message)

        is_answered = await self._hot_lists.answer(scope, noted)
        self.answered += is_answered
        if is_answered:
            start, body = sent
            self.cached += start["status"] == 304 or b'"source":"cache"' in body["body"]
        return is_answered


def counted(client: httpx.AsyncClient) -> Counted:
    app: Any = client.app  # type: ignore[attr-defined]
    app.hot_lists = counting = Counted(app.hot_lists)
    return counting


@pytest.fixture
async def two(start: Start, seeds: Seeds) -> Two:
    """Two apps on one store; both have cached lists."""
    seeds.listed_user("ann", popular=range(5, 10))
    seeds.user("a/b")
    for name, definition in PLACEMENTS.items():
        seeds.placement(name, definition)
    short = await start(limit_key_per_minute=100_000, redis_timeout_seconds=5.0)
    whole = await start(limit_key_per_minute=100_000, redis_timeout_seconds=5.0)
    whole.app.hot_lists = None  # type: ignore[attr-defined]
    return Two(short, whole, seeds)


def compared(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    headers = {
        name: value for name, value in answer.headers.items() if name not in HEADERS_OF_ONE_ANSWER
    }
    if not answer.content:
        return answer.status_code, headers, None
    body = {name: value for name, value in answer.json().items() if name not in OF_ONE_ANSWER}
    if body.get("run"):
        del body["run"]["age_seconds"]
    return answer.status_code, headers, body


async def written(*clients: httpx.AsyncClient) -> None:
    """Wait until the log has the impressions of all answers that were given."""
    for client in clients:
        await client.services[Recommender].impressions.flush()  # type: ignore[attr-defined]


def never_shown(answer: httpx.Response) -> Delete:
    """The statement that takes the impression of an answer out of the log, if there is one."""
    of_answer = answer.headers.get("tandem-recommendation-id")
    return delete(tables.impressions).where(tables.impressions.c.recommendation_id == of_answer)


@through_two_apps
@given(st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]), PATHS, QUERIES, HEADERS)
@example("GET", PATH, "", {})
@example("GET", PATH, "limit=3", {"X-Request-ID": "an-id"})
@example("GET", PATH, "limit=3", {"If-None-Match": "*"})
@example("GET", PATH, "limit=3&limit=3", {})
@example("GET", PATH, "category=comedy", {})
@example("HEAD", PATH, "", {})
@example("GET", PATH, "placement=home", {})
@example("GET", PATH, "placement=home&context=device:phone", {})
@example("GET", PATH, "placement=own", {})
@example("GET", PATH, "placement=odd", {})
@example("GET", PATH, "context=device:phone&context=device:phone", {})
@example("GET", PATH, "not_again=1h&limit=3", {})
@example("GET", PATH, "not_again=1h", {})
@example("GET", PATH, "use_cache=false", {})
@example("GET", PATH, "use_cache=false&limit=3", {"If-None-Match": "*"})
@example("GET", PATH, "use_cache=false&placement=home", {"X-Request-ID": "an-id"})
@example("GET", PATH, "use_cache=false&interest=robots", {})
@example("GET", "/v1/users/nobody/recommendations", "use_cache=false", {})
async def test_both_ways_answer_alike(
    two: Two,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
) -> None:
    """Both answer for what was shown before either was asked: `not_again` tells them apart else."""
    short, whole, seeds = two
    target = f"{path}?{query}" if query else path
    for client in (whole, short):
        await client.request(method, target, headers=headers)
    await written(whole, short)
    of_whole = await whole.request(method, target, headers=headers)
    await written(whole)
    await asyncio.to_thread(seeds.write, never_shown(of_whole))
    of_short = await short.request(method, target, headers=headers)
    assert compared(of_short) == compared(of_whole)
    if headers.get("X-Request-ID") == "an-id":
        assert of_short.headers["x-request-id"] == of_whole.headers["x-request-id"]


@pytest.mark.parametrize("error", [StoreUnavailableError(reason="away"), RuntimeError("odd")])
async def test_both_ways_say_alike_that_no_list_can_be_made(
    two: Two,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    async def fail(*_: Any, **__: Any) -> Recommendation:
        raise error

    short, whole, _ = two
    for client in (short, whole):
        await client.get(PATH)
    monkeypatch.setattr(Recommender, "recommend", fail)
    path = "/v1/users/%61nn/recommendations?use_cache=false"
    counting = counted(short)
    of_short, of_whole = await short.get(path), await whole.get(path)
    assert compared(of_short) == compared(of_whole)
    assert (of_short.status_code, counting.answered) == (status_of(error), 1)
    figures = (await short.get("/metrics")).text
    assert (
        'serving_requests_total{method="GET",route="/v1/users/{user_id}/recommendations"'
        f',status="{of_short.status_code}"}} 1.0' in figures
    )


@pytest.mark.parametrize(("placement", "counts"), [("home", False), ("default", True)])
async def test_a_filter_of_a_placement_is_no_fault_of_postgresql_either_way(
    two: Two,
    monkeypatch: pytest.MonkeyPatch,
    placement: str,
    *,
    counts: bool,
) -> None:
    blamed: list[bool] = []
    find = ListMaker.make

    async def noted(*arguments: Any, **named: Any) -> Any:
        budget = current()
        assert budget is not None
        blamed.append(budget.counts_as_failure)
        return await find(*arguments, **named)

    asked = {"placement": placement, "use_cache": False}
    for client in two[:2]:
        await client.get(PATH, params=asked)
    monkeypatch.setattr(ListMaker, "make", noted)
    counting = counted(two[0])
    for client in two[:2]:
        assert (await client.get(PATH, params=asked)).status_code == 200
    assert (blamed, counting.answered) == ([counts, counts], 1)


async def test_a_cached_list_goes_the_short_way_with_its_tag_and_its_cursor(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    client = await start()
    short = counted(client)
    made = await recommended(client, "ann", limit=3)
    assert (short.answered, short.cached) == (1, 0)
    kept = await recommended(client, "ann", limit=3)
    assert (short.answered, short.cached) == (2, 1)
    assert (kept.json()["source"], kept.headers["etag"]) == ("cache", made.headers["etag"])
    again = await client.get(
        PATH, params={"limit": 3}, headers={"If-None-Match": kept.headers["etag"]}
    )
    assert (again.status_code, again.content, short.cached) == (304, b"", 2)
    page = await recommended(client, "ann", limit=3, cursor=kept.json()["next"])
    assert not {item["item_id"] for item in page.json()["items"]} & {
        item["item_id"] for item in kept.json()["items"]
    }


async def test_what_is_shown_the_short_way_is_an_impression_a_hit_and_a_request(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    client = await start()
    short = counted(client)
    for _ in range(3):
        await recommended(client, "ann", limit=3)
    assert (short.answered, short.cached) == (3, 2)

    async def written() -> bool:
        return await asyncio.to_thread(seeds.count, "impressions") == 3

    await until(written)
    figures = (await client.get("/metrics")).text
    assert 'serving_cache_total{outcome="hit"} 2.0' in figures
    assert (
        'serving_requests_total{method="GET",route="/v1/users/{user_id}/recommendations"'
        ',status="200"} 3.0' in figures
    )


async def test_a_placement_goes_the_short_way_and_its_next_version_at_once_too(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    seeds.placement("home", PLACEMENTS["home"])
    client = await start()
    short = counted(client)
    for _ in range(3):
        shown = await recommended(client, "ann", placement="home")
    assert (short.cached, shown.json()["placement"]) == (2, {"name": "home", "version": 1})
    assert len(shown.json()["items"]) == 4
    client.headers["X-API-Key"] = seeds.key("read", "admin", name="operator")
    body = {"definition": {"limit": 3}, "base_version": 1}
    assert (await client.put("/v1/placements/home", json=body)).status_code == 200
    for _ in range(2):
        shown = await recommended(client, "ann", placement="home")
        assert shown.json()["placement"] == {"name": "home", "version": 2}
        assert len(shown.json()["items"]) == 3
    assert short.cached == 3


async def test_no_cached_list_goes_the_short_way_after_an_event_a_promotion_or_a_withdrawal(
    start: Start, seeds: Seeds
) -> None:
    user_no = seeds.listed_user("ann", popular=range(5, 10))
    client = await start()
    short = counted(client)

    async def is_short() -> bool:
        """Whether the next list does, after one that was made if need be."""
        before = short.cached
        await recommended(client, "ann", limit=3)
        return short.cached > before

    for _ in range(2):
        first = await recommended(client, "ann", limit=3)
    item_id = first.json()["items"][0]["item_id"]
    await send(client, event("ann", int(item_id.removeprefix("film-"))))
    assert not await is_short()
    assert await is_short()
    withdrawn = await client.patch(f"/v1/items/{item_id}", json={"available": False})
    assert withdrawn.status_code == 200, withdrawn.text
    shown = (await recommended(client, "ann", limit=3, exclude_seen=False)).json()["items"]
    assert item_id not in {item["item_id"] for item in shown}
    await is_short()
    run_id = seeds.run(batch={user_no: [(seeds.film_nos[9], 1.0)]})

    async def served() -> bool:
        answer = await recommended(client, "ann", limit=3)
        return answer.json()["run"]["id"] == run_id

    await until(served)


async def test_a_revoked_key_opens_the_short_way_no_more(start: Start, seeds: Seeds) -> None:
    seeds.listed_user("ann")
    client = await start(api_key_seconds=0.4)
    key, other = seeds.key("read", name="short"), seeds.key("write", name="other")
    short = counted(client)
    for _ in range(3):
        answer = await client.get(PATH, headers={"X-API-Key": key})
    assert (answer.status_code, short.answered) == (200, 2)
    assert (await client.get(PATH, headers={"X-API-Key": other})).status_code == 403
    assert (await client.get(PATH, headers={"X-API-Key": key[:-1]})).status_code == 401
    revoked = update(tables.api_keys).where(tables.api_keys.c.name == "short")
    await asyncio.to_thread(seeds.write, revoked.values(revoked_at=func.now()))

    async def refused() -> bool:
        return (await client.get(PATH, headers={"X-API-Key": key})).status_code == 401

    await until(refused)


async def test_a_limit_counts_the_same_whichever_way_a_request_goes(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    client = await start()
    client.headers["X-API-Key"] = seeds.key("read", name="limited", per_minute=100)
    short = counted(client)
    left, began_at = [], time.monotonic()
    for number in range(10):
        path = PATH if number % 2 else f"{PATH}?fields=title"
        left.append(int((await client.get(path)).headers["ratelimit"].split("r=")[1].split(";")[0]))
    came_back = (time.monotonic() - began_at) * 100 / 60
    assert 9 - came_back - 1 <= left[0] - left[-1] <= 9
    assert 2 <= short.answered <= 5


async def test_a_stranger_goes_the_short_way_until_the_first_event(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(30))
    client = await start(redis_timeout_seconds=5.0)
    short = counted(client)

    async def is_short() -> bool:
        before = short.cached
        await recommended(client, "stranger", limit=5)
        return short.cached > before

    await until(is_short)
    shown = await recommended(client, "stranger", limit=5)
    assert (shown.json()["user_id"], shown.json()["source"]) == ("stranger", "cache")
    other = await recommended(client, "another", limit=5)
    assert (other.json()["user_id"], other.headers["etag"]) != (
        "stranger",
        shown.headers["etag"],
    )
    assert "film-0" in {item["item_id"] for item in shown.json()["items"]}
    assert (await send(client, event("stranger", 0))).status_code == 202
    personal = await recommended(client, "stranger", limit=5)
    assert "film-0" not in {item["item_id"] for item in personal.json()["items"]}


async def test_another_process_learns_at_once_that_a_stranger_is_known(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(30))
    first, second = await start(redis_timeout_seconds=5.0), await start(redis_timeout_seconds=5.0)
    for number in range(5):
        user = f"stranger-{number}"
        for _ in range(2):
            shown = await recommended(first, user, limit=5)
            assert "film-0" in {item["item_id"] for item in shown.json()["items"]}
        assert (await send(second, event(user, 0))).status_code == 202
        shown = await recommended(first, user, limit=5)
        assert "film-0" not in {item["item_id"] for item in shown.json()["items"]}
