"""Rules and experiments over HTTP, on every read that may be for a placement."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Seeds, event, faults, send, until
from tests.serving.placements.saved_placements import saved

QUERIES = (
    "/v1/search?q=film",
    "/v1/items/film-1/similar?limit=20",
    "/v1/similar?item_id=film-1&item_id=film-2",
    "/v1/popular?limit=20",
    "/v1/trending?limit=20",
    "/v1/latest?limit=20",
    "/v1/starter?limit=20",
)
ROWS = ("for_you", "because_of", "popular", "trending")
RULES = [
    {"name": "first", "do": "pin", "item_ids": ["film-13"], "position": 1},
    {"name": "never", "do": "hide", "item_ids": ["film-5"]},
    {"name": "one of", "do": "cap", "category": "few", "at_most": 1},
]
FEW = {f"film-{n}" for n in range(6, 10)}


@pytest.fixture(autouse=True)
def ann(seeds: Seeds) -> int:
    seeds.write(
        text("update items set categories = '{few}' where item_id = any(:few)").bindparams(
            few=[*FEW]
        )
    )
    return seeds.listed_user("ann", popular=range(15))


async def answers(
    client: httpx.AsyncClient, user_id: str | None, placement: str = "home", limit: int = 4
) -> Mapping[str, Any]:
    """The answer of every read, by what it is asked with."""
    found = {}
    of_user = "" if user_id is None else f"&user_id={user_id}"
    for path in QUERIES:
        whole = f"{path.replace('?limit=20', '?')}&placement={placement}&limit={limit}{of_user}"
        answer = await client.get(whole)
        assert answer.status_code == 200, answer.text
        found[path] = answer.json()
    asked = {"placement": placement, "limit": limit}
    body = {
        **asked,
        **({"items": [{"item_id": "film-1"}]} if user_id is None else {"user_id": user_id}),
    }
    answer = await client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    found["recommendations"] = answer.json()
    for kind in ROWS:
        row = {"row": kind, "title_id": "one", **asked}
        row |= {"item_id": "film-1"} if kind == "because_of" else {}
        page = await client.post("/v1/pages", json={"user_id": user_id, "rows": [row]})
        assert page.status_code == 200, page.text
        (found[f"row {kind}"],) = page.json()["rows"] or [None]
    return {name: answer for name, answer in found.items() if answer is not None}


def listed(answer: Any) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


async def started(client: httpx.AsyncClient, arms: Sequence[tuple[str, int | str, float]]) -> None:
    """An experiment on home that runs, as this client's process knows."""
    named = [{"name": arm, "version": version, "share": share} for arm, version, share in arms]
    body = {"definition": {"placement": "home", "arms": named}}
    assert (await client.put("/v1/experiments/trial", json=body)).status_code == 200
    assert (await client.post("/v1/experiments/trial/start")).status_code == 200

    async def known() -> bool:
        answer = await client.get("/v1/popular?placement=home&user_id=probe")
        return answer.status_code != 200 or answer.json()["experiment"] is not None

    await until(known)


async def test_a_pin_a_hidden_item_and_a_cap_act_on_every_read(
    operator: httpx.AsyncClient,
) -> None:
    await saved(operator, "home", rules=RULES)
    for user_id in ("ann", None):
        found = await answers(operator, user_id, limit=10)
        assert len(found) == len(QUERIES) + 1 + len(ROWS)
        for name, answer in found.items():
            assert answer.get("degraded") is None, name
            shown = listed(answer)
            assert shown[0] == "film-13", name
            assert "film-5" not in shown, name
            assert len(FEW.intersection(shown)) <= 1, name
            assert answer["placement"] == {"name": "home", "version": 1}
    for path in QUERIES[:3]:
        cached = f"{path}&placement=home&user_id=ann"

        async def is_cached(cached: str = cached) -> bool:
            answer = (await operator.get(cached)).json()
            assert listed(answer)[0] == "film-13"
            return bool(answer["source"] == "cache")

        await until(is_cached)


async def test_what_is_pinned_stands_where_it_falls_in_a_list_of_pages(
    operator: httpx.AsyncClient,
) -> None:
    rules = [
        {"name": "one", "do": "pin", "item_ids": ["film-12", "film-11"], "position": 2},
        {"name": "two", "do": "pin", "item_ids": ["film-14"], "position": 5},
    ]
    await saved(operator, "home", rules=rules)
    for path in (*QUERIES, "/v1/users/ann/recommendations?diversity=0"):
        shown: list[str] = []
        cursor = ""
        for _ in range(3):
            more = f"&placement=home&limit=3{cursor}"
            answer = (await operator.get(path.replace("?limit=20", "?") + more)).json()
            shown += listed(answer)
            cursor = f"&cursor={answer['next']}"
        assert len(set(shown)) == 9, path
        assert (shown[1], shown[4]) == ("film-12", "film-14"), path


async def test_a_rule_for_some_users_holds_for_them_and_for_nobody_else(
    operator: httpx.AsyncClient,
) -> None:
    children = {"name": "children", "do": "hide", "item_ids": ["film-1"], "users": "age < 16"}
    await saved(operator, "home", rules=[children])
    await operator.patch("/v1/users/ann", json={"attributes": {"age": 9}})
    for path in QUERIES[3:]:
        for user, is_shown in (("&user_id=ann", False), ("&user_id=bob", True), ("", True)):
            answer = (await operator.get(f"{path[:-2]}50&placement=home{user}")).json()
            assert ("film-1" in listed(answer)) is is_shown, (path, user)
    body: dict[str, Any] = {"placement": "home", "explain": True}
    for whom, named in (
        ({"items": [{"item_id": "film-2"}]}, ["children"]),
        ({"user_id": "ann"}, []),
    ):
        explained = (await operator.post("/v1/recommendations", json={**body, **whom})).json()
        assert explained["rules_for_users"] == named


async def test_every_read_gives_a_user_one_arm_and_counts_as_shown_by_it(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    await saved(operator, "home", filter='item_id != "film-3"')
    await saved(operator, "home", 1, rules=[RULES[0]])
    plain = await answers(operator, "ann")
    assert all(answer["experiment"] is None for answer in plain.values())
    assert all(plain[path]["recommendation_id"] is None for path in QUERIES)
    await started(operator, (("filtered", 1, 0.5), ("pinned", 2, 0.5)))
    arms = Counter[str]()
    given: dict[str, Any] = {}
    for user_id in ("ann", *(f"user-{n}" for n in range(6))):
        found = await answers(operator, user_id, limit=14)
        (arm,) = {answer["experiment"]["arm"] for answer in found.values()}
        arms[arm] += 1
        for name, answer in found.items():
            assert (listed(answer)[0] == "film-13") is (arm == "pinned"), name
            assert not (arm == "filtered" and "film-3" in listed(answer)), name
            given[answer["recommendation_id"]] = (arm, {"filtered": 1, "pinned": 2}[arm])
    assert len(arms) == 2
    of_nobody = await answers(operator, None)
    assert all(answer["experiment"] is None for answer in of_nobody.values())
    assert all(of_nobody[path]["recommendation_id"] is None for path in QUERIES)
    written = text(
        "select cast(recommendation_id as text), arm, placement_version from impressions"
        " where experiment_id = 'trial'"
    )
    exposed = text("select user_id, arm from experiment_users where user_id <> 'probe'")

    async def kept() -> bool:
        with seeds.engine.connect() as connection:
            rows = {key: (arm, version) for key, arm, version in connection.execute(written)}
            users = dict(connection.execute(exposed).tuples().all())
        return given.items() <= rows.items() and Counter(users.values()) == arms

    await until(kept)
    # A list that is at hand counts as shown too.
    path = f"{QUERIES[0]}&placement=home&user_id=ann"
    first = await operator.get(path)
    again = await operator.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.headers["Tandem-Recommendation-Id"] != first.json()["recommendation_id"]


async def test_a_click_in_a_search_counts_for_its_arm(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    await saved(operator, "home", limit=5)
    await started(operator, (("now", 1, 0.5), ("held", "popular", 0.5)))
    found = (await operator.get(f"{QUERIES[0]}&placement=home&user_id=ann")).json()
    shown_as = found["recommendation_id"]
    await send(operator, event("ann", 2, recommendation_id=shown_as))
    clicks = text(
        "select count(*) from interactions join impressions using (recommendation_id)"
        " where experiment_id = 'trial' and arm = :arm"
    ).bindparams(arm=found["experiment"]["arm"])

    async def counted() -> bool:
        with seeds.engine.connect() as connection:
            return connection.execute(clicks).scalar_one() == 1

    await until(counted)


async def test_an_arm_that_decides_on_what_a_list_does_not_have_is_refused_for_all_users(
    operator: httpx.AsyncClient,
) -> None:
    await saved(operator, "home", limit=4)
    await saved(operator, "home", 1, limit=4, diversity=0.5)
    await saved(operator, "home", 2, limit=5)
    await started(operator, (("now", 3, 0.5), ("diverse", 2, 0.5)))
    for path in QUERIES:
        refused = await operator.get(f"{path}&placement=home")
        detail = faults(refused)["query:placement"]
        assert detail.startswith("home (arm diverse) decides on diversity"), path


async def test_reads_that_take_no_placement_refuse_it(operator: httpx.AsyncClient) -> None:
    await saved(operator, "home", rules=RULES)
    for path in ("/v1/items/film-1/together", "/v1/users/ann/surprising"):
        refused = await operator.get(f"{path}?placement=home")
        assert refused.status_code == 422, path
        assert "placement" in str(refused.json()), path
    body = {"user_id": "ann", "item_ids": ["film-1"], "placement": "home"}
    assert list(faults(await operator.post("/v1/rank", json=body))) == ["/placement"]
