"""Lists that apps cache or render elsewhere: what was shown of them is posted, and counts once."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from serving.experiments.assignment import Arm, arm_at, point
from tests.serving.conftest import Seeds, faults, recommended, token_of, until
from tests.serving.experiments.made_experiments import ACT, EXPERIMENTS
from tests.serving.placements.saved_placements import saved


async def post(client: httpx.AsyncClient, *shown: dict[str, Any], **more: Any) -> httpx.Response:
    return await client.post("/v1/impressions", json={"impressions": [*shown]}, **more)


def shown(**fields: Any) -> dict[str, Any]:
    return {"recommendation_id": str(uuid.uuid4()), "item_ids": ["film-1"], **fields}


def written(seeds: Seeds) -> list[tuple[Any, ...]]:
    found = text(
        "select cast(recommendation_id as text), user_id, source, placement, placement_version,"
        " experiment_id, arm, array(select item_id from unnest(item_nos) with ordinality as listed"
        " (item_no, place) join items using (item_no) order by place)"
        " from impressions left join users using (user_no) order by shown_at"
    )
    with seeds.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(found)]


async def test_a_list_that_is_not_kept_is_posted_once_it_was_shown(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    await saved(operator, "mail", impressions=False, limit=4)
    given = (await recommended(operator, "ann", placement="mail")).json()
    opened = {
        "recommendation_id": given["recommendation_id"],
        "user_id": "ann",
        "item_ids": [item["item_id"] for item in given["items"]][:3],
        "placement": given["placement"],
        "experiment": {"experiment_id": "mails", "arm": "b"},
        "run_id": given["run"]["id"],
    }
    first = await post(operator, opened)
    assert (first.status_code, first.json()) == (202, {"accepted": 1, "duplicates": 0})
    again = await post(operator, opened, opened | {"item_ids": ["film-9"]}, shown())
    assert again.json() == {"accepted": 1, "duplicates": 2}
    of_ann, of_nobody = written(seeds)
    assert of_ann == (
        given["recommendation_id"], "ann", "posted", "mail", 1, "mails", "b", opened["item_ids"],
    )  # fmt: skip
    assert of_nobody[1:] == (None, "posted", None, None, None, None, ["film-1"])


async def test_all_are_stored_or_none_and_the_reasons(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    late = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    refused = await post(
        operator, shown(), shown(item_ids=["film-1", "nowhere"]), shown(shown_at=late)
    )
    assert refused.status_code == 422
    assert list(faults(refused)) == ["/impressions/2/shown_at", "/impressions/1/item_ids/1"]
    for wrong in (
        shown(item_ids=[]), shown(item_ids=["film-1", "film-1"]), shown(recommendation_id="odd"),
        shown(odd=1), shown(user_id="me"), shown(placement={"name": "mail"}),
        shown(item_ids=[f"film-{n}" for n in range(101)]),
    ):  # fmt: skip
        assert (await post(operator, wrong)).status_code == 422, wrong
    assert (await post(operator)).status_code == 422
    assert (await post(operator, *(shown() for _ in range(1_001)))).status_code == 422
    assert written(seeds) == []


async def test_a_list_that_names_no_arm_counts_for_the_one_its_user_was_in(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    await saved(operator, "mail", limit=3)
    await saved(operator, "mail", 1, limit=4)
    before = datetime.now(UTC)
    arms = [{"name": f"v{n}", "version": n, "share": 0.5} for n in (1, 2)]
    body = {"definition": {"placement": "mail", "arms": arms}}
    assert (await operator.put("/v1/experiments/mails", json=body)).status_code == 200
    assert (await operator.post("/v1/experiments/mails/start")).status_code == 200

    async def known() -> bool:
        answer = await recommended(operator, "probe", placement="mail")
        return answer.json()["experiment"] is not None

    await until(known)
    mail = {"name": "mail", "version": 1}
    users = [f"user-{n}" for n in range(8)]
    early = shown(user_id="early", placement=mail, shown_at=before.isoformat())
    others = [shown(), shown(user_id="bob"), shown(placement=mail), early]
    cached = [shown(user_id=user, placement=mail) for user in users]
    other = {"experiment_id": "mails", "arm": "other"}
    wrong = shown(user_id="carl", experiment=other, placement=mail)
    posted = await post(operator, *cached, *others, wrong)
    assert posted.json() == {"accepted": 13, "duplicates": 0}
    by_id = {row[0]: row[5:7] for row in written(seeds)}
    assert {by_id[each["recommendation_id"]] for each in others} == {(None, None)}
    assigned = {}
    for each in cached:
        experiment, arm = by_id[each["recommendation_id"]]
        given = (await recommended(operator, each["user_id"], placement="mail")).json()
        assert given["experiment"] == {"experiment_id": experiment, "arm": arm}
        assigned[each["user_id"]] = arm
        # What Tandem kept counts as it was given, whatever is posted of it.
        again = shown(recommendation_id=given["recommendation_id"], user_id=each["user_id"])
        assert (await post(operator, again)).status_code == 202
    assert {*assigned.values()} == {"v1", "v2"}
    exposed = text("select user_id, arm, visits from experiment_users where user_id <> 'probe'")

    async def kept() -> bool:
        with seeds.engine.connect() as connection:
            rows = {user: (arm, visits) for user, arm, visits in connection.execute(exposed)}
        return rows.keys() == assigned.keys() and all(
            arm == assigned[user] and visits in {1, 2} for user, (arm, visits) in rows.items()
        )

    await until(kept)


async def started(client: httpx.AsyncClient, **values: Any) -> None:
    """An experiment on mail with three arms that runs, as this client's process knows."""
    await saved(client, "mail", limit=3)
    arms = [{"name": name, "version": 1, "share": 1 / 3} for name in ("a", "b", "c")]
    body = {"definition": {"placement": "mail", "arms": arms, **values}}
    assert (await client.put("/v1/experiments/mails", json=body)).status_code == 200
    assert (await client.post("/v1/experiments/mails/start")).status_code == 200


async def arms_now(client: httpx.AsyncClient, users: list[str]) -> dict[str, Any]:
    found = {}
    for user in users:
        experiment = (await recommended(client, user, placement="mail")).json()["experiment"]
        found[user] = experiment and experiment["arm"]
    return found


async def test_a_list_counts_for_the_arm_of_its_time_whatever_changed_since(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(5, 10))
    await started(operator, automatic=True)
    users = [f"user-{n}" for n in range(12)]
    now = datetime.now(UTC)
    days = {name: now - timedelta(days=days) for name, days in (("start", 3), ("moved", 1))}
    stop = {"experiment_id": "mails", "arm": "b", "because": "harm"}
    with seeds.engine.begin() as connection:
        for moved in (
            "update experiments set started_at = :start",
            "update experiment_strata set since = :start",
            "insert into experiment_strata values ('mails', 2, :moved, '{0.05, 0.05, 0.9}')",
        ):
            given = {name: at for name, at in days.items() if f":{name}" in moved}
            connection.execute(text(moved), given)
        connection.execute(EXPERIMENTS["stop_arm"], {**stop, **ACT})

    async def is_moved() -> bool:
        return [*(await arms_now(operator, users)).values()].count("c") > 8

    await until(is_moved)
    mail = {"name": "mail", "version": 1}
    then = (days["start"] + timedelta(days=1)).isoformat()
    posted = await post(
        operator, *(shown(user_id=user, placement=mail, shown_at=then) for user in users)
    )
    assert posted.json()["accepted"] == len(users)
    equal = tuple(Arm(name, 1 / 3, 1) for name in ("a", "b", "c"))
    expected = {user: arm_at(equal, point("mails", user)).name for user in users}
    assert {*expected.values()} == {"a", "b", "c"}
    first = text("select user_id, arm from experiment_users where first_at = :then")
    with seeds.engine.connect() as connection:
        found = {row.user_id: row.arm for row in connection.execute(first, {"then": then})}
    assert found == expected


async def test_an_experiment_is_named_with_its_placement_and_a_token_names_none(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    await started(with_tokens)
    named = {"experiment_id": "mails", "arm": "a"}
    mail = {"name": "mail", "version": 1}
    elsewhere = shown(user_id="ann", experiment=named, placement={"name": "default", "version": 0})
    refused = await post(with_tokens, shown(user_id="ann", experiment=named), elsewhere)
    assert refused.status_code == 422
    assert list(faults(refused)) == ["/impressions/0/experiment", "/impressions/1/experiment"]
    assert "decides for the placement 'mail'" in refused.text

    async def known() -> bool:
        return None not in (await arms_now(with_tokens, ["probe"])).values()

    await until(known)
    equal = tuple(Arm(name, 1 / 3, 1) for name in ("a", "b", "c"))
    user = next(
        user
        for user in (f"user-{n}" for n in range(99))
        if arm_at(equal, point("mails", user)).name == "b"
    )
    token = await token_of(with_tokens, user)
    own = shown(user_id="me", experiment=named, placement=mail)
    assert (await post(with_tokens, own, headers=token)).status_code == 202
    ((*_, experiment, arm, _),) = [row for row in written(seeds) if row[2] == "posted"]
    assert (experiment, arm) == ("mails", "b")


async def test_a_token_posts_for_its_user_alone(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.user("ann")
    token = await token_of(with_tokens, "ann")
    assert (await post(with_tokens, shown(user_id="me"), headers=token)).status_code == 202
    assert (await post(with_tokens, shown(user_id="bob"), headers=token)).status_code == 403
    assert [row[1] for row in written(seeds)] == ["ann"]
    forgotten = await with_tokens.delete("/v1/users/ann")
    assert forgotten.json()["removed"]["impressions"] == 1


@pytest.mark.parametrize("scopes", [("read",), ("admin",)])
async def test_it_needs_the_scope_of_events(
    client: httpx.AsyncClient, seeds: Seeds, scopes: tuple[str, ...]
) -> None:
    client.headers["X-API-Key"] = seeds.key(*scopes, name="other")
    assert (await post(client, shown())).status_code == 403
