"""Experiments over HTTP: saved, started, looked at, stopped and adopted."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.serving.conftest import Seeds, Start
from tests.serving.experiments.made_experiments import ACT, EXPERIMENTS, a_definition

ARMS = [
    {"name": "now", "version": 0, "share": 0.5},
    {"name": "other", "version": 1, "share": 0.5},
]
DEFINITION = {"placement": "default", "arms": ARMS, "goal": "conversion"}


@pytest.fixture
async def operator(start: Start, seeds: Seeds, engine: Engine) -> httpx.AsyncClient:
    """A client of an operator, with two versions of the default placement."""
    with engine.begin() as connection:
        connection.execute(text("insert into placements (name, version) values ('default', 2)"))
        connection.execute(
            text(
                "insert into placement_versions (name, version, definition, saved_by) values"
                """ ('default', 1, '{"diversity": 0.5}', 'ann'), ('default', 2, '{}', 'ann')"""
            )
        )
    client = await start()
    client.headers["X-API-Key"] = seeds.key("admin", name="operator")
    return client


async def saved(
    client: httpx.AsyncClient, name: str = "trial", *, revision: int = 0, **values: Any
) -> httpx.Response:
    body = {"definition": {**DEFINITION, **values}, "revision": revision}
    return await client.put(f"/v1/experiments/{name}", json=body)


async def acted(client: httpx.AsyncClient, act: str, name: str = "trial", **body: Any) -> Any:
    path = f"/v1/experiments/{name}/{act}"
    return await (client.post(path) if act == "start" else client.post(path, json=body))


async def test_an_experiment_goes_from_draft_to_adopted(
    operator: httpx.AsyncClient, engine: Engine
) -> None:
    draft = (await saved(operator)).json()
    assert (draft["state"], draft["revision"], draft["layer"], draft["salt"]) == (
        "draft",
        1,
        "default",
        "trial",
    )
    changed = (await saved(operator, revision=1, goal="clicks")).json()
    assert (changed["goal"], changed["revision"]) == ("clicks", 2)
    running = (await acted(operator, "start")).json()
    assert running["state"] == "running"
    assert running["started_at"] is not None
    found = (await operator.get("/v1/experiments/trial")).json()
    assert found["experiment"] == running
    assert [arm["users"] for arm in found["arms"]] == [0, 0]
    assert found["finding"].startswith("Too few users")
    adopted = (await acted(operator, "adopt", arm="other")).json()
    assert (adopted["state"], adopted["adopted_version"]) == ("adopted", 3)
    assert adopted["stopped_because"] == "the arm other was adopted"
    with engine.connect() as connection:
        saved_version = connection.execute(
            text("select definition, note, saved_by from placement_versions where version = 3")
        ).one()
        assert connection.execute(text("select version from placements")).scalar_one() == 3
        acts = connection.execute(text("select act from audit_log order by audit_id")).scalars()
        assert list(acts)[-4:] == [
            "add experiment",
            "change experiment",
            "start experiment",
            "adopt arm",
        ]
    assert saved_version.definition == {"diversity": 0.5}
    assert saved_version.note == "arm other of the experiment trial"
    assert saved_version.saved_by == "key operator"
    listed = (await operator.get("/v1/experiments?state=adopted")).json()["experiments"]
    assert [each["experiment_id"] for each in listed] == ["trial"]
    assert (await operator.get("/v1/experiments?state=draft")).json()["experiments"] == []


def test_a_window_that_is_not_named_is_as_the_setting_says() -> None:
    left_out, named = [
        json.loads(a_definition(**fields).to_stored("trial", 3))["window_days"]
        for fields in ({}, {"window_days": 2})
    ]
    assert (left_out, named) == (3, 2)


async def test_each_act_twice_is_once(operator: httpx.AsyncClient, engine: Engine) -> None:
    for _ in range(2):
        assert (await saved(operator)).json()["revision"] == 1
    for _ in range(2):
        assert (await acted(operator, "start")).json()["revision"] == 2
    for _ in range(2):
        assert (await acted(operator, "stop", because="seen")).json()["stopped_because"] == "seen"
    for _ in range(2):
        assert (await acted(operator, "adopt", arm="now")).json()["adopted_version"] == 3
    with engine.connect() as connection:
        # The arm had version 0: as the settings say.
        query = text("select definition from placement_versions where version = 3")
        assert connection.execute(query).scalar_one() == {}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"arms": ARMS[:1]}, "at least 2"),
        ({"arms": [ARMS[0], {**ARMS[1], "share": 0.4}]}, "sum to 0.9"),
        ({"arms": [ARMS[0], {**ARMS[1], "name": "now"}]}, "a name of its own"),
        ({"ramp": [{"days": 1, "share": 1}]}, "begins at 0 days"),
        ({"ramp": [{"days": 0, "share": 0.5}, {"days": 1, "share": 0.2}]}, "rise"),
        ({"goal": "joy"}, "goal"),
        (
            {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
            "ends before it starts",
        ),
    ],
)
async def test_what_does_not_hold_together_is_refused(
    operator: httpx.AsyncClient, values: dict[str, Any], reason: str
) -> None:
    answer = await saved(operator, **values)
    assert answer.status_code == 422
    assert reason in answer.text


async def test_what_was_changed_meanwhile_or_is_no_draft_is_a_conflict(
    operator: httpx.AsyncClient,
) -> None:
    await saved(operator)
    assert (await saved(operator, goal="value")).status_code == 409
    assert (await saved(operator, revision=1, goal="value")).status_code == 200
    stale = await saved(operator, revision=1, goal="clicks")
    assert stale.status_code == 409
    assert "revision 2, not 1" in stale.json()["detail"]
    await acted(operator, "start")
    late = await saved(operator, revision=3, goal="clicks")
    assert "only drafts can be changed" in late.json()["detail"]


async def test_an_experiment_that_is_none_is_not_found(operator: httpx.AsyncClient) -> None:
    assert (await operator.get("/v1/experiments/none")).status_code == 404
    assert (await saved(operator, revision=3)).status_code == 404
    for act, body in (("start", {}), ("stop", {}), ("adopt", {"arm": "now"})):
        assert (await acted(operator, act, **body)).status_code == 404


async def test_what_is_in_the_way_of_a_start_is_told(operator: httpx.AsyncClient) -> None:
    await saved(operator, "nowhere", placement="home")
    await saved(operator, "never", arms=[ARMS[0], {**ARMS[1], "version": 9}])
    await saved(operator, "unkind", kinds=["purchase", "purchse"])
    await saved(operator, "first", ramp=[{"days": 0, "share": 0.1}, {"days": 1, "share": 0.6}])
    await saved(operator, "second", ramp=[{"days": 0, "share": 0.5}])
    await saved(operator, "third", ramp=[{"days": 0, "share": 0.4}])
    await saved(operator, "elsewhere", layer="own", ramp=[{"days": 0, "share": 0.1}])
    details = {}
    for name in ("nowhere", "never", "unkind", "first", "second", "third", "elsewhere"):
        answer = await acted(operator, "start", name)
        details[name] = "" if answer.status_code == 200 else answer.json()["detail"]
        assert answer.status_code in {200, 409}
    assert "no placement 'home'" in details["nowhere"]
    assert "never had" in details["never"]
    assert "among 'purchase', 'purchse'" in details["unkind"]
    assert "no room for another 50%" in details["second"]
    assert "another layer than 'own'" in details["elsewhere"]
    assert details["first"] == details["third"] == ""


async def test_what_cannot_be_stopped_or_adopted_is_told(operator: httpx.AsyncClient) -> None:
    popular = {**ARMS[1], "name": "holdout", "version": "popular"}
    await saved(operator, arms=[ARMS[0], popular])
    assert "never started" in (await acted(operator, "stop")).json()["detail"]
    assert "never started" in (await acted(operator, "adopt", arm="now")).json()["detail"]
    await acted(operator, "start")
    for arm in ("holdout", "nobody"):
        answer = await acted(operator, "adopt", arm=arm)
        assert answer.status_code == 422
        assert answer.json()["detail"].endswith("There are: now.")


async def test_an_arm_that_did_harm_is_not_adopted(
    operator: httpx.AsyncClient, engine: Engine
) -> None:
    await saved(operator)
    await acted(operator, "start")
    stopped = {"experiment_id": "trial", "arm": "other", "because": "it harms value"}
    with engine.begin() as connection:
        connection.execute(EXPERIMENTS["stop_arm"], {**stopped, **ACT})
    refused = await acted(operator, "adopt", arm="other")
    assert refused.status_code == 409
    assert "was stopped (it harms value), and is not adopted" in refused.json()["detail"]
    assert (await acted(operator, "adopt", arm="now")).json()["adopted_version"] == 3
