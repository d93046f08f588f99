"""Placements are saved, found, rolled back and deleted; who comes second is told so."""

import asyncio

import httpx
from sqlalchemy import text

from tests.serving.conftest import Seeds, faults
from tests.serving.placements.saved_placements import save, saved


async def test_every_version_is_kept_and_an_older_one_comes_back_as_the_next(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    first = await saved(operator, "home", diversity=0.3, limit=6)
    assert (first["version"], first["definition"]) == (1, {"diversity": 0.3, "limit": 6})
    second = await saved(operator, "home", 1, limit=3, not_again="3d", fields=["title"])
    assert (second["version"], second["saved_by"]) == (2, first["saved_by"])
    found = await operator.get("/v1/placements/home")
    assert found.json() == second
    back = {"version": 1, "base_version": 2}
    third = (await operator.post("/v1/placements/home/rollback", json=back)).json()
    assert (third["version"], third["definition"], third["note"]) == (
        3, first["definition"], "as version 1",
    )  # fmt: skip
    newest = (await operator.get("/v1/placements/home/versions?limit=2")).json()
    assert ([each["version"] for each in newest["versions"]], newest["next"]) == ([3, 2], 2)
    older = (await operator.get("/v1/placements/home/versions?before=2")).json()
    assert older == {"versions": [first], "next": None}
    listed = (await operator.get("/v1/placements")).json()["placements"]
    assert [(each["name"], each["version"]) for each in listed] == [("default", 0), ("home", 3)]
    with seeds.engine.connect() as connection:
        acts = text("select act, subject, details ->> 'version' from audit_log order by audit_id")
        assert [tuple(row) for row in connection.execute(acts)] == [
            ("save placement", "home", "1"), ("save placement", "home", "2"),
            ("roll placement back", "home", "3"),
        ]  # fmt: skip


async def test_what_is_in_force_already_is_not_saved_again(operator: httpx.AsyncClient) -> None:
    first = await saved(operator, "home", limit=6)
    assert await saved(operator, "home", 1, limit=6) == first


async def test_of_two_operators_at_once_one_is_told_of_the_other(
    operator: httpx.AsyncClient,
) -> None:
    for base in range(5):
        both = [save(operator, "home", base, limit=10 * base + 1 + n) for n in range(2)]
        answers = sorted(await asyncio.gather(*both), key=lambda answer: answer.status_code)
        assert [answer.status_code for answer in answers] == [200, 409]
        problem = answers[1].json()
        assert problem["type"] == "urn:tandem:problem:placement-conflict"
        assert f"Version {base + 1} of 'home' is in force" in problem["detail"]
    for late in (0, 3, 9):
        assert (await save(operator, "home", late, limit=99)).status_code == 409
    assert (await save(operator, "other", 3)).status_code == 409
    assert (await operator.get("/v1/placements/other")).status_code == 404


async def test_a_deleted_placement_goes_on_counting(operator: httpx.AsyncClient) -> None:
    await saved(operator, "home", limit=6)
    wrong = await operator.delete("/v1/placements/home?base_version=2")
    assert (wrong.status_code, "Version 1" in wrong.json()["detail"]) == (409, True)
    assert (await operator.delete("/v1/placements/home?base_version=1")).status_code == 204
    assert (await operator.delete("/v1/placements/home?base_version=1")).status_code == 404
    assert (await operator.get("/v1/placements/home")).status_code == 404
    assert (await save(operator, "home", 1, limit=7)).status_code == 409
    assert (await saved(operator, "home", limit=7))["version"] == 2
    kept = (await operator.get("/v1/placements/home/versions")).json()["versions"]
    assert [each["version"] for each in kept] == [2, 1]


async def test_a_definition_that_cannot_be_is_refused_by_name(operator: httpx.AsyncClient) -> None:
    for fields, where in (
        ({"unheard_of": 1}, "/definition/unheard_of"),
        ({"diversity": 2}, "/definition/diversity"),
        ({"limit": "6"}, "/definition/limit"),
        ({"filter": "year >"}, "/definition/filter"),
        ({"weights": {"odd": 1}}, "/definition/weights/odd/[key]"),
        ({"weights": {"batch": 1}, "policy": "fixed"}, "/definition"),
        ({"not_again": "3 days"}, "/definition/not_again"),
        ({"variants": [{"limit": 3}]}, "/definition/variants/0/when"),
        ({"fallback": "odd"}, "/definition/fallback"),
    ):
        refused = await save(operator, "home", **fields)
        assert (refused.status_code, list(faults(refused))) == (422, [where]), fields
    assert (await save(operator, "Home")).status_code == 422
    everywhere = await save(operator, "everywhere", limit=6)
    assert (everywhere.status_code, list(faults(everywhere))) == (422, ["/definition/limit"])
    for path in ("home", "home/versions"):
        assert (await operator.get(f"/v1/placements/{path}")).status_code == 404
    back = {"version": 1, "base_version": 0}
    assert (await operator.post("/v1/placements/home/rollback", json=back)).status_code == 404
