"""Lists of users who are in an experiment."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Seeds, Start, event, ids, recommended, send, until
from tests.serving.experiments.made_experiments import ACT, EXPERIMENTS
from tests.serving.placements.saved_placements import saved

ALL = ("read", "write", "users", "admin")
TWO = (("short", 1, 0.5), ("long", 2, 0.5))


@pytest.fixture
def ann(seeds: Seeds) -> int:
    return seeds.listed_user("ann", popular=range(5, 20))


@pytest.fixture
async def operator(start: Start, seeds: Seeds, ann: int) -> httpx.AsyncClient:
    """A client of an operator, with two versions of the placement home."""
    client = await start()
    client.headers["X-API-Key"] = seeds.key(*ALL, name="operator")
    await saved(client, "home", limit=3)
    await saved(client, "home", 1, limit=7)
    return client


async def started(
    client: httpx.AsyncClient,
    name: str = "trial",
    arms: Sequence[tuple[str, int | str, float]] = TWO,
    **values: Any,
) -> None:
    """An experiment on home that runs, as this client's process knows."""
    named = [{"name": arm, "version": version, "share": share} for arm, version, share in arms]
    body = {"definition": {"placement": "home", "arms": named, **values}}
    assert (await client.put(f"/v1/experiments/{name}", json=body)).status_code == 200
    assert (await client.post(f"/v1/experiments/{name}/start")).status_code == 200
    await until_known(client, name)


async def until_known(client: httpx.AsyncClient, name: str | None) -> None:
    async def known() -> bool:
        found = [await of(client, f"probe-{n}") for n in range(5)]
        return any(each and each["experiment_id"] == name for each in found) == (name is not None)

    await until(known)


async def of(client: httpx.AsyncClient, user_id: str) -> Any:
    answer = await recommended(client, user_id, placement="home")
    return answer.json()["experiment"]


async def test_users_get_what_their_arms_decide_again_and_again(
    operator: httpx.AsyncClient,
) -> None:
    await started(operator)
    found = Counter()
    for n in range(40):
        # The second answer may go the short way.
        first, second = [
            await recommended(operator, f"user-{n}", placement="home") for _ in range(2)
        ]
        for answer in (first, second):
            arm = answer.json()["experiment"]["arm"]
            version = {"short": 1, "long": 2}[arm]
            assert answer.json()["placement"] == {"name": "home", "version": version}
            assert len(ids(answer)) == {"short": 3, "long": 7}[arm]
        assert first.json()["experiment"] == second.json()["experiment"]
        found[first.json()["experiment"]["arm"]] += 1
    assert min(found.values()) >= 8
    # Other placements have nothing to do with it.
    assert (await recommended(operator, "ann")).json()["experiment"] is None


async def test_a_known_user_gets_the_same_arm_the_short_way_and_in_a_body(
    operator: httpx.AsyncClient,
) -> None:
    await started(operator)
    asked = [await of(operator, "ann") for _ in range(4)]
    body = {"user_id": "ann", "placement": "home"}
    asked.append((await operator.post("/v1/recommendations", json=body)).json()["experiment"])
    assert asked == [asked[0]] * 5
    users = [f"user-{n}" for n in range(20)]
    body = {"users": users, "placement": "home"}
    lists = (await operator.post("/v1/recommendations", json=body)).json()["lists"]
    for user, given in zip(users, lists, strict=True):
        assert given["answer"]["experiment"] == await of(operator, user)
    assert {given["answer"]["experiment"]["arm"] for given in lists} == {"short", "long"}


async def test_rows_of_a_page_are_as_the_arm_decides_too(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    await started(operator)
    for user in ("ann", "user-1", "user-2", "user-3"):
        row = {"row": "for_you", "title_id": "top", "placement": "home"}
        page = (await operator.post("/v1/pages", json={"user_id": user, "rows": [row]})).json()
        (given,) = page["rows"]
        assert given["experiment"] == await of(operator, user)
        assert len(given["items"]) == {"short": 3, "long": 7}[given["experiment"]["arm"]]
    of_row = text(
        "select count(*) from impressions where cast(recommendation_id as text) = :id"
        " and experiment_id = 'trial'"
    )

    async def kept() -> bool:
        with seeds.engine.connect() as connection:
            parameters = {"id": given["recommendation_id"]}
            return connection.execute(of_row, parameters).scalar_one() == 1

    await until(kept)


async def test_whoever_was_shown_a_list_is_in_the_experiment_known_or_not(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    await started(operator)
    arms = {}
    for user in ("ann", "somebody", "somebody"):
        arms[user] = (await of(operator, user))["arm"]
    shown = text("select user_id, arm, visits from experiment_users where user_id !~ 'probe'")
    named = text("select count(*) from impressions where experiment_id = 'trial' and arm = :arm")

    async def kept() -> bool:
        with seeds.engine.connect() as connection:
            rows = {row.user_id: (row.arm, row.visits) for row in connection.execute(shown)}
            of_ann = connection.execute(named, {"arm": arms["ann"]}).scalar_one()
        return of_ann > 0 and rows == {"ann": (arms["ann"], 0), "somebody": (arms["somebody"], 2)}

    await until(kept)
    found = (await operator.get("/v1/experiments/trial")).json()
    assert sum(arm["users"] for arm in found["arms"]) >= 2


async def test_a_holdout_gets_the_popular_list_without_what_a_user_must_not_be_shown(
    operator: httpx.AsyncClient, ann: int
) -> None:
    plain = await recommended(operator, "ann", placement="home")
    assert plain.json()["source"] == "blend"
    arms = (("holdout", "popular", 0.999), ("now", 2, 0.001))
    await started(operator, arms=arms)
    held = await recommended(operator, "ann", placement="home")
    assert held.json()["experiment"]["arm"] == "holdout"
    assert (held.json()["strategy"], len(ids(held))) == ("popular", 7)
    assert ids(held)[:3] == ["film-5", "film-6", "film-7"]
    await send(operator, event("ann", 5, "dislike"))
    assert ids(await recommended(operator, "ann", placement="home"))[0] == "film-6"


async def test_an_end_gives_everybody_what_the_placement_decides(
    operator: httpx.AsyncClient,
) -> None:
    await started(operator, arms=(("short", 1, 0.999), ("long", 2, 0.001)))
    assert len(ids(await recommended(operator, "ann", placement="home"))) == 3
    adopted = await operator.post("/v1/experiments/trial/adopt", json={"arm": "short"})
    assert adopted.json()["adopted_version"] == 3
    await until_known(operator, None)
    answer = await recommended(operator, "ann", placement="home")
    assert answer.json()["placement"] == {"name": "home", "version": 3}
    assert (answer.json()["experiment"], len(ids(answer))) == (None, 3)


async def test_another_process_knows_a_running_experiment_from_its_start(
    operator: httpx.AsyncClient, start: Start
) -> None:
    await started(operator)
    other = await start()
    for n in range(10):
        assert await of(other, f"user-{n}") == await of(operator, f"user-{n}")


async def test_experiments_of_one_layer_have_different_users(
    operator: httpx.AsyncClient,
) -> None:
    ramp = [{"days": 0, "share": 0.5}]
    await started(operator, "first", ramp=ramp)
    await started(operator, "second", ramp=ramp)
    found = Counter([(await of(operator, f"user-{n}"))["experiment_id"] for n in range(40)])
    assert found.keys() == {"first", "second"}


async def test_users_of_an_arm_that_was_stopped_get_what_the_control_decides(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    arms = [("short", 1, 0.4), ("long", 2, 0.3), ("popular", "popular", 0.3)]
    await started(operator, arms=arms)
    users = [f"user-{n}" for n in range(20)]
    before = {user: await of(operator, user) for user in users}
    stopped = {"experiment_id": "trial", "arm": "long", "because": "harm"}
    with seeds.engine.begin() as connection:
        connection.execute(EXPERIMENTS["stop_arm"], {**stopped, **ACT})
    loser = next(user for user in users if before[user]["arm"] == "long")

    async def is_out() -> bool:
        return await of(operator, loser) is None

    await until(is_out)
    for user in users:
        arm = before[user]["arm"]
        answer = await recommended(operator, user, placement="home")
        named = answer.json()["experiment"]
        assert named == (None if arm == "long" else before[user])
        if arm == "long":
            assert answer.json()["placement"] == {"name": "home", "version": 1}
            assert len(ids(answer)) == 3
