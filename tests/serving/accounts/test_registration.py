"""Who may make an account: anybody, who is invited, or nobody."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.serving.accounts.people import (
    People,
    bearer,
    register,
    sign_in,
    signed_in,
)
from tests.serving.conftest import Seeds, Start


@pytest.fixture
def begin(start: Start, signing_keys_file: Path) -> Any:
    async def begin(registration: str) -> httpx.AsyncClient:
        client = await start(signing_keys_file=signing_keys_file, registration=registration)
        client.headers["X-API-Key"] = ""
        return client

    return begin


async def invited(client: httpx.AsyncClient, headers: dict[str, str], role: str) -> httpx.Response:
    return await client.post("/v1/admin/accounts", json={"role": role}, headers=headers)


async def test_registration_is_off_unless_it_is_set_up(start: Start, seeds: Seeds) -> None:
    client = await start()
    answer = await register(client, "ann")
    assert (answer.status_code, "TANDEM_REGISTRATION" in answer.text) == (403, True)
    client.headers["X-API-Key"] = seeds.key("admin", name="backend")
    assert (await invited(client, {}, "user")).status_code == 403
    assert seeds.count("accounts") == 0


async def test_by_invitation_an_app_or_an_admin_lets_each_in(
    begin: Any, people: People, seeds: Seeds
) -> None:
    client = await begin("invitation")
    assert (await register(client, "ann")).status_code == 403
    people.add("boss")
    boss = bearer(await signed_in(client, "boss"))
    backend = {"X-API-Key": seeds.key("admin", name="backend")}
    for number, headers in enumerate((boss, backend)):
        made = (await invited(client, headers, "user")).json()
        assert made["path"] == f"/sign-in#invitation={made['link']}"
        name = f"ann-{number}"
        registered = await register(client, name, invitation=made["link"])
        assert (registered.status_code, registered.json()["role"]) == (201, "user")
        assert (await register(client, "eve", invitation=made["link"])).status_code == 410
        assert (await sign_in(client, name)).status_code == 200


async def test_people_of_the_team_are_invited_whatever_end_users_may(
    begin: Any, people: People, seeds: Seeds
) -> None:
    client = await begin("off")
    people.add("boss")
    boss = bearer(await signed_in(client, "boss"))
    for role in ("viewer", "operator", "admin"):
        made = await invited(client, boss, role)
        assert made.status_code == 201
        registered = await register(client, f"new-{role}", invitation=made.json()["link"])
        assert registered.json()["role"] == role
        assert registered.json()["user_id"] is None
    query = "select act, actor, details ->> 'role' from audit_log order by audit_id"
    entries = [tuple(row) for row in seeds.write(text(query))]
    assert entries[:2] == [
        ("invite", "account boss", "viewer"),
        ("accept invitation", "account new-viewer", "viewer"),
    ]
    for role in ("user", "owner", ""):
        assert (await invited(client, boss, role)).status_code in {403, 422}


async def test_only_who_administers_invites_and_no_key_makes_somebody_who_may_more(
    begin: Any, people: People, seeds: Seeds
) -> None:
    client = await begin("open")
    for role in ("viewer", "operator"):
        people.add(role, role)
        headers = bearer(await signed_in(client, role))
        assert (await invited(client, headers, "viewer")).status_code == 403
    await register(client, "ann")
    headers = bearer(await signed_in(client, "ann"))
    assert (await invited(client, headers, "user")).status_code == 403
    small = {"X-API-Key": seeds.key("admin", name="small")}
    assert (await invited(client, small, "user")).status_code == 201
    for method, path, body in (
        ("POST", "/v1/admin/accounts", {"role": "viewer"}),
        ("POST", "/v1/admin/accounts/1/reset", None),
        ("PATCH", "/v1/admin/accounts/1", {"role": "admin"}),
    ):
        refused = await client.request(method, path, json=body, headers=small)
        assert (refused.status_code, "more than this key" in refused.text) == (403, True), path
    scopes = ("read", "write", "users", "token", "admin")
    whole = {"X-API-Key": seeds.key(*scopes, name="whole")}
    assert (await invited(client, whole, "viewer")).status_code == 201


async def test_of_two_who_use_one_invitation_at_once_one_is_first(
    begin: Any, people: People, seeds: Seeds
) -> None:
    client = await begin("invitation")
    people.add("boss")
    boss = bearer(await signed_in(client, "boss"))
    for round_no in range(3):
        link = (await invited(client, boss, "viewer")).json()["link"]
        answers = await asyncio.gather(
            *(register(client, f"ann-{round_no}-{n}", invitation=link) for n in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410]
    assert seeds.count("accounts") == 4


async def test_a_name_that_is_taken_leaves_the_invitation_good(begin: Any, people: People) -> None:
    client = await begin("off")
    people.add("boss")
    boss = bearer(await signed_in(client, "boss"))
    link = (await invited(client, boss, "viewer")).json()["link"]
    assert (await register(client, "BOSS", invitation=link)).status_code == 409
    assert (await register(client, "ann", "short", invitation=link)).status_code == 422
    assert (await register(client, "ann", invitation=link)).status_code == 201


async def test_links_end_by_time_and_are_for_one_thing(
    begin: Any, people: People, seeds: Seeds
) -> None:
    client = await begin("open")
    people.add("boss")
    boss = bearer(await signed_in(client, "boss"))
    link = (await invited(client, boss, "viewer")).json()["link"]
    reset = await client.post("/v1/auth/reset", json={"link": link, "password": "another one"})
    assert reset.status_code == 410
    for other in ("", "x", "tdl_" + "a" * 43):
        assert (await register(client, "ann", invitation=other)).status_code == 410
    seeds.write(text("update account_links set expires_at = now()"))
    assert (await register(client, "ann", invitation=link)).status_code == 410


async def test_two_who_register_one_name_at_once_are_one_account(begin: Any, seeds: Seeds) -> None:
    client = await begin("open")
    answers = await asyncio.gather(*(register(client, name) for name in ("ann", "Ann", "ANN")))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert seeds.count("accounts") == 1
